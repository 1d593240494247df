import { BackerError } from '../error.js'
import { asHash, hashBytes, leadingZeroGroups, type Hash } from '../model/hash.js'
import { CONTENT_HEIGHT_MAX, type Content } from '../model/record.js'
import {
  checkChunkLength,
  CHUNKS_MAX,
  CONTENT_NODE_ENTRIES_MAX,
  encodeContentNode,
  sumsOfContentNode,
  type ContentEntry
} from './content-node.js'

/*
 * The shape of a file's content tree. It is a house of floors: floor 0 has the file's chunks in order, and floor f + 1 the nodes
 * of height f that gather what is on floor f. A node ends behind a thing whose last chunk has a level above the node's height,
 * and behind one that fills it. The level of a chunk is how many groups of six bits at the beginning of its hash are zero. The
 * lowest floor with a single thing on it is the last, and that thing the root. Where a chunk stands in the file plays
 * no part, so that what an insertion shifts keeps its nodes.
 */

const LEVEL_BITS = 6

/** The content of an empty file. */
export const EMPTY_CONTENT: Content = { root: hashBytes(new Uint8Array()), height: 0 }

/** Takes a file's chunks one by one, in order, and gives the content. Holds one node for each height. */
export interface ContentBuilder {
  /** The next chunk. Throws LIMIT where it is too long or one too many. The hash must not change until the end. */
  readonly push: (hash: Hash, length: number) => void
  /** The content of all that was pushed: the last call. Throws LIMIT where the tree would be too high. */
  readonly finish: () => Content
}

/** Is told each node of a content tree, by its hash. */
export type KeepNode = (hash: Hash, node: Uint8Array) => void

/** A chunk or a node, with the level of its last chunk. */
interface Thing {
  readonly entry: ContentEntry
  readonly level: number
}

interface Floor {
  /** The floor's newest thing. It is gathered only once there is another: what stays alone is the root. */
  newest: Thing | undefined
  /** What the next node on this floor has gathered so far. */
  gathered: ContentEntry[]
}

/** A content builder. `keep` is called with every node of the tree, children first; with none where the height is 0. */
export function makeContentBuilder(keep: KeepNode): ContentBuilder {
  const floors: Floor[] = []
  let chunks = 0
  return {
    push(hash, length) {
      if (++chunks > CHUNKS_MAX) throw new BackerError('LIMIT', `a file has over ${CHUNKS_MAX} chunks`)
      checkChunkLength(length)
      const level = leadingZeroGroups(hash, LEVEL_BITS)
      addThing(floors, 0, { entry: { hash, bytes: length, chunks: 1 }, level }, keep)
    },
    finish() {
      for (let height = 0; ; height++) {
        const newest = floors[height]?.newest
        if (newest === undefined) return EMPTY_CONTENT
        const above = floors[height + 1]
        if (above === undefined) return { root: asHash(newest.entry.hash), height }
        gather(floors, height + 1, newest, keep)
        if (above.gathered.length > 0) endNode(floors, height + 1, newest.level, keep)
      }
    }
  }
}

function floorAt(floors: Floor[], height: number): Floor {
  if (height > CONTENT_HEIGHT_MAX) throw new BackerError('LIMIT', 'a content tree would be too high')
  return (floors[height] ??= { newest: undefined, gathered: [] })
}

function addThing(floors: Floor[], height: number, thing: Thing, keep: KeepNode): void {
  const floor = floorAt(floors, height)
  const before = floor.newest
  floor.newest = thing
  if (before !== undefined) gather(floors, height + 1, before, keep)
}

/** Puts a thing of the floor below into the node in the making on the floor `height`. */
function gather(floors: Floor[], height: number, { entry, level }: Thing, keep: KeepNode): void {
  const { gathered } = floorAt(floors, height)
  gathered.push(entry)
  if (level >= height || gathered.length >= CONTENT_NODE_ENTRIES_MAX) endNode(floors, height, level, keep)
}

function endNode(floors: Floor[], height: number, level: number, keep: KeepNode): void {
  const floor = floorAt(floors, height)
  const node = { height: height - 1, entries: floor.gathered }
  const bytes = encodeContentNode(node)
  const hash = hashBytes(bytes)
  keep(hash, bytes)
  floor.gathered = []
  addThing(floors, height, { entry: { hash, ...sumsOfContentNode(node) }, level }, keep)
}
