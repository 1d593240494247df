import type { Transferable } from 'node:worker_threads'
import { FEW } from './hash.js'
import type { DiskOperations } from './operations.js'
import type { OperationName, WorkerThread } from './worker-thread.js'

/**
 * About how many files each thing is that the looker may do as well, where those are few: some milliseconds, syncs included. What is done when a folder is opened, and nothing
 * else is, counts as little.
 */
const COUNTS: { readonly [K in OperationName]?: (...args: Parameters<DiskOperations[K]>) => number } = {
  hashUpTo: paths => paths.length,
  keepWritten: paths => paths.length,
  discard: names => names.length,
  readPacked: ({ ranges }) => ranges.length / 2,
  stagePacked: ({ ends }) => ends.length,
  installPacked: ({ kinds }) => kinds.length,
  leftovers: () => 0,
  recover: () => 0
}

/**
 * Work that has a thread of its own while there is much of it. What comes alone goes to the thread that looks, which is there anyway: starting one takes longer
 * than all that is done for a lone change. What is given to a duty is carried out in order, wherever that is.
 */
export class Duty {
  readonly #own: WorkerThread
  readonly #looker: WorkerThread
  /** How many tasks the looker has of this duty. */
  #lent = 0

  constructor(own: WorkerThread, looker: WorkerThread) {
    this.#own = own
    this.#looker = looker
  }

  /** How many tasks it has to do. */
  get load(): number {
    return this.#own.load + this.#lent
  }

  /** As `WorkerThread.run`. */
  run<K extends OperationName>(
    name: K,
    ...args: Parameters<DiskOperations[K]>
  ): Promise<ReturnType<DiskOperations[K]>> {
    return this.hand([], name, ...args)
  }

  /** As `WorkerThread.hand`. */
  async hand<K extends OperationName>(
    handedOver: readonly Transferable[],
    name: K,
    ...args: Parameters<DiskOperations[K]>
  ): Promise<ReturnType<DiskOperations[K]>> {
    const isFree = !this.#own.isRunning && this.#looker.load === 0
    if (this.#lent === 0 && !(isFree && isLone(name, args))) return this.#own.hand(handedOver, name, ...args)
    this.#lent++
    try {
      return await this.#looker.hand(handedOver, name, ...args)
    } finally {
      this.#lent--
    }
  }

  /** Ends its own thread: see `WorkerThread.close`. */
  close(): Promise<void> {
    return this.#own.close()
  }
}

function isLone<K extends OperationName>(name: K, args: Parameters<DiskOperations[K]>): boolean {
  const count = COUNTS[name]
  return count !== undefined && count(...args) <= FEW
}
