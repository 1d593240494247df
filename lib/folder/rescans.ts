import type { Timer, Timers } from '../runtime.js'

/** How often the whole folder is looked through where not everything can be watched. */
const LIMITED_MS = 60_000

/** Has the whole folder looked through at intervals, whatever the watcher says. */
export class Rescans {
  readonly #timers: Timers
  readonly #look: () => void
  #intervalMs: number
  #timer: Timer | undefined

  constructor(timers: Timers, intervalMs: number, look: () => void) {
    this.#timers = timers
    this.#intervalMs = intervalMs
    this.#look = look
  }

  /** Counts from now on. */
  start(): void {
    this.#timer?.cancel()
    this.#timer = this.#timers.after(this.#intervalMs, () => {
      this.#look()
      this.start()
    })
  }

  /** Not everything is watched: it is looked at more often from now on. */
  hurry(): void {
    this.#intervalMs = Math.min(this.#intervalMs, LIMITED_MS)
    this.start()
  }

  close(): void {
    this.#timer?.cancel()
  }
}
