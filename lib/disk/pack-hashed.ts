import { asHash, HASH_BYTES } from '../core/model/hash.js'
import type { Hashed } from './disk.js'
import type { Large } from './hash.js'
import { buffersOfStamps, putStamp, stampAt, stampTable, type StampTable } from './stamp-table.js'

/** What hashing many files gave, on its way between threads: what is said of small files in a few arrays, which are handed over. All else is objects. */
export interface PackedHashed {
  /** undefined for each file of a single chunk that was hashed and is not given whole. */
  readonly others: readonly (Hashed | Large | undefined)[]
  /** Of each of those, in order: its stamp, and its content root, one behind the other. */
  readonly stamps: StampTable
  readonly roots: Uint8Array<ArrayBuffer>
}

const NO_CHUNKS = new Uint8Array(0)

export function packHashed(results: readonly (Hashed | Large)[]): PackedHashed {
  const stamps = stampTable(results.length)
  const roots = new Uint8Array(results.length * HASH_BYTES)
  let next = 0
  const others = results.map(result => {
    if (result.kind !== 'hashed' || result.content.height > 0 || result.bytes !== undefined) return result
    putStamp(stamps, next, result.stamp)
    roots.set(result.content.root, next * HASH_BYTES)
    next++
    return undefined
  })
  return { others, stamps, roots }
}

/** What is handed over instead of being copied. */
export function buffersOfHashed({ stamps, roots }: PackedHashed): ArrayBuffer[] {
  return [...buffersOfStamps(stamps), roots.buffer]
}

export function unpackHashed({ others, stamps, roots }: PackedHashed): (Hashed | Large)[] {
  let next = 0
  return others.map(other => {
    if (other !== undefined) return other
    const i = next++
    const root = asHash(roots.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
    return { kind: 'hashed', stamp: stampAt(stamps, i), content: { root, height: 0 }, chunks: NO_CHUNKS }
  })
}
