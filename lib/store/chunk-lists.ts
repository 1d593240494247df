import { ChunkList } from '../core/chunk/content-tree.js'
import { asHash, hashFromKey, type Hash, type HashKey } from '../core/model/hash.js'
import * as layout from './layout.js'
import { ROWS_PER_TURN, write, writeInTurns, type Batch, type Rows } from './rows.js'
import type { Store } from './store.js'
import type { Tables } from './tables.js'

/**
 * How many lists may be superseded before they are dropped. A chunk that stays through edits of its file has a row for each of them, and whoever
 * looks for it passes over as many.
 */
const SUPERSEDED_MAX = 16

/** Where a chunk lies in a content. */
interface Holder {
  readonly root: Hash
  readonly offset: number
  readonly length: number
}

/**
 * The chunk lists of an index, and the rows that say which contents have a chunk. A list whose content left a path is superseded: that is written down with
 * the commit that does it, so that it is known after a crash as well. A list that is here and not superseded has all its rows.
 */
export class ChunkLists {
  readonly #tables: Tables
  readonly #pathsWithContent: Store['pathsWithContent']
  #supersededCount: number

  constructor(tables: Tables, pathsWithContent: Store['pathsWithContent']) {
    this.#tables = tables
    this.#pathsWithContent = pathsWithContent
    this.#supersededCount = [...tables.superseded.keys()].length
  }

  get(root: Hash): Uint8Array | undefined {
    return this.#tables.chunkLists.get(root)
  }

  /** The contents that have a chunk; some may stand at no path any more. */
  *holders(chunk: Hash): Iterable<Holder> {
    for (const { key, value } of this.#tables.chunkPlaces.range({ start: chunk, end: layout.afterPrefix(chunk) }))
      yield { root: asHash(key.subarray(32)), ...layout.decodePlace(value) }
  }

  /** Writes where the chunks of these lists lie. That is only a hint: it may be there piece by piece before the lists are. */
  async putPlaces(chunkLists: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const { chunkPlaces, state, superseded } = this.#tables
    for (const [key, bytes] of chunkLists) {
      const root = hashFromKey(key as HashKey)
      if (this.get(root) !== undefined && superseded.get(root) === undefined) continue
      const list = new ChunkList(bytes)
      for (let start = 0; start < list.count; start += ROWS_PER_TURN) {
        await write(state, batch => {
          for (let i = start; i < Math.min(start + ROWS_PER_TURN, list.count); i++) {
            const place = layout.encodePlace(list.offsetOf(i), list.length(i))
            batch.put(chunkPlaces, layout.chunkPlaceKey(list.hash(i), root), place)
          }
        })
      }
    }
  }

  put(batch: Batch, chunkLists: ReadonlyMap<string, Uint8Array>): void {
    for (const [key, list] of chunkLists) batch.put(this.#tables.chunkLists, hashFromKey(key as HashKey), list)
  }

  /** A content leaves a path. */
  supersede(batch: Batch, root: Hash): void {
    if (this.get(root) === undefined) return
    batch.put(this.#tables.superseded, root, Buffer.alloc(0))
    this.#supersededCount++
  }

  get hasMany(): boolean {
    return this.#supersededCount >= SUPERSEDED_MAX
  }

  /** Drops the superseded lists whose content stands nowhere. Returns how many. */
  async sweep(): Promise<number> {
    const { chunkLists, chunkPlaces, superseded, state } = this.#tables
    const roots = [...superseded.keys()].map(key => asHash(Uint8Array.from(key)))
    const rows: (readonly [Rows, Uint8Array])[] = []
    let dropped = 0
    for (const root of roots) {
      if (this.#pathsWithContent(root, 1).length === 0) {
        const list = new ChunkList(this.get(root) ?? new Uint8Array(0))
        for (let i = 0; i < list.count; i++) rows.push([chunkPlaces, layout.chunkPlaceKey(list.hash(i), root)])
        rows.push([chunkLists, root])
        dropped++
      }
      // The last of its rows: whatever becomes of the ones before, it is known that they may be missing.
      rows.push([superseded, root])
    }
    await writeInTurns(state, rows, (batch, [table, key]) => batch.remove(table, key))
    this.#supersededCount = 0
    return dropped
  }
}
