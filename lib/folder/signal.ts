/** Wakes a loop: any number of `wake` calls before the loop waits count as one. */
export class WakeSignal {
  #pending = false
  #resolve: (() => void) | undefined

  wake(): void {
    this.#pending = true
    this.#resolve?.()
  }

  /** Resolves at the next `wake`, or at once if one came since the last wait. */
  async wait(): Promise<void> {
    if (!this.#pending) await new Promise<void>(resolve => (this.#resolve = resolve))
    this.#pending = false
    this.#resolve = undefined
  }
}
