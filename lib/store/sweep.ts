import { setImmediate as breathe } from 'node:timers/promises'
import { BackerError } from '../core/error.js'
import { hashKey, type Hash } from '../core/model/hash.js'
import { nodeHashes } from '../core/tree/read.js'
import type { Store } from './store.js'
import { ROWS_PER_TURN, writeInTurns } from './rows.js'
import type { Tables } from './tables.js'

/** Drops the nodes that nothing needs any more: marks what the given roots reach, then removes the rest. */
export class Sweep {
  readonly #tables: Tables
  readonly #store: Pick<Store, 'node'>
  /** Nodes written since a sweep began: it must not take them for garbage. */
  #written: Set<string> | undefined

  constructor(tables: Tables, store: Pick<Store, 'node'>) {
    this.#tables = tables
    this.#store = store
  }

  /** A node was written just now. */
  noteNode(key: string): void {
    this.#written?.add(key)
  }

  /** Drops the nodes that none of `roots` reaches. Returns how many. Yields to the event loop. */
  async run(roots: readonly Hash[]): Promise<number> {
    this.#written = new Set()
    try {
      return await this.#sweepNodes(await this.#mark(roots))
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
    const { nodes, state } = this.#tables
    await writeInTurns(state, gone, (batch, key) => batch.remove(nodes, key))
    return gone.length
  }
}
