interface Waiting {
  readonly send: () => void
  readonly done: () => void
}

/**
 * The way out of a connection for what is large: one piece at a time, each when the stream has taken all before it, in the order in which
 * they came. So a head, or another folder's answer, waits behind one chunk at most and not behind a whole window of them, which on a slow line
 * is the difference between seconds and minutes; and a peer that reads nothing is read nothing for.
 */
export class Outlet {
  readonly #isDrained: () => boolean
  readonly #waiting: Waiting[] = []
  #isClosed = false

  constructor(isDrained: () => boolean) {
    this.#isDrained = isDrained
  }

  /** Calls `send`, which must not throw, when it is its turn. Resolves behind that, or unsent once the outlet is closed. */
  send(send: () => void): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    return new Promise(done => {
      this.#waiting.push({ send, done })
      this.flow()
    })
  }

  /** The stream takes more. */
  flow(): void {
    while (this.#isDrained()) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      next.send()
      next.done()
    }
  }

  /** Lets go of all that waits. */
  close(): void {
    this.#isClosed = true
    for (const { done } of this.#waiting.splice(0)) done()
  }
}
