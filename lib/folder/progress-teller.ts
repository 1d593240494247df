import type { Timer, Timers } from '../runtime.js'

/** How often listeners hear of progress. */
const INTERVAL_MS = 250

/** Tells of progress at intervals, from when there is some until all is done. */
export class ProgressTeller {
  readonly #timers: Timers
  readonly #tell: () => void
  readonly #isDone: () => boolean
  #timer: Timer | undefined

  constructor(timers: Timers, tell: () => void, isDone: () => boolean) {
    this.#timers = timers
    this.#tell = tell
    this.#isDone = isDone
  }

  /** There is some. */
  soon(): void {
    this.#timer ??= this.#timers.after(INTERVAL_MS, () => {
      this.#timer = undefined
      this.#tell()
      if (!this.#isDone()) this.soon()
    })
  }

  close(): void {
    this.#timer?.cancel()
  }
}
