import { BackerError } from '../core/error.js'
import type { DiskOperations } from './operations.js'
import type { Duty } from './duty.js'
import type { OperationName, WorkerThread } from './worker-thread.js'

/** How many pieces of work may wait. */
const WAITING_MAX = 10_000

type Result<K extends OperationName> = ReturnType<DiskOperations[K]>

/** Who carries a piece of work out. */
type Thread = Pick<WorkerThread | Duty, 'load' | 'run' | 'close'>

interface Waiting {
  readonly begin: (thread: Thread) => Promise<void>
  readonly reject: (error: unknown) => void
}

/** Work for several threads: each piece goes, in the order of asking, to whichever is free first, so that none waits behind a huge one. */
export class WorkQueue {
  readonly #threads: readonly Thread[]
  readonly #waiting: Waiting[] = []

  constructor(threads: readonly Thread[]) {
    this.#threads = threads
  }

  get width(): number {
    return this.#threads.length
  }

  /** Rejects as `WorkerThread.run` does. */
  run<K extends OperationName>(name: K, ...args: Parameters<DiskOperations[K]>): Promise<Result<K>> {
    if (this.#waiting.length >= WAITING_MAX)
      return Promise.reject(new BackerError('LIMIT', `over ${WAITING_MAX} pieces of work wait for the disk`))
    return new Promise((resolve, reject) => {
      const begin = (thread: Thread): Promise<void> => thread.run(name, ...args).then(resolve, reject)
      this.#waiting.push({ begin, reject })
      this.#next()
    })
  }

  /** What waits is rejected with CLOSED. */
  async close(): Promise<void> {
    const error = new BackerError('CLOSED', 'the folder is closed')
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    await Promise.all(this.#threads.map(thread => thread.close()))
  }

  #next(): void {
    const thread = this.#threads.find(({ load }) => load === 0)
    const next = thread === undefined ? undefined : this.#waiting.shift()
    if (thread === undefined || next === undefined) return
    void next.begin(thread).finally(() => this.#next())
  }
}
