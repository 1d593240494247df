import { messageOf } from '../core/error.js'
import type { Hash } from '../core/model/hash.js'
import type { FolderContext } from './context.js'

/** After how many changed records the store is swept when the folder is next at rest. */
const CHANGES_BEFORE_SWEEP = 20_000

/** Keeps the store from growing: drops tree nodes and chunk lists that nothing needs any more, when there is time for it. */
export class Collector {
  readonly #context: FolderContext
  readonly #kept: () => readonly Hash[]
  #changes = 0
  #sweeping = false
  #closed = false

  constructor(context: FolderContext, kept: () => readonly Hash[]) {
    this.#context = context
    this.#kept = kept
  }

  committed(count: number): void {
    this.#changes += count
  }

  /** The folder is at rest: a good moment. */
  idle(): void {
    if (this.#changes < CHANGES_BEFORE_SWEEP || this.#sweeping || this.#closed) return
    this.#changes = 0
    this.#sweeping = true
    void this.#sweep()
  }

  close(): void {
    this.#closed = true
  }

  async #sweep(): Promise<void> {
    try {
      const dropped = await this.#context.ledger.lock.run(() => this.#context.store.collect(this.#kept()))
      this.#context.runtime.trace(`swept ${dropped.nodes} nodes and ${dropped.chunkLists} chunk lists`)
    } catch (error) {
      this.#context.runtime.trace(`could not sweep: ${messageOf(error)}`)
    }
    this.#sweeping = false
  }
}
