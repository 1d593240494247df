import { randomFillSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as wait } from 'node:timers/promises'
import { Backers } from './backer.js'
import { differenceOf } from './check.js'
import type { Contender, Cost } from './contender.js'
import { PEERS } from './peers.js'
import { workloadsAt, type Workload } from './workloads.js'

/*
 * `npm run bench -- [--scale 0.1] [--runs 3] [--only WORDS] [--profile DIRECTORY]`: measures backer, and what is installed of rsync, rsync over ssh and Unison, in turns on this
 * machine; prints a Markdown table of medians. Every result is checked by code that shares none with backer. Linux only.
 */

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '0.1' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    profile: { type: 'string' }
  }
})
const SAMPLES = 50
const PORT = 28_730

/** The costs of each step of each workload, by who had them. */
const measured = new Map<string, Map<string, Cost[]>>()

function note(step: string, who: string, cost: Cost): void {
  const row = measured.get(step) ?? new Map<string, Cost[]>()
  measured.set(step, row.set(who, [...(row.get(who) ?? []), cost]))
  process.stderr.write(`${step}: ${who} ${cost.seconds.toFixed(3)} s, CPU ${cost.cpuSeconds.toFixed(2)} s\n`)
}

async function withPlace(run: (place: string, a: string, b: string) => Promise<void>): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), 'backer-bench-'))
  try {
    const [a, b] = [join(place, 'a'), join(place, 'b')]
    for (const root of [a, b]) mkdirSync(root)
    await run(place, a, b)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

async function measure(workload: Workload, contender: Contender, a: string, b: string): Promise<void> {
  const confirmed = (step: string, cost: Cost): void => {
    const difference = differenceOf(a, b, contender.timeStepNs)
    if (difference !== undefined) throw new Error(`${contender.name}, ${step}: the directories differ: ${difference}`)
    note(step, contender.name, cost)
  }
  try {
    confirmed(workload.name, await contender.first())
    if (contender instanceof Backers)
      note(`${workload.name}: first scan`, contender.name, {
        seconds: contender.scanSeconds,
        cpuSeconds: 0,
        memoryMiB: 0
      })
    for (const { name, change } of workload.steps)
      confirmed(`${workload.name}: ${name}`, await contender.change(() => change(a)))
    const again = contender.restart()
    if (again !== undefined) confirmed(`${workload.name}: restart`, await again)
  } finally {
    await contender.close()
  }
}

/** Single files of 4 KiB, written one after the other: how long each takes to arrive. */
async function measureLatency(): Promise<void> {
  await withPlace(async (_place, a, b) => {
    writeFileSync(join(a, 'file'), randomFillSync(Buffer.alloc(4096)))
    const contender = new Backers(a, b, values.profile)
    try {
      await contender.first()
      for (let i = 0; i < SAMPLES; i++) {
        const cost = await contender.change(() => writeFileSync(join(a, 'file'), randomFillSync(Buffer.alloc(4096))))
        note('a change of 4 KiB', contender.name, cost)
        await wait(100)
      }
    } finally {
      await contender.close()
    }
  })
}

function mediansOf(costs: readonly Cost[]): Cost {
  const median = (of: (cost: Cost) => number): number => {
    const sorted = costs.map(of).sort((x, y) => x - y)
    return sorted[Math.floor(sorted.length / 2)] ?? Infinity
  }
  return {
    seconds: median(({ seconds }) => seconds),
    cpuSeconds: median(({ cpuSeconds }) => cpuSeconds),
    memoryMiB: median(({ memoryMiB }) => memoryMiB)
  }
}

function table(): string {
  const peers = PEERS.filter(peer => peer.isThere())
  const heads = ['workload', 'backer s', 'CPU s', 'MiB', ...peers.flatMap(({ name }) => [`${name} s`, 'CPU s'])]
  const lines = [[...heads, 'backer / best', 'backer / best encrypted'], heads.map(() => '---').concat('---', '---')]
  for (const [step, row] of measured) {
    const figures = (who: string): string[] => {
      const costs = row.get(who) ?? []
      if (costs.length === 0) return ['–', '–', '–']
      const { seconds, cpuSeconds, memoryMiB } = mediansOf(costs)
      return [seconds.toFixed(3), cpuSeconds.toFixed(2), memoryMiB.toFixed(0)]
    }
    const ratioTo = (those: typeof peers): string => {
      const best = Math.min(...those.map(({ name }) => mediansOf(row.get(name) ?? []).seconds))
      return Number.isFinite(best) ? (mediansOf(row.get('backer') ?? []).seconds / best).toFixed(2) : '–'
    }
    const theirs = peers.flatMap(({ name }) => figures(name).slice(0, 2))
    lines.push([
      step,
      ...figures('backer'),
      ...theirs,
      ratioTo(peers),
      ratioTo(peers.filter(({ isEncrypted }) => isEncrypted))
    ])
  }
  return lines.map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

const chosen = workloadsAt(Number(values.scale)).filter(({ name }) => name.includes(values.only))
for (let run = 0; run < Number(values.runs); run++) {
  for (const workload of chosen) {
    await withPlace(async (_place, a, b) => {
      workload.make(a)
      await measure(workload, new Backers(a, b, values.profile && resolve(values.profile)), a, b)
    })
    for (const peer of PEERS.filter(one => one.isThere())) {
      await withPlace(async (place, a, b) => {
        workload.make(a)
        await measure(workload, await peer.start({ place, a, b, port: PORT }), a, b)
      })
    }
  }
}
if (values.only === '' || 'latency'.includes(values.only)) await measureLatency()
process.stdout.write(`${table()}\n`)
