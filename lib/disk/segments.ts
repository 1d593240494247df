import { contentFromChunkList, ChunkList } from '../core/chunk/content-tree.js'
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
  | { readonly kind: 'failed'; readonly problem: ItemProblem }

/**
 * Two segments that follow each other, without what both have: the one ends where the other begins, at the first boundary that is one of both.
 * undefined where there is none: then `after` is to be cut anew, from where `before` ends.
 */
export function meet(before: Segment, after: Segment): readonly [Segment, Segment] | undefined {
  const [list, next] = [new ChunkList(before.chunks), new ChunkList(after.chunks)]
  let i = list.count
  while (i > 0 && before.start + list.offsetOf(i - 1) >= after.start) i--
  for (let j = 0; i <= list.count && j <= next.count;) {
    const [at, other] = [before.start + list.offsetOf(i), after.start + next.offsetOf(j)]
    if (at === other)
      return [
        { ...before, chunks: list.slice(0, i) },
        { ...after, start: other, chunks: next.slice(j, next.count) }
      ]
    if (at < other) i++
    else j++
  }
  return undefined
}

/** Where the last chunk of a segment ends. */
export function endOf({ start, chunks }: Segment): number {
  return start + new ChunkList(chunks).size
}

/** The chunks of a whole file, of segments of which each begins where the one before ends. */
export function joinSegments(segments: readonly Segment[]): Joined {
  const chunks = new Uint8Array(segments.reduce((sum, segment) => sum + segment.chunks.byteLength, 0))
  let at = 0
  for (const segment of segments) {
    chunks.set(segment.chunks, at)
    at += segment.chunks.byteLength
  }
  try {
    return { kind: 'joined', content: contentFromChunkList(chunks), chunks }
  } catch (error) {
    if (isBackerError(error, 'LIMIT')) return { kind: 'failed', problem: TOO_LARGE }
    throw error
  }
}
