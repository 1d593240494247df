import { BackerError } from '../error.js'
import { hashKey, type Hash, type HashKey } from '../model/hash.js'
import { childOf } from './child.js'
import { compareKeys, type Key } from './key.js'
import { findEntry, nodeBytes, parseNode, type Entry, type NodeSource, type TreeNode } from './node.js'

/** Reads a node of a tree that is whole and was checked. Throws TREE_CORRUPT where it is missing. */
export type NodeReader = (hash: Hash) => TreeNode

/** How many inner nodes a reader keeps: some megabytes of the largest trees, all of the usual ones. */
const INNER_NODES_KEPT_MAX = 4096

/** A reader that keeps inner nodes, which are read again and again; leaves are not kept. */
export function readerOf(source: NodeSource): NodeReader {
  const inner = new Map<HashKey, TreeNode>()
  return hash => {
    const name = hashKey(hash)
    const kept = inner.get(name)
    if (kept !== undefined) return kept
    const bytes = nodeBytes(source, hash)
    if (bytes === undefined) throw new BackerError('TREE_CORRUPT', `the tree's node ${name} is missing`)
    const node = parseNode(bytes)
    if (node.height === 0) return node
    if (inner.size >= INNER_NODES_KEPT_MAX) inner.clear()
    inner.set(name, node)
    return node
  }
}

/** One step of the way from the root down: a node, and the entry of it that the way goes through. */
export interface Frame {
  readonly node: TreeNode
  index: number
}

/** A place in a tree: the frames from the root down. The last frame's index is the caller's. */
export type Way = Frame[]

/** A way that stands at the root. */
export function wayFrom(root: TreeNode): Way {
  return [{ node: root, index: 0 }]
}

/** The entry of the parent through which the way came to its last node; undefined at the root. */
export function parentEntryOf(way: Way): Entry | undefined {
  const parent = way.at(-2)
  return parent?.node.entries[parent.index]
}

/** True where no node of the same height comes behind the one at which the way ends. */
export function isLastOfRow(way: Way): boolean {
  return way.every((frame, i) => i === way.length - 1 || frame.index === frame.node.entries.length - 1)
}

/**
 * Moves the way on to the node of `height` in whose range `key` lies, or to the last of the row where it lies behind all.
 * Only forward: `key` must not lie before the node where the way is.
 */
export function seekNode(read: NodeReader, way: Way, height: number, key: Key): TreeNode {
  while (way.length > 1 && isBeyond(key, lastOf(way).node)) way.pop()
  for (;;) {
    const frame = lastOf(way)
    if (frame.node.height <= height) return frame.node
    frame.index = Math.min(findEntry(frame.node.entries, key), frame.node.entries.length - 1)
    descend(read, way)
  }
}

/** Moves the way on to the next node of the same height: undefined, and the way at its root, where there is none. */
export function nextNode(read: NodeReader, way: Way): TreeNode | undefined {
  const height = lastOf(way).node.height
  do {
    if (way.length === 1) return undefined
    way.pop()
    lastOf(way).index++
  } while (lastOf(way).index >= lastOf(way).node.entries.length)
  while (lastOf(way).node.height > height) descend(read, way)
  return lastOf(way).node
}

function isBeyond(key: Key, node: TreeNode): boolean {
  const last = node.entries.at(-1)
  return last === undefined || compareKeys(key, last.key) > 0
}

function lastOf(way: Way): Frame {
  const frame = way.at(-1)
  if (frame === undefined) throw new BackerError('TREE_CORRUPT', 'a way through a tree has no root')
  return frame
}

/** Goes down through the entry at the last frame's index. */
function descend(read: NodeReader, way: Way): void {
  const { node, index } = lastOf(way)
  way.push({ node: readChild(read, node, index), index: 0 })
}

/** The child at `index` of an inner node. Throws TREE_CORRUPT where it is missing or has another height. */
export function readChild(read: NodeReader, node: TreeNode, index: number): TreeNode {
  const entry = node.entries[index]
  if (entry === undefined) throw new BackerError('TREE_CORRUPT', 'a tree ends above its leaves')
  const child = read(childOf(entry).hash)
  if (child.height !== node.height - 1 || child.entries.length === 0)
    throw new BackerError('TREE_CORRUPT', 'a node is not as high as its place')
  return child
}
