import { decodeWith } from '../codec.js'
import { BackerError } from '../error.js'
import { hashesEqual, hashKey, type Hash, type HashKey } from '../model/hash.js'
import type { RelativePath } from '../model/path.js'
import { recordCodec, type Record } from '../model/record.js'
import { checkChild, checkRoot, decodeNode } from './check.js'
import { childOf } from './child.js'
import { compareKeys, pathOf } from './key.js'
import { nodeBytes, parseNode, type Entry, type NodeSource, type TreeNode } from './node.js'
import {
  copyWalk,
  enterItem,
  itemOf,
  nextMove,
  passItem,
  passMove,
  passUpTo,
  walkFrom,
  type Item,
  type Walks
} from './walk.js'

/** How many nodes a diff asks for at a time. */
export const DIFF_BATCH_MAX = 256
/** How many of the nodes at hand a diff reads at a time to find out which others it will need. */
const LOOK_AHEAD_NODES_MAX = 1024
/** A diff pauses after so many bytes of nodes: about 20 ms where all of them are checked. */
const PAUSE_BYTES = 512 * 1024

export type DiffStep =
  /** The source lacks these nodes, at most DIFF_BATCH_MAX. The first is needed to go on, the others soon. */
  | { readonly kind: 'wanted'; readonly hashes: readonly Hash[] }
  /** The records of a path differ; undefined where the tree has none. */
  | {
      readonly kind: 'differs'
      readonly path: RelativePath
      readonly a: Record | undefined
      readonly b: Record | undefined
    }
  /** Nothing to do: a moment at which a caller on an event loop lets others run. */
  | { readonly kind: 'pause' }

export interface DiffOptions {
  /** The trees that need no checking, being one's own. Every node of the others is checked when it is read. Default: `a`. */
  readonly trusted?: 'a' | 'both'
  /**
   * A trusted tree, all of whose nodes the source has. What lies between two keys is passed over in `a` and `b` where `b` has the very subtree there
   * that this one has: for a caller who knows all that is in it. In `a` some of it may still be told, as missing in `b`.
   */
  readonly held?: Hash | undefined
}

/**
 * Yields the paths whose records differ between two trees, in the order of `comparePaths`.
 *
 * Where the source lacks nodes their hashes are yielded: resume once it has them (verified by their hash). What is asked for
 * is what the walk needs next, as far as the nodes at hand show it, so that each round goes one height down everywhere at once:
 * O(log n) rounds for few changes, and rounds of DIFF_BATCH_MAX nodes for many. Subtrees that are equal are never read, also
 * where one tree is higher; O(changes · log n) nodes are. Holds one node for each height of either tree.
 *
 * Throws UNAVAILABLE where the source still lacks the first node that it was asked for. Throws TREE_CORRUPT, MALFORMED, LIMIT
 * or BAD_PATH where a checked tree is none that backer builds; what was yielded until then did come from its nodes.
 * Source: Auvolat and Taïani, "Merkle Search Trees", SRDS 2019, section IV, doi 10.1109/SRDS.2019.00032.
 */
export function* diffTrees(
  source: NodeSource,
  a: Hash,
  b: Hash,
  { trusted = 'a', held }: DiffOptions = {}
): Generator<DiffStep, void, undefined> {
  if (hashesEqual(a, b)) return
  const missing = [a, b].filter(root => nodeBytes(source, root) === undefined)
  if (missing.length > 0) yield { kind: 'wanted', hashes: missing }
  const readings = { a: READ_TRUSTED, b: trusted === 'both' ? READ_TRUSTED : READ_CHECKED }
  const walks = {
    a: walkFrom(readings.a.root(bytesAt(source, a))),
    b: walkFrom(readings.b.root(bytesAt(source, b)))
  }
  const holds = held === undefined ? () => false : heldBy(source, held)
  let bytesRead = 0
  for (let move = nextMove(walks); move.kind !== 'done'; move = nextMove(walks)) {
    if (move.kind !== 'enter') {
      if (move.kind === 'differs') yield difference(move.a, move.b)
      passMove(walks, move)
      continue
    }
    if (move.side === 'b' && holds(move.item)) {
      passUpTo(walks.a, move.item.entry.key)
      passItem(walks.b)
      continue
    }
    const { hash } = childOf(move.item.entry)
    if (nodeBytes(source, hash) === undefined) yield { kind: 'wanted', hashes: lookAhead(source, walks, hash) }
    const bytes = bytesAt(source, hash)
    enterItem(walks[move.side], move.item, readings[move.side].child(bytes, move.item))
    bytesRead += bytes.byteLength
    if (bytesRead < PAUSE_BYTES) continue
    bytesRead = 0
    yield { kind: 'pause' }
  }
}

/** Tells of subtrees, which come in the order of their keys, whether the tree with this root has them too. Reads what is above them, once. */
function heldBy(source: NodeSource, root: Hash): (item: Item) => boolean {
  const walk = walkFrom(parseNode(bytesAt(source, root)))
  return item => {
    for (let here = itemOf(walk); here !== undefined; here = itemOf(walk)) {
      const isBefore = item.after !== undefined && compareKeys(here.entry.key, item.after) <= 0
      if (isBefore) passItem(walk)
      else if (here.height > item.height)
        enterItem(walk, here, parseChild(bytesAt(source, childOf(here.entry).hash), here))
      else return here.height === item.height && isSameEntry(here.entry, item.entry)
    }
    return false
  }
}

function isSameEntry(a: Entry, b: Entry): boolean {
  return compareKeys(a.key, b.key) === 0 && Buffer.compare(a.value, b.value) === 0
}

/** How the nodes of one side are read. */
interface Reading {
  readonly root: (bytes: Uint8Array) => TreeNode
  readonly child: (bytes: Uint8Array, item: Item) => TreeNode
}

const READ_TRUSTED: Reading = { root: parseNode, child: parseChild }

const READ_CHECKED: Reading = {
  root(bytes) {
    const node = decodeNode(bytes)
    checkRoot(node)
    return node
  },
  child(bytes, item) {
    const node = decodeNode(bytes)
    checkChild(node, item.entry, item)
    return node
  }
}

function parseChild(bytes: Uint8Array, item: Item): TreeNode {
  const node = parseNode(bytes)
  if (node.height !== item.height || node.entries.length === 0)
    throw new BackerError('TREE_CORRUPT', 'a node is not as high as its place')
  return node
}

function bytesAt(source: NodeSource, hash: Hash): Uint8Array {
  const bytes = nodeBytes(source, hash)
  if (bytes === undefined) throw new BackerError('UNAVAILABLE', `the tree's node ${hashKey(hash)} is not to be had`)
  return bytes
}

function difference(a: Item | undefined, b: Item | undefined): DiffStep {
  const entry = (b ?? a)?.entry
  if (entry === undefined) throw new BackerError('TREE_CORRUPT', 'a difference of nothing')
  return { kind: 'differs', path: entry.leaf?.path ?? pathOf(entry.key), a: recordOf(a), b: recordOf(b) }
}

function recordOf(item: Item | undefined): Record | undefined {
  return item && (item.entry.leaf?.record ?? decodeWith(recordCodec, item.entry.value, 'a record'))
}

/**
 * The hashes of nodes that the walk will need and the source lacks, `first` in front: it takes the walk's moves from here on and
 * skips what is not there on both sides. Leaves that are there are not opened.
 */
function lookAhead(source: NodeSource, from: Walks, first: Hash): Hash[] {
  const walks = { a: copyWalk(from.a), b: copyWalk(from.b) }
  const wanted = new Map<HashKey, Hash>([[hashKey(first), first]])
  let nodesRead = 0
  for (let move = nextMove(walks); move.kind !== 'done'; move = nextMove(walks)) {
    if (wanted.size >= DIFF_BATCH_MAX || nodesRead >= LOOK_AHEAD_NODES_MAX) break
    if (move.kind !== 'enter') {
      passMove(walks, move)
      continue
    }
    const { item, side } = move
    const { hash } = childOf(item.entry)
    const bytes = nodeBytes(source, hash)
    nodesRead++
    if (bytes === undefined) {
      wanted.set(hashKey(hash), hash)
      passUpTo(walks.a, item.entry.key)
      passUpTo(walks.b, item.entry.key)
    } else if (item.height === 0) passItem(walks[side])
    else enterItem(walks[side], item, parseChild(bytes, item))
  }
  return [...wanted.values()]
}
