import type { SeededRandom } from './random.js'
import type { Scheduler } from './scheduler.js'

/** One direction of one connection: what is sent arrives later, in order, unless it is blocked or cut. */
export class Lane {
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #delayMs: number
  readonly #isBlocked: () => boolean
  #held: (() => void)[] = []
  #lastAt = 0
  #isCut = false

  constructor(
    scheduler: Scheduler,
    random: SeededRandom,
    options: { readonly delayMs: number; readonly isBlocked: () => boolean }
  ) {
    this.#scheduler = scheduler
    this.#random = random
    this.#delayMs = options.delayMs
    this.#isBlocked = options.isBlocked
  }

  /** Lets `arrive` happen at the other end. */
  send(arrive: () => void): void {
    if (this.#isCut) return
    const jitterMs = this.#random.oneIn(8) ? this.#random.below(3 * this.#delayMs + 1) : 0
    const at = Math.max(this.#lastAt, this.#scheduler.nowMs + this.#delayMs + jitterMs)
    this.#lastAt = at
    this.#scheduler.after(at - this.#scheduler.nowMs, () => {
      if (this.#isCut) return
      if (this.#held.length > 0 || this.#isBlocked()) this.#held.push(arrive)
      else arrive()
    })
  }

  /** What was held back arrives, where nothing blocks it any more. */
  flow(): void {
    if (this.#isCut || this.#isBlocked()) return
    for (const arrive of this.#held.splice(0)) this.#scheduler.after(0, arrive)
  }

  /** Nothing arrives any more. */
  cut(): void {
    this.#isCut = true
    this.#held = []
  }
}
