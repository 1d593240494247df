import { hashBytes } from '../model/hash.js'

/*
 * Content-defined chunking: where a file is cut depends on the bytes just before the cut, so an edit moves only the cuts
 * beside it.
 *
 * FastCDC with normalised chunking. Source: Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication
 * Based Storage Systems", IEEE TPDS 31(9), 2020, doi 10.1109/TPDS.2020.2984632: the gear hash and its judgement by a mask,
 * skipping the least size, and normalised chunking (one mask before the usual size, a weaker one behind it).
 *
 * For a second implementation. The hash of a row of bytes is h = (h << 1) + GEAR[byte] in 32 bits, from 0. A chunk ends behind
 * the first byte, from its CHUNK_BYTES_MIN-th on, where the hash of the WINDOW_BYTES bytes that end with it has only zeros
 * under the mask: MASK_BEFORE for bytes up to the SWITCH_BYTES-th, MASK_BEHIND for those after it. It ends behind the
 * CHUNK_BYTES_MAX-th byte in any case. GEAR[8 i + j] is the j-th little-endian 32-bit word of
 * BLAKE3("backer gear table 1 " and i in decimal), i from 0 to 31.
 */

/** No chunk has fewer bytes, but for the last one of a file. */
export const CHUNK_BYTES_MIN = 32 * 1024
/** What chunks of random data have on average. */
export const CHUNK_BYTES_AVERAGE = 128 * 1024
/** No chunk has more bytes. */
export const CHUNK_BYTES_MAX = 512 * 1024

/** Where the mask changes: with these masks the average comes out as above. */
const SWITCH_BYTES = 106 * 1024
/** 19 bits: one byte in 524,288 is a cut. */
const MASK_BEFORE = 0x7ffff000
/** 15 bits, all of them in the other mask as well, so that what was a cut stays one where a chunk's start moves. */
const MASK_BEHIND = 0x7fff0000
/** Bytes further back are shifted out of both masks. */
const WINDOW_BYTES = 31

const GEAR = makeGear()

function makeGear(): Int32Array {
  const gear = new Int32Array(256)
  for (let i = 0; i < 32; i++) {
    const words = Buffer.from(hashBytes(Buffer.from(`backer gear table 1 ${i}`)))
    for (let j = 0; j < 8; j++) gear[8 * i + j] = words.readInt32LE(4 * j)
  }
  return gear
}

/**
 * Where the chunk that begins at `start` ends, in `buffer` whose bytes are there from `start` up to `end`: the index behind
 * its last byte. undefined where that is not in these bytes: ask again, from the same start, with more. CHUNK_BYTES_MAX of
 * them are always enough. `isFinal`: the file ends at `end`, and so does its last chunk. The answer depends on the chunk's bytes
 * alone, never on how they were read. About 1,500 MB/s.
 */
export function nextBoundary(buffer: Uint8Array, start: number, end: number, isFinal: boolean): number | undefined {
  const change = Math.min(start + SWITCH_BYTES, end)
  const stop = Math.min(start + CHUNK_BYTES_MAX, end)
  const cut =
    findCut(buffer, start + CHUNK_BYTES_MIN - 1, change, MASK_BEFORE) ?? findCut(buffer, change, stop, MASK_BEHIND)
  if (cut !== undefined) return cut
  if (stop === start + CHUNK_BYTES_MAX) return stop
  return isFinal && start < end ? end : undefined
}

/** The index behind the first byte, from `from` up to `to`, that is a cut under `mask`. Unrolled: it is half as fast without. */
function findCut(buffer: Uint8Array, from: number, to: number, mask: number): number | undefined {
  let hash = 0
  let i = from - WINDOW_BYTES + 1
  if (from >= to) return undefined
  while (i < from) hash = ((hash << 1) + (GEAR[buffer[i++] ?? 0] ?? 0)) | 0
  for (const unrolled = to - 3; i < unrolled; i += 4) {
    hash = ((hash << 1) + (GEAR[buffer[i] ?? 0] ?? 0)) | 0
    if ((hash & mask) === 0) return i + 1
    hash = ((hash << 1) + (GEAR[buffer[i + 1] ?? 0] ?? 0)) | 0
    if ((hash & mask) === 0) return i + 2
    hash = ((hash << 1) + (GEAR[buffer[i + 2] ?? 0] ?? 0)) | 0
    if ((hash & mask) === 0) return i + 3
    hash = ((hash << 1) + (GEAR[buffer[i + 3] ?? 0] ?? 0)) | 0
    if ((hash & mask) === 0) return i + 4
  }
  for (; i < to; i++) {
    hash = ((hash << 1) + (GEAR[buffer[i] ?? 0] ?? 0)) | 0
    if ((hash & mask) === 0) return i + 1
  }
  return undefined
}
