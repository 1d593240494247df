import { contentFromChunkList, ChunkList, encodeChunkList, type Chunk } from '../core/chunk/content-tree.js'
import { isBackerError } from '../core/error.js'
import type { Content } from '../core/model/record.js'
import type { ItemProblem } from './disk.js'
import { TOO_LARGE, type Segment } from './hash.js'

/*
 * A large file is cut into chunks by several threads at once. Where a chunk ends depends on its own bytes alone, so the chunks that somebody
 * finds who begins anywhere are those of the file from the first boundary on that both have: with content-defined chunks that
 * is a few chunks later. Each segment goes on for some way into the next one, so that the two meet there. Where they do not, as in a long
 * run of equal bytes, the next segment is cut once more, from where the last chunk of the one before ends.
 */

/** How much of a file is cut at one go, and how far a segment goes on into the next one. */
export interface SegmentSizes {
  readonly segmentBytes: number
  readonly overlapBytes: number
}

export const SEGMENT_SIZES: SegmentSizes = { segmentBytes: 64 * 1024 * 1024, overlapBytes: 2 * 1024 * 1024 }

export type Joined =
  | { readonly kind: 'joined'; readonly content: Content; readonly chunks: Uint8Array }
  /** Segment `index` has no boundary in common with those before it: it is needed from `from` on. */
  | { readonly kind: 'apart'; readonly index: number; readonly from: number }
  | { readonly kind: 'failed'; readonly problem: ItemProblem }

/** The chunks of a whole file, of its segments in order, the first of which begins at 0. */
export function joinSegments(segments: readonly Segment[]): Joined {
  const chunks: Chunk[] = []
  let end = 0
  for (const [index, { start, chunks: bytes }] of segments.entries()) {
    const list = new ChunkList(bytes)
    const first = meet(chunks, end, start, list)
    if (first === undefined) return { kind: 'apart', index, from: end }
    const meeting = start + list.offsetOf(first)
    while (end > meeting) end -= chunks.pop()?.length ?? 0
    for (let i = first; i < list.count; i++) chunks.push({ hash: list.hash(i), length: list.length(i) })
    end = start + list.size
  }
  try {
    const bytes = encodeChunkList(chunks)
    return { kind: 'joined', content: contentFromChunkList(bytes), chunks: bytes }
  } catch (error) {
    if (isBackerError(error, 'LIMIT')) return { kind: 'failed', problem: TOO_LARGE }
    throw error
  }
}

/** The first chunk of `list`, which begins at `start`, where one of `chunks`, which end at `end`, ends as well; undefined where there is none. */
function meet(chunks: readonly Chunk[], end: number, start: number, list: ChunkList): number | undefined {
  const boundaries = new Set([end])
  for (let i = chunks.length - 1, at = end; i >= 0 && at > start; i--) boundaries.add((at -= chunks[i]?.length ?? 0))
  for (let i = 0; i <= list.count; i++) {
    const at = start + list.offsetOf(i)
    if (at > end) return undefined
    if (boundaries.has(at)) return i
  }
  return undefined
}
