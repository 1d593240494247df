import { encodeShort } from '../codec.js'
import { BackerError } from '../error.js'
import { assert } from '../invariant.js'
import { hashesEqual, hashKey, type Hash } from '../model/hash.js'
import type { RelativePath } from '../model/path.js'
import { recordCodec, RECORD_BYTES_MAX, type Record } from '../model/record.js'
import { childOf } from './child.js'
import {
  isLastOfRow,
  nextNode,
  parentEntryOf,
  readerOf,
  seekNode,
  wayFrom,
  type NodeReader,
  type Way
} from './cursor.js'
import { makeCutter, type CutNode, type Cutter, type NodeMap } from './cut.js'
import { compareKeys, keyOf, levelOf, levelOfPath, type Key } from './key.js'
import { EMPTY_NODE, EMPTY_ROOT, TREE_HEIGHT_MAX, type Entry, type NodeSource, type TreeNode } from './node.js'

/*
 * How a tree changes. Edits of records are edits of the lowest row. Each row is rewritten from the node in which
 * an edit lies up to the first cut that falls on an old one: from there on the old nodes stand. The nodes that went and
 * those that came are the edits of the row above. Above the old root rows are built as for a new tree.
 */

/** A tree's root, and the nodes of it that are new, by their hash. */
export interface Tree {
  readonly root: Hash
  readonly nodes: ReadonlyMap<string, Uint8Array>
}

/** A change of a row: `put` takes the place of the entry with this key, or there is none any more. */
interface RowEdit {
  readonly key: Key
  readonly put: { readonly entry: Entry; readonly level: number } | undefined
}

/**
 * A tree of records. `sorted` comes in the order of `comparePaths`, every path once.
 * Throws LIMIT where a record is over its bound. Takes about 10 µs for each record.
 */
export function buildTree(sorted: Iterable<readonly [RelativePath, Record]>): Tree {
  const nodes: NodeMap = new Map()
  const leaves: CutNode[] = []
  const cutter = makeCutter(0, nodes, leaves)
  let before: Key | undefined
  for (const [path, record] of sorted) {
    const key = keyOf(path)
    assert(before === undefined || compareKeys(before, key) < 0, 'records for a tree are sorted by path')
    cutter.push({ key, value: encodeRecord(path, record) }, levelOf(key))
    before = key
  }
  cutter.finish()
  return finishTree(() => undefined, 0, leaves, nodes)
}

/**
 * The tree with `edits` made: a record takes the place of whatever is at its path, undefined removes it. The root is the
 * same as if the tree had been built at once; `nodes` has only what the old tree lacks. Reads and makes O(edits · log n)
 * nodes, in any order and batching of edits; takes about 10 µs for each edit, so a caller on an event loop gives a few thousand
 * at a time. Throws TREE_CORRUPT where a node of the old tree is missing, LIMIT where a record is over its bound.
 */
export function updateTree(source: NodeSource, root: Hash, edits: ReadonlyMap<RelativePath, Record | undefined>): Tree {
  const read = readerOf(source)
  const old = read(root)
  const nodes: NodeMap = new Map()
  let row = editsOf(edits)
  for (let height = 0; height < old.height && row.length > 0; height++)
    row = rewriteRow({ read, old, nodes }, height, row)
  if (row.length === 0) return { root, nodes: new Map() }
  const { made } = rewriteSpan({ read, old, nodes }, wayFrom(old), { height: old.height, edits: row, from: 0 })
  const tree = finishTree(source, old.height, made, nodes)
  if (hashesEqual(tree.root, root)) return { root, nodes: new Map() }
  nodes.delete(hashKey(root))
  return tree
}

function editsOf(edits: ReadonlyMap<RelativePath, Record | undefined>): RowEdit[] {
  const row: RowEdit[] = []
  for (const [path, record] of edits) {
    const key = keyOf(path)
    const put = record && { entry: { key, value: encodeRecord(path, record) }, level: levelOfPath(path) }
    row.push({ key, put })
  }
  return row.sort((a, b) => compareKeys(a.key, b.key))
}

function encodeRecord(path: RelativePath, record: Record): Uint8Array {
  const bytes = encodeShort(recordCodec, record)
  if (bytes.byteLength > RECORD_BYTES_MAX)
    throw new BackerError('LIMIT', `the record of a path is over ${RECORD_BYTES_MAX} bytes`, { path })
  return bytes
}

interface Rewrite {
  readonly read: NodeReader
  readonly old: TreeNode
  readonly nodes: NodeMap
}

/** Carries the edits of the row of `height` out; gives those of the row above. */
function rewriteRow(rewrite: Rewrite, height: number, edits: readonly RowEdit[]): RowEdit[] {
  const above: RowEdit[] = []
  const way = wayFrom(rewrite.old)
  for (let from = 0; from < edits.length;) {
    const span = rewriteSpan(rewrite, way, { height, edits, from })
    appendDifference(above, span, rewrite.nodes)
    from = span.next
  }
  return above
}

interface Span {
  /** The parents' entries of the nodes that went. */
  readonly gone: readonly Entry[]
  readonly made: readonly CutNode[]
  /** The index of the first edit behind the span. */
  readonly next: number
}

/** Rewrites the row from the node in which the edit `from` lies up to where old and new cuts fall together again. */
function rewriteSpan(
  { read, nodes }: Rewrite,
  way: Way,
  { height, edits, from }: { readonly height: number; readonly edits: readonly RowEdit[]; readonly from: number }
): Span {
  const gone: Entry[] = []
  const made: CutNode[] = []
  const cutter = makeCutter(height, nodes, made)
  let next = from
  const first = edits[from]
  let node = first && seekNode(read, way, height, first.key)
  while (node !== undefined) {
    const parentEntry = parentEntryOf(way)
    if (parentEntry !== undefined) gone.push(parentEntry)
    next = mergeEdits(cutter, node, edits, next)
    if (isLastOfRow(way)) next = pushEdits(cutter, edits, next, undefined)
    if (cutter.isAtBoundary()) break
    node = nextNode(read, way)
  }
  cutter.finish()
  return { gone, made, next }
}

/** Gives the cutter a node's entries with the edits up to its last key; returns the index of the edit behind them. */
function mergeEdits(cutter: Cutter, node: TreeNode, edits: readonly RowEdit[], from: number): number {
  let next = from
  const last = node.entries.at(-1)
  for (const entry of node.entries) {
    next = pushEdits(cutter, edits, next, entry.key)
    const edit = edits[next]
    if (edit !== undefined && compareKeys(edit.key, entry.key) === 0) {
      if (edit.put !== undefined) cutter.push(edit.put.entry, edit.put.level)
      next++
    } else {
      // Whatever stands before the end of a node is no boundary: only the last key can be one, and needs hashing.
      cutter.push(entry, entry === last ? levelOf(entry.key) : 0)
    }
  }
  return next
}

/** Gives the cutter the edits that come before `limit` (all, where it is undefined); returns the index of the next. */
function pushEdits(cutter: Cutter, edits: readonly RowEdit[], from: number, limit: Key | undefined): number {
  let next = from
  for (let edit = edits[next]; edit !== undefined; edit = edits[++next]) {
    if (limit !== undefined && compareKeys(edit.key, limit) >= 0) break
    if (edit.put !== undefined) cutter.push(edit.put.entry, edit.put.level)
  }
  return next
}

/** Adds what the row above has to change for a span. Nodes that came out as they were are no change, and not new. */
function appendDifference(above: RowEdit[], { gone, made }: Span, nodes: NodeMap): void {
  let i = 0
  let j = 0
  for (;;) {
    const before = gone[i]
    const after = made[j]
    if (before === undefined && after === undefined) return
    const order = compareEnds(before, after?.entry)
    if (order <= 0) i++
    if (order >= 0) j++
    if (before !== undefined && order < 0) above.push({ key: before.key, put: undefined })
    else if (after === undefined) continue
    else if (order === 0 && before !== undefined && Buffer.compare(before.value, after.entry.value) === 0)
      nodes.delete(hashKey(after.hash))
    else above.push({ key: after.entry.key, put: after })
  }
}

function compareEnds(a: Entry | undefined, b: Entry | undefined): number {
  if (a === undefined) return 1
  return b === undefined ? -1 : compareKeys(a.key, b.key)
}

/** The tree on top of a whole row of nodes of `height`. */
function finishTree(source: NodeSource, height: number, row: readonly CutNode[], nodes: NodeMap): Tree {
  const only = row[0]
  if (only === undefined) return { root: EMPTY_ROOT, nodes: new Map([[hashKey(EMPTY_ROOT), EMPTY_NODE]]) }
  if (row.length > 1) return finishTree(source, height + 1, cutRow(height + 1, row, nodes), nodes)
  return { root: lowestRoot(source, only.hash, nodes), nodes }
}

function cutRow(height: number, row: readonly CutNode[], nodes: NodeMap): CutNode[] {
  if (height > TREE_HEIGHT_MAX) throw new BackerError('LIMIT', 'a tree would be too high')
  const made: CutNode[] = []
  const cutter = makeCutter(height, nodes, made)
  for (const node of row) cutter.push(node.entry, node.level)
  cutter.finish()
  return made
}

/** The root of the lowest tree that holds what the node `top` does: a node with one child only stands on top of it in vain. */
function lowestRoot(source: NodeSource, top: Hash, nodes: NodeMap): Hash {
  const read = readerOf(hash => nodes.get(hashKey(hash)) ?? source(hash))
  let root = top
  for (;;) {
    const node = read(root)
    const only = node.entries[0]
    if (node.height === 0 || node.entries.length > 1 || only === undefined) return root
    nodes.delete(hashKey(root))
    root = childOf(only).hash
  }
}
