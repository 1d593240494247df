import { hashBytes, hashesEqual, type Hash } from '../model/hash.js'
import { CHUNK_BYTES_MAX } from './fastcdc.js'

/*
 * A run of zeros never meets a boundary, so that it is cut at the maximum: what a sparse file mostly consists of. Such a chunk need not be cut, hashed, sent
 * nor written.
 */

/** So much at a time is left out of what is written where it is all zeros: small gaps are not worth a file in many pieces. */
const BLOCK_BYTES = 64 * 1024

const ZEROS = new Uint8Array(CHUNK_BYTES_MAX)
const HASH = hashBytes(ZEROS)

/** True for the chunk that a run of zeros is cut into: a new file reads as that wherever nothing was written. */
export function isZeroChunk(hash: Hash, length: number): boolean {
  return length === CHUNK_BYTES_MAX && hashesEqual(hash, HASH)
}

/** The hash of the chunk that begins at `start`, where it is one of zeros; undefined where it is none, or reaches over `end`. */
export function zeroChunkAt(buffer: Uint8Array, start: number, end: number): Hash | undefined {
  const isZero = end - start >= CHUNK_BYTES_MAX && areZeros(buffer.subarray(start, start + CHUNK_BYTES_MAX))
  return isZero ? HASH : undefined
}

/** The parts of `bytes`, which are to stand at `offset` of a file, that are not whole blocks of zeros: [from, to) in `bytes`, in order. */
export function partsWithData(offset: number, bytes: Uint8Array): readonly (readonly [from: number, to: number])[] {
  const parts: [number, number][] = []
  for (let from = 0; from < bytes.byteLength;) {
    const to = Math.min(bytes.byteLength, from + BLOCK_BYTES - ((offset + from) % BLOCK_BYTES))
    const last = parts.at(-1)
    if (to - from < BLOCK_BYTES || !areZeros(bytes.subarray(from, to))) {
      if (last?.[1] === from) last[1] = to
      else parts.push([from, to])
    }
    from = to
  }
  return parts
}

/** Up to CHUNK_BYTES_MAX bytes. Compared by the system's own function, which stops at the first that differs. */
function areZeros(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, ZEROS.subarray(0, bytes.byteLength)) === 0
}
