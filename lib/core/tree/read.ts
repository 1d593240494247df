import { decodeWith } from '../codec.js'
import type { Hash } from '../model/hash.js'
import type { RelativePath } from '../model/path.js'
import { recordCodec, type Record } from '../model/record.js'
import { childOf, sumsOfEntry, sumsOfNode } from './child.js'
import { nextNode, readChild, readerOf, seekNode, wayFrom, type NodeReader } from './cursor.js'
import { asKey, compareKeys, isKeyBelow, keyOf, pathOf, type Key } from './key.js'
import { findEntry, parseNode, type NodeSource, type TreeNode } from './node.js'
import { addSums, EMPTY_SUMS, type Sums } from './sums.js'

/*
 * Reading a tree that is whole and was checked: one's own, or one that a diff has walked. What is missing or of another form
 * throws TREE_CORRUPT or MALFORMED.
 */

/** The record at `path`, or undefined. Reads one node for each height. */
export function getRecord(source: NodeSource, root: Hash, path: RelativePath): Record | undefined {
  const read = readerOf(source)
  const key = keyOf(path)
  const leaf = seekNode(read, wayFrom(read(root)), 0, key)
  const entry = leaf.entries[findEntry(leaf.entries, key)]
  return entry !== undefined && compareKeys(entry.key, key) === 0 ? decodeRecord(entry.value) : undefined
}

/** The part of a tree to read: all of it where nothing is given. */
export interface Range {
  /** Only what lies below this directory, at any depth. */
  readonly below?: RelativePath | undefined
  /** Only this path and what comes behind it in the tree's order. */
  readonly from?: RelativePath | undefined
}

/** The records in a range, in the order of `comparePaths`. Reads the nodes that hold them, one at a time, and their parents. */
export function* iterate(
  source: NodeSource,
  root: Hash,
  { below, from }: Range = {}
): Generator<readonly [RelativePath, Record], void, undefined> {
  const read = readerOf(source)
  const way = wayFrom(read(root))
  const directory = below === undefined ? undefined : keyOf(below)
  const start = greaterKey(directory && beginningOf(directory), from === undefined ? undefined : keyOf(from))
  let leaf: TreeNode | undefined = seekNode(read, way, 0, start)
  for (let i = findEntry(leaf.entries, start); leaf !== undefined; leaf = nextNode(read, way), i = 0) {
    for (; i < leaf.entries.length; i++) {
      const entry = leaf.entries[i]
      if (entry === undefined || (directory !== undefined && !isKeyBelow(entry.key, directory))) return
      yield [pathOf(entry.key), decodeRecord(entry.value)]
    }
  }
}

/** The sums of everything below `directory` (undefined: of the whole tree). Reads O(log n) nodes. */
export function subtreeSums(source: NodeSource, root: Hash, directory: RelativePath | undefined): Sums {
  const read = readerOf(source)
  const node = read(root)
  return directory === undefined ? sumsOfNode(node) : sumsBelow(read, node, keyOf(directory), undefined)
}

/** The sums of what lies below `directory` in a node, whose keys all come behind `after`. */
function sumsBelow(read: NodeReader, node: TreeNode, directory: Key, after: Key | undefined): Sums {
  let sums = EMPTY_SUMS
  for (let i = findEntry(node.entries, beginningOf(directory)); i < node.entries.length; i++) {
    const entry = node.entries[i]
    const before = node.entries[i - 1]?.key ?? after
    if (entry === undefined) break
    const endsBelow = isKeyBelow(entry.key, directory)
    const startsBelow = before !== undefined && compareKeys(before, directory) >= 0
    if (node.height === 0 && !endsBelow) break
    if (node.height === 0 || (startsBelow && endsBelow)) sums = addSums(sums, sumsOfEntry(entry, node.height))
    else sums = addSums(sums, sumsBelow(read, readChild(read, node, i), directory, before))
    if (!endsBelow) break
  }
  return sums
}

/** A key that comes before whatever lies below `directory`, and behind all that comes before that. */
function beginningOf(directory: Key): Key {
  return asKey(Buffer.concat([directory, Buffer.from('/')]))
}

function greaterKey(a: Key | undefined, b: Key | undefined): Key {
  const least = asKey(new Uint8Array())
  if (a === undefined || b === undefined) return a ?? b ?? least
  return compareKeys(a, b) >= 0 ? a : b
}

function decodeRecord(bytes: Uint8Array): Record {
  return decodeWith(recordCodec, bytes, 'a record')
}

/**
 * The hashes of all nodes that `root` reaches, each once, parents before children: what a store has to keep for this root.
 * Reads inner nodes only. Nodes that are missing are named but not followed, so that a tree that is still on its way (or is
 * damaged) keeps what is there of it.
 */
export function* nodeHashes(source: NodeSource, root: Hash): Generator<Hash, void, undefined> {
  yield root
  const bytes = source(root)
  if (bytes === undefined) return
  yield* hashesBelow(source, parseNode(bytes))
}

function* hashesBelow(source: NodeSource, node: TreeNode): Generator<Hash, void, undefined> {
  if (node.height === 0) return
  for (const entry of node.entries) {
    const { hash } = childOf(entry)
    yield hash
    const bytes = node.height > 1 ? source(hash) : undefined
    const child = bytes === undefined ? undefined : parseNode(bytes)
    if (child !== undefined && child.height < node.height) yield* hashesBelow(source, child)
  }
}
