import type { Program } from './contender.js'
import { limitOf, type Amount, type Limits } from './limits.js'

/** What one step took, with all that it took. */
export interface Measure {
  readonly seconds: number
  readonly cpuSeconds: number
  /** The highest resident memory of any process since its program began. */
  readonly memoryMiB: number | undefined
  /** Undefined where it could not be counted. */
  readonly sentBytes: number | undefined
}

/** All that was measured. */
export class Results {
  /** By step, and in it by who had them. */
  readonly #measures = new Map<string, Map<string, Measure[]>>()
  readonly #amounts = new Map<string, Amount>()

  note(step: string, who: string, measure: Measure, amount?: Amount): void {
    const row = this.#measures.get(step) ?? new Map<string, Measure[]>()
    this.#measures.set(step, row.set(who, [...(row.get(who) ?? []), measure]))
    if (amount !== undefined) this.#amounts.set(step, amount)
  }

  /** Seconds of each program, medians, and what backer's are to the best of the others, to the best encrypted one, and to the machine's limit. */
  times(programs: readonly Program[], limits: Limits): string {
    const [backer, ...peers] = programs
    const encrypted = peers.filter(({ isEncrypted }) => isEncrypted)
    const heads = ['seconds', ...programs.map(({ name }) => name), 'limit', '/ best', '/ best encrypted', '/ limit']
    const rows = [...this.#measures.keys()].map(step => {
      const secondsOf = ({ name }: Program): number | undefined => this.#median(step, name)?.seconds
      const own = backer === undefined ? undefined : secondsOf(backer)
      const best = (those: readonly Program[]): number | undefined => least(those.map(secondsOf))
      const amount = this.#amounts.get(step)
      const limit = amount === undefined ? undefined : limitOf(amount, limits)
      const ratios = [best(peers), best(encrypted), limit].map(other => ratio(own, other))
      return [step, ...programs.map(program => number(secondsOf(program), 3)), number(limit, 3), ...ratios]
    })
    return markdown(heads, rows)
  }

  /** CPU seconds, MiB and MB sent of each program: medians. */
  costs(programs: readonly Program[]): string {
    const heads = ['CPU s, peak MiB, MB sent', ...programs.map(({ name }) => name)]
    const rows = [...this.#measures.keys()].map(step => [
      step,
      ...programs.map(({ name }) => {
        const median = this.#median(step, name)
        if (median === undefined) return '–'
        const { cpuSeconds, memoryMiB, sentBytes } = median
        const sent = number(sentBytes === undefined ? undefined : sentBytes / 1e6, 3)
        return [number(cpuSeconds, 2), number(memoryMiB, 0), sent].join(', ')
      })
    ])
    return markdown(heads, rows)
  }

  #median(step: string, who: string): Measure | undefined {
    const measures = this.#measures.get(step)?.get(who)
    if (measures === undefined) return undefined
    const known = (of: (measure: Measure) => number | undefined): number[] =>
      measures.map(of).filter(value => value !== undefined)
    const median = (values: readonly number[]): number => percentile(values, 0.5)
    const medianKnown = (values: readonly number[]): number | undefined =>
      values.length === 0 ? undefined : median(values)
    return {
      seconds: median(known(({ seconds }) => seconds)),
      cpuSeconds: median(known(({ cpuSeconds }) => cpuSeconds)),
      memoryMiB: medianKnown(known(({ memoryMiB }) => memoryMiB)),
      sentBytes: medianKnown(known(({ sentBytes }) => sentBytes))
    }
  }
}

/** The smallest of the values than which a `part` of them are not larger; NaN without any. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((x, y) => x - y)
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? NaN
}

/** A table in Markdown. */
export function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter(value => value !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

function ratio(own: number | undefined, other: number | undefined): string {
  return own === undefined || other === undefined || other === 0 ? '–' : (own / other).toFixed(2)
}

function number(value: number | undefined, digits: number): string {
  return value === undefined ? '–' : value.toFixed(digits)
}
