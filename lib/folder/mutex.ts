/** Runs tasks one at a time, in the order in which they asked. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** True while a task runs or waits. */
  get busy(): boolean {
    return this.#waiting > 0
  }

  /** Runs `task` when all earlier ones have ended; gives or throws what it does. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    this.#waiting++
    const turn = this.#last.then(task, task)
    this.#last = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#waiting--
    }
  }
}
