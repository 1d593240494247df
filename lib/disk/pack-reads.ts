import type { RelativePath } from '../core/model/path.js'
import type { Extent } from './disk.js'

/** Where to read, on its way between threads. */
export interface PackedExtents {
  /** All paths, with NULs between them, which no path contains. */
  readonly paths: string
  /** Of each the offset and the length. */
  readonly ranges: Float64Array<ArrayBuffer>
}

/** What was read, on its way between threads. */
export interface PackedReads {
  readonly buffers: readonly ArrayBufferLike[]
  /** For each piece the index of its buffer (-1: there is no piece), its offset there, and its length. */
  readonly places: Int32Array<ArrayBuffer>
}

const WORDS = 3

export function packExtents(extents: readonly Extent[]): PackedExtents {
  const ranges = new Float64Array(2 * extents.length)
  extents.forEach(({ offset, length }, i) => {
    ranges[2 * i] = offset
    ranges[2 * i + 1] = length
  })
  return { paths: extents.map(({ path }) => path).join('\0'), ranges }
}

export function unpackExtents({ paths, ranges }: PackedExtents): Extent[] {
  if (ranges.length === 0) return []
  return paths
    .split('\0')
    .map((path, i) => ({ path: path as RelativePath, offset: ranges[2 * i] ?? 0, length: ranges[2 * i + 1] ?? 0 }))
}

export function packReads(pieces: readonly (Uint8Array | undefined)[]): PackedReads {
  const indexes = new Map<ArrayBufferLike, number>()
  const places = new Int32Array(WORDS * pieces.length)
  pieces.forEach((piece, i) => {
    const index = piece === undefined ? -1 : (indexes.get(piece.buffer) ?? indexes.size)
    if (piece !== undefined) indexes.set(piece.buffer, index)
    places[WORDS * i] = index
    places[WORDS * i + 1] = piece?.byteOffset ?? 0
    places[WORDS * i + 2] = piece?.byteLength ?? 0
  })
  return { buffers: [...indexes.keys()], places }
}

/** What is handed over instead of being copied: nothing else may lie in the buffers of what was read. */
export function buffersOfReads({ buffers, places }: PackedReads): ArrayBuffer[] {
  return [...buffers.filter(buffer => buffer instanceof ArrayBuffer), places.buffer]
}

export function unpackReads({ buffers, places }: PackedReads): (Uint8Array | undefined)[] {
  return Array.from({ length: places.length / WORDS }, (_, i) => {
    const buffer = buffers[places[WORDS * i] ?? -1]
    return buffer && new Uint8Array(buffer, places[WORDS * i + 1], places[WORDS * i + 2])
  })
}
