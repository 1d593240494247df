import { BackerError } from '../core/error.js'
import type { Gate } from '../../protocol/line.js'
import type { Runtime } from '../runtime.js'

/** Bytes per second each way; undefined: as much as there is. */
export interface Rates {
  readonly up: number | undefined
  readonly down: number | undefined
}

/** From a minute of the day on, in local time, these rates hold until the next entry. */
export interface TimetableEntry extends Rates {
  readonly minute: number
}

export interface Limits extends Rates {
  /** Holds in place of `up` and `down` where it has entries. Sorted by minute. */
  readonly timetable: readonly TimetableEntry[]
  /** Connections within a LAN are held back too. */
  readonly includeLan: boolean
}

export const NO_LIMITS: Limits = { up: undefined, down: undefined, timetable: [], includeLan: false }

/** Bytes that may go at once after a rest, as a share of what goes in a second. */
const BURST_SECONDS = 0.05
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 }
/** The least rate: below it a chunk would take longer than a peer waits. */
export const LEAST_BYTES_PER_SECOND = 16_000
const MINUTES_PER_DAY = 24 * 60

/** `512k`, `2M`, `1.5M`, `off` as bytes per second; `off` is undefined. Throws USAGE. */
export function parseRate(text: string): number | undefined {
  if (/^(off|none|unlimited)$/i.test(text)) return undefined
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([kmg]?)b?(?:\/s)?$/i.exec(text) ?? []
  const rate = Math.round(Number(digits) * (UNITS[unit.toLowerCase()] ?? NaN))
  if (Number.isSafeInteger(rate) && rate >= LEAST_BYTES_PER_SECOND) return rate
  throw new BackerError('USAGE', `"${text}" is no rate`, {
    hint: 'Give bytes per second, 16k at least, such as 512k or 2M, or off.'
  })
}

/** `08:00,512k 23:00,off`: rates for both ways, or `UP:DOWN` for each, from a time of the day on. Throws USAGE. */
export function parseTimetable(text: string): readonly TimetableEntry[] {
  if (/^off$/i.test(text.trim())) return []
  const entries = text.trim().split(/\s+/).map(parseEntry)
  return entries.sort((a, b) => a.minute - b.minute)
}

function parseEntry(text: string): TimetableEntry {
  const [, hours, minutes, up = '', down = up] = /^(\d{1,2}):(\d{2}),([^:]+)(?::([^:]+))?$/.exec(text) ?? []
  const minute = Number(hours) * 60 + Number(minutes)
  if (up === '' || !(minute < MINUTES_PER_DAY) || Number(minutes) > 59) {
    throw new BackerError('USAGE', `"${text}" is no entry of a timetable`, {
      hint: 'Write it like "08:00,512k 23:00,off", or with both ways apart like "08:00,512k:2M".'
    })
  }
  return { minute, up: parseRate(up), down: parseRate(down) }
}

/** The rates that hold at a minute of the day. */
export function ratesAt({ up, down, timetable }: Limits, minute: number): Rates {
  if (timetable.length === 0) return { up, down }
  const entry = timetable.filter(({ minute: from }) => from <= minute).at(-1) ?? timetable.at(-1)
  return { up: entry?.up, down: entry?.down }
}

/** A way that keeps to a rate: what has passed must have had its time before the next may pass. */
export class RateGate implements Gate {
  readonly #runtime: Runtime
  #rate: number | undefined
  /** When all that has passed will have had its time. */
  #paidUntil = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Bytes per second; undefined: as much as there is. */
  set rate(rate: number | undefined) {
    if (rate === this.#rate) return
    this.#rate = rate
    // A debt at another rate would hold everything up for too long, or too short.
    this.#paidUntil = this.#runtime.clock.monotonic()
  }

  /** True where something may pass now. */
  get isOpen(): boolean {
    return this.#rate === undefined || this.#paidUntil <= this.#runtime.clock.monotonic()
  }

  tryPass(bytes: number): boolean {
    if (this.#rate === undefined) return true
    const now = this.#runtime.clock.monotonic()
    if (this.#paidUntil > now) return false
    this.#paidUntil = Math.max(this.#paidUntil, now - BURST_SECONDS * 1000) + (bytes / this.#rate) * 1000
    return true
  }

  ready(): Promise<void> {
    const waitMs = this.#paidUntil - this.#runtime.clock.monotonic()
    if (this.#rate === undefined || waitMs <= 0) return Promise.resolve()
    return new Promise(resolve => this.#runtime.timers.after(Math.ceil(waitMs), resolve))
  }
}

/** A way on which two gates stand: what passes one of them passes the other one as well. */
export function together(first: RateGate, second: RateGate): Gate {
  return {
    tryPass: bytes => first.isOpen && second.isOpen && first.tryPass(bytes) && second.tryPass(bytes),
    ready: async () => {
      await Promise.all([first.ready(), second.ready()])
    }
  }
}
