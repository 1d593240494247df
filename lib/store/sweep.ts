import { setImmediate as breathe } from 'node:timers/promises'
import { ChunkList } from '../core/chunk/content-tree.js'
import { BackerError } from '../core/error.js'
import { asHash, hashKey, type Hash } from '../core/model/hash.js'
import { nodeHashes } from '../core/tree/read.js'
import * as layout from './layout.js'
import type { Store } from './store.js'
import { ROWS_PER_TURN, writeInTurns, type Rows } from './rows.js'
import type { Tables } from './tables.js'

/** Drops what nothing needs any more: marks what the given roots reach, then removes the rest. */
export class Sweep {
  readonly #tables: Tables
  readonly #store: Pick<Store, 'node' | 'chunkList' | 'pathsWithContent'>
  /** Nodes written since a sweep began: it must not take them for garbage. */
  #written: Set<string> | undefined

  constructor(tables: Tables, store: Pick<Store, 'node' | 'chunkList' | 'pathsWithContent'>) {
    this.#tables = tables
    this.#store = store
  }

  /** A node was written just now. */
  noteNode(key: string): void {
    this.#written?.add(key)
  }

  async run(roots: readonly Hash[]): Promise<{ readonly nodes: number; readonly chunkLists: number }> {
    this.#written = new Set()
    try {
      const reached = await this.#mark(roots)
      return { nodes: await this.#sweepNodes(reached), chunkLists: await this.#sweepChunkLists() }
    } finally {
      this.#written = undefined
    }
  }

  async #mark(roots: readonly Hash[]): Promise<Set<string>> {
    const reached = new Set<string>()
    for (const root of roots) {
      if (reached.has(hashKey(root))) continue
      reached.add(hashKey(root))
      let count = 0
      try {
        for (const hash of nodeHashes(one => this.#store.node(one), root)) {
          reached.add(hashKey(hash))
          if (++count % ROWS_PER_TURN === 0) await breathe()
        }
      } catch (error) {
        // A peer's tree that is only half here: what is missing will be asked for again.
        if (!(error instanceof BackerError)) throw error
      }
    }
    return reached
  }

  async #sweepNodes(reached: ReadonlySet<string>): Promise<number> {
    const dropped: Uint8Array[] = []
    let count = 0
    for (const key of this.#tables.nodes.keys()) {
      const name = Buffer.from(key).toString('hex')
      if (!reached.has(name)) dropped.push(Uint8Array.from(key))
      if (++count % ROWS_PER_TURN === 0) await breathe()
    }
    const gone = dropped.filter(key => this.#written?.has(Buffer.from(key).toString('hex')) !== true)
    await this.#remove(this.#tables.nodes, gone)
    return gone.length
  }

  async #sweepChunkLists(): Promise<number> {
    const unused: Hash[] = []
    let count = 0
    for (const key of this.#tables.chunkLists.keys()) {
      const root = asHash(key)
      if (this.#store.pathsWithContent(root, 1).length === 0) unused.push(root)
      if (++count % ROWS_PER_TURN === 0) await breathe()
    }
    for (const root of unused) {
      const list = new ChunkList(this.#store.chunkList(root) ?? new Uint8Array(0))
      const places = Array.from({ length: list.count }, (_, i) => layout.chunkPlaceKey(list.hash(i), root))
      await this.#remove(this.#tables.chunkPlaces, places)
      await this.#remove(this.#tables.chunkLists, [root])
    }
    return unused.length
  }

  #remove(rows: Rows, keys: readonly Uint8Array[]): Promise<void> {
    return writeInTurns(this.#tables.state, keys, (batch, key) => batch.remove(rows, key))
  }
}
