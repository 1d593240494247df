import { bytesOf, decodeWith, need, uint, type CodecState } from '../codec.js'
import { BackerError } from '../error.js'
import { hashBytes, hashesEqual, type Hash } from '../model/hash.js'
import { PATH_BYTES_MAX, type RelativePath } from '../model/path.js'
import { RECORD_BYTES_MAX, type Record } from '../model/record.js'
import { asKey, compareKeys, levelOf, sharedBytes, type Key } from './key.js'

/*
 * The tree over a folder's records: what its nodes are, and their bytes.
 *
 * Each height is one row of entries, cut into nodes. The row of height 0 has an entry for each record; the row of height
 * h + 1 has an entry for each node of height h, under that node's last key. A row is cut behind every entry whose key has a
 * level above the height and, so that no choice of names makes a node without end, behind an entry that fills the node.
 * Rows are built until one is a single node: the root. So the shape is a function of the set of entries, never of
 * the order of edits: equal sets have equal roots.
 */

/** The first byte of every node: what it is, and the version of its format. Content nodes begin with another. */
export const NODE_VERSION = 1
/** A node is cut behind this many entries. The usual is 32. */
export const NODE_ENTRIES_MAX = 512
/** A node is cut behind the entry with which its keys and values come to this many bytes. The usual is 4 KiB. */
export const NODE_FILL_BYTES = 128 * 1024
/** No node has more bytes: what fills it, one more entry of the largest kind, and the lengths in front of all of them. */
export const NODE_BYTES_MAX = 256 * 1024
/** No root is higher: 2^80 names, or as much work to choose them. */
export const TREE_HEIGHT_MAX = 16

/** In a leaf, a path and its record's bytes. In an inner node, the last key of a child and what is said of it (see child.ts). */
export interface Entry {
  readonly key: Key
  readonly value: Uint8Array
  /** What a leaf's entry says, where it was checked: so it is taken apart once. */
  readonly leaf?: { readonly path: RelativePath; readonly record: Record }
}

/** A node: entries sorted by key, no two alike. Height 0 is a leaf. Only the root of the empty tree has no entries. */
export interface TreeNode {
  readonly height: number
  readonly entries: readonly Entry[]
}

/** Where nodes come from: the bytes with this hash, or undefined where they are not at hand. The bytes never change. */
export type NodeSource = (hash: Hash) => Uint8Array | undefined

/** True where a key of `level` ends a node of `height` by itself. */
export function endsNode(level: number, height: number): boolean {
  return level > height
}

/** True where a node takes no more. `weight`: the sum of `weightOf` of its entries. */
export function isFull(entries: number, weight: number): boolean {
  return entries >= NODE_ENTRIES_MAX || weight >= NODE_FILL_BYTES
}

/** The bytes by which an entry fills its node. */
export function weightOf(entry: Entry): number {
  return entry.key.length + entry.value.length
}

/** True where a node ends where it does because of its own entries, and not just because its row does. */
export function isClosed(node: TreeNode): boolean {
  const last = node.entries.at(-1)
  if (last === undefined) return false
  const weight = node.entries.reduce((sum, entry) => sum + weightOf(entry), 0)
  return isFull(node.entries.length, weight) || endsNode(levelOf(last.key), node.height)
}

/** The index of the first entry whose key is not before `key`; the number of entries where all are. */
export function findEntry(entries: readonly Entry[], key: Key): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = entries[middle]
    if (entry !== undefined && compareKeys(entry.key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The bytes of a node: version, height, how many entries, then for each entry how many bytes its key shares with the key
 * before it, the rest of the key, and the value, both with their length in front.
 */
export function encodeNode(height: number, entries: readonly Entry[]): Uint8Array {
  const shared = entries.map((entry, i) => sharedWith(entries[i - 1], entry))
  const state: CodecState = { buffer: null, start: 0, end: 2 }
  uint.preencode(state, entries.length)
  entries.forEach((entry, i) => preencodeEntry(state, entry, shared[i] ?? 0))
  const bytes = new Uint8Array(state.end)
  bytes[0] = NODE_VERSION
  bytes[1] = height
  state.buffer = bytes
  state.start = 2
  uint.encode(state, entries.length)
  entries.forEach((entry, i) => encodeEntry(state, entry, shared[i] ?? 0))
  return bytes
}

function sharedWith(before: Entry | undefined, entry: Entry): number {
  return before === undefined ? 0 : sharedBytes(before.key, entry.key)
}

function preencodeEntry(state: CodecState, entry: Entry, shared: number): void {
  const rest = entry.key.length - shared
  uint.preencode(state, shared)
  uint.preencode(state, rest)
  uint.preencode(state, entry.value.length)
  state.end += rest + entry.value.length
}

function encodeEntry(state: CodecState, entry: Entry, shared: number): void {
  const bytes = bytesOf(state)
  uint.encode(state, shared)
  uint.encode(state, entry.key.length - shared)
  for (let i = shared; i < entry.key.length; i++) bytes[state.start++] = entry.key[i] ?? 0
  uint.encode(state, entry.value.length)
  bytes.set(entry.value, state.start)
  state.start += entry.value.length
}

/** The empty tree: its only node, and the node's hash. */
export const EMPTY_NODE: Uint8Array = encodeNode(0, [])
export const EMPTY_ROOT: Hash = hashBytes(EMPTY_NODE)

/** The bytes of a node. Those of the empty tree are always at hand. */
export function nodeBytes(source: NodeSource, hash: Hash): Uint8Array | undefined {
  return hashesEqual(hash, EMPTY_ROOT) ? EMPTY_NODE : source(hash)
}

/**
 * The node in `bytes`. Only its form is checked: `checkNode` looks at what came from elsewhere. The entries' values are
 * views into `bytes`. Throws MALFORMED, or LIMIT where something is over its bound, before allocating for it.
 */
export function parseNode(bytes: Uint8Array): TreeNode {
  if (bytes.byteLength > NODE_BYTES_MAX) throw new BackerError('LIMIT', `a tree node is over ${NODE_BYTES_MAX} bytes`)
  return decodeWith({ decode: decodeTreeNode }, bytes, 'a tree node')
}

function decodeTreeNode(state: CodecState): TreeNode {
  need(state, 2)
  const bytes = bytesOf(state)
  if (bytes[0] !== NODE_VERSION) throw new BackerError('MALFORMED', 'not a tree node of a version that is known')
  const height = bytes[1] ?? 0
  if (height > TREE_HEIGHT_MAX) throw new BackerError('LIMIT', 'a tree is too high')
  state.start = 2
  const count = uint.decode(state)
  if (count > NODE_ENTRIES_MAX) throw new BackerError('LIMIT', `a tree node has over ${NODE_ENTRIES_MAX} entries`)
  const entries: Entry[] = []
  let before: Key | undefined
  for (let i = 0; i < count; i++) {
    const key = decodeKey(state, before)
    entries.push({ key, value: decodeValue(state) })
    before = key
  }
  return { height, entries }
}

function decodeKey(state: CodecState, before: Key | undefined): Key {
  const shared = uint.decode(state)
  if (shared > (before?.length ?? 0)) throw new BackerError('MALFORMED', 'a key shares more than there is')
  const rest = uint.decode(state)
  if (shared + rest > PATH_BYTES_MAX) throw new BackerError('LIMIT', `a path is over ${PATH_BYTES_MAX} bytes`)
  need(state, rest)
  const bytes = bytesOf(state)
  const key = new Uint8Array(shared + rest)
  for (let i = 0; i < shared; i++) key[i] = before?.[i] ?? 0
  for (let i = shared; i < key.length; i++) key[i] = bytes[state.start++] ?? 0
  // One form for each node: a key says all that it shares.
  if (rest > 0 && before !== undefined && key[shared] === before[shared])
    throw new BackerError('MALFORMED', 'a key shares more than it says')
  return asKey(key)
}

function decodeValue(state: CodecState): Uint8Array {
  const length = uint.decode(state)
  if (length > RECORD_BYTES_MAX) throw new BackerError('LIMIT', `a record is over ${RECORD_BYTES_MAX} bytes`)
  need(state, length)
  const value = bytesOf(state).subarray(state.start, state.start + length)
  state.start += length
  return value
}
