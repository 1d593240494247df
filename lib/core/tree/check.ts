import { decodeWith } from '../codec.js'
import { BackerError } from '../error.js'
import type { RelativePath } from '../model/path.js'
import { recordCodec } from '../model/record.js'
import { childOf, sumsOfNode, type Child } from './child.js'
import { checkedPathOf, compareKeys, levelOfPath, type Key } from './key.js'
import { endsNode, isClosed, isFull, parseNode, weightOf, type Entry, type TreeNode } from './node.js'
import { sumsEqual } from './sums.js'

/*
 * What a tree from elsewhere must be. Hashes say that a node is the one that was asked for; these checks say that it is a
 * node that a tree can have there. Together they leave one tree for each set of records, so whoever sends another one is
 * found out, and no walk over it can go round, go on without end or meet keys out of order.
 */

/** Where a node stands in its tree. */
export interface Position {
  readonly height: number
  /** The last key before the node; undefined at the tree's beginning. */
  readonly after: Key | undefined
  /** True where nothing of the tree comes behind the node: only there may it end without being full or at a boundary. */
  readonly isLast: boolean
}

/**
 * The node in `bytes`, checked as far as that goes without knowing its place: canonical bytes, valid paths and records,
 * sorted, and cut nowhere too late. Throws MALFORMED, LIMIT, BAD_PATH or TREE_CORRUPT.
 */
export function decodeNode(bytes: Uint8Array): TreeNode {
  const { height, entries } = parseNode(bytes)
  let weight = 0
  const checked = entries.map((entry, i) => {
    const path = checkedPathOf(entry.key)
    const before = entries[i - 1]
    if (before !== undefined && compareKeys(before.key, entry.key) >= 0) throw corrupt('a node is not sorted')
    weight += weightOf(entry)
    const isLast = i === entries.length - 1
    if (!isLast && (isFull(i + 1, weight) || endsNode(levelOfPath(path), height)))
      throw corrupt('a node goes on behind its end')
    return checkValue(entry, path, height)
  })
  if (entries.length === 0 && height > 0) throw corrupt('an inner node is empty')
  return { height, entries: checked }
}

/** The entry, with what it says where it is a leaf's. */
function checkValue({ key, value }: Entry, path: RelativePath, height: number): Entry {
  if (height === 0) return { key, value, leaf: { path, record: decodeWith(recordCodec, value, 'a record') } }
  childOf({ key, value })
  return { key, value }
}

/** Throws TREE_CORRUPT unless `node` can be a root: one of height 0, or one with more than one child. */
export function checkRoot(node: TreeNode): void {
  if (node.height > 0 && node.entries.length < 2) throw corrupt('a root has a single child')
}

/** Throws TREE_CORRUPT unless `node` is what its parent says in `entry`, and fits where it stands. */
export function checkChild(node: TreeNode, entry: Entry, position: Position): void {
  const first = node.entries[0]
  const last = node.entries.at(-1)
  if (node.height !== position.height) throw corrupt('a node is not as high as its place')
  if (first === undefined || last === undefined) throw corrupt('a node is empty')
  if (compareKeys(last.key, entry.key) !== 0) throw corrupt('a node does not end where its parent says')
  if (position.after !== undefined && compareKeys(position.after, first.key) >= 0)
    throw corrupt('a node begins before its place')
  if (!position.isLast && !isClosed(node)) throw corrupt('a node ends too early')
  checkSums(node, childOf(entry))
}

function checkSums(node: TreeNode, child: Child): void {
  if (!sumsEqual(sumsOfNode(node), child.sums)) throw corrupt('a node does not hold what its parent says')
}

function corrupt(what: string): BackerError {
  return new BackerError('TREE_CORRUPT', `${what}: the tree is not one that backer builds`)
}
