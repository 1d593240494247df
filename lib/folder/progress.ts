import type { Clock } from '../runtime.js'
import type { Progress } from './status.js'

/** Over how long the rate is averaged. */
const WINDOW_MS = 5000

/** Counts what is fetched: from the first want until nothing is left, then anew. */
export class ProgressMeter {
  readonly #clock: Clock
  #filesDone = 0
  #filesTotal = 0
  #bytesDone = 0
  #bytesTotal = 0
  #samples: { readonly at: number; readonly bytes: number }[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  want(bytes: number): void {
    this.#filesTotal++
    this.#bytesTotal += bytes
  }

  fetched(bytes: number): void {
    this.#bytesDone += bytes
    const now = this.#clock.monotonic()
    const last = this.#samples.at(-1)
    // One sample in 50 ms is enough to tell a rate, and bounds how many there are.
    if (last === undefined || now - last.at > 50) this.#samples.push({ at: now, bytes: this.#bytesDone })
    while ((this.#samples[0]?.at ?? now) < now - WINDOW_MS) this.#samples.shift()
  }

  done(): void {
    this.#filesDone++
  }

  /** Nothing is left: what comes next is counted from zero. */
  reset(): void {
    this.#filesDone = this.#filesTotal = this.#bytesDone = this.#bytesTotal = 0
    this.#samples = []
  }

  get(): Progress {
    const bytesPerSecond = this.#rate()
    const left = Math.max(0, this.#bytesTotal - this.#bytesDone)
    return {
      filesDone: Math.min(this.#filesDone, this.#filesTotal),
      filesTotal: this.#filesTotal,
      bytesDone: Math.min(this.#bytesDone, this.#bytesTotal),
      bytesTotal: this.#bytesTotal,
      bytesPerSecond,
      etaMs: left === 0 ? 0 : bytesPerSecond > 0 ? Math.round((left / bytesPerSecond) * 1000) : undefined
    }
  }

  #rate(): number {
    const first = this.#samples[0]
    if (first === undefined) return 0
    const elapsedMs = this.#clock.monotonic() - first.at
    return elapsedMs < 100 ? 0 : Math.round(((this.#bytesDone - first.bytes) / elapsedMs) * 1000)
  }
}
