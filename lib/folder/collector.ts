import { messageOf } from '../core/error.js'
import type { Hash } from '../core/model/hash.js'
import type { FolderContext } from './context.js'

/** The store is swept when this many bytes of nodes were written since the last time, or so many for each record there is, if that is more. */
const BYTES_BEFORE_SWEEP = 6 * 1024 * 1024
const BYTES_PER_RECORD = 150

/** Keeps the store from growing: drops tree nodes and chunk lists that nothing needs any more. */
export class Collector {
  readonly #context: FolderContext
  readonly #kept: () => readonly Hash[]
  #bytes = 0
  #sweeping = false
  #closed = false

  constructor(context: FolderContext, kept: () => readonly Hash[]) {
    this.#context = context
    this.#kept = kept
  }

  /** These tree nodes were written; the tree has `records` now. */
  committed(nodes: ReadonlyMap<string, Uint8Array>, records: () => number): void {
    for (const { byteLength } of nodes.values()) this.#bytes += byteLength
    if (this.#bytes < BYTES_BEFORE_SWEEP || this.#sweeping || this.#closed) return
    if (this.#bytes < BYTES_PER_RECORD * records()) return
    this.#bytes = 0
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
