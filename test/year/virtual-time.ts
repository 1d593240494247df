import type { Runtime, Timer } from '../../lib/runtime.js'
import { SeededRandom } from '../sim/random.js'

/** Timers that are longer than this wait for `advance`; shorter ones run in real time, so that work that is under way goes on. */
const LONG_MS = 5 * 60 * 1000

/** A clock that stands still until it is moved on, for engines that run on the real disk. */
export class VirtualTime {
  #nowMs: number
  readonly #long = new Set<{ readonly at: number; readonly callback: () => void }>()

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** How many long timers wait. */
  get waiting(): number {
    return this.#long.size
  }

  /** Moves the clock on and runs what is due by then, each once. Returns how many that were. */
  advance(ms: number): number {
    this.#nowMs += ms
    const due = [...this.#long].filter(({ at }) => at <= this.#nowMs)
    for (const timer of due) {
      this.#long.delete(timer)
      timer.callback()
    }
    return due.length
  }

  runtime(seed: string): Runtime {
    return {
      clock: { now: () => this.#nowMs, monotonic: () => this.#nowMs },
      timers: {
        after: (delayMs, callback) => this.#after(delayMs, callback),
        breathe: () => new Promise(resolve => setImmediate(resolve))
      },
      random: new SeededRandom(seed),
      trace: () => undefined
    }
  }

  #after(delayMs: number, callback: () => void): Timer {
    if (delayMs < LONG_MS) {
      const timer = setTimeout(callback, delayMs)
      return { cancel: () => clearTimeout(timer) }
    }
    const timer = { at: this.#nowMs + delayMs, callback }
    this.#long.add(timer)
    return { cancel: () => this.#long.delete(timer) }
  }
}
