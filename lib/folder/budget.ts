/** A number of bytes that tasks take from and give back: whoever finds too few left waits its turn. */
export class Budget {
  readonly #limit: number
  #taken = 0
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = []

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  get takenBytes(): number {
    return this.#taken
  }

  /** Takes `bytes`; a request over the whole limit gets its turn when nothing else is taken. */
  async take(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#taken += bytes
      return
    }
    await new Promise<void>(go => this.#waiting.push({ bytes, go }))
  }

  give(bytes: number): void {
    this.#taken -= bytes
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#taken += next.bytes
      next.go()
    }
  }

  #fits(bytes: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= this.#limit
  }
}
