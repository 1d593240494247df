import type { Content } from '../model/record.js'
import type { Hash } from '../model/hash.js'

/** One chunk of a file, in the file's order. */
export interface Chunk {
  readonly hash: Hash
  /** Bytes, 1 to CHUNK_BYTES_MAX. */
  readonly length: number
}

export type { Content }
