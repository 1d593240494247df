import { hashBytes, leadingZeroGroups } from '../model/hash.js'
import { pathFromBytes, type RelativePath } from '../model/path.js'
import { hashOfPath } from '../model/path-hash.js'

declare const keyBrand: unique symbol
/** A path as the tree keeps it: its UTF-8 bytes. Often a view into a node: it is never changed. */
export type Key = Uint8Array & { readonly [keyBrand]: true }

const SLASH = 0x2f
const LEVEL_BITS = 5

/** The key of `path`. */
export function keyOf(path: RelativePath): Key {
  return Buffer.from(path) as Uint8Array as Key
}

/** Bytes taken as a key, unchecked. See `checkedPathOf` for those that nobody vouches for. */
export function asKey(bytes: Uint8Array): Key {
  return bytes as Key
}

/** The path of a key of a node that was checked when it came. */
export function pathOf(key: Key): RelativePath {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString() as RelativePath
}

/** The path of a key that may hold anything. Throws BAD_PATH or MALFORMED. */
export function checkedPathOf(key: Key): RelativePath {
  return pathFromBytes(key)
}

/** How many bytes two keys share at their beginning. */
export function sharedBytes(a: Key, b: Key): number {
  const length = Math.min(a.length, b.length)
  let i = 0
  while (i < length && a[i] === b[i]) i++
  return i
}

/** The order of keys: that of `comparePaths`, byte by byte with `/` before all others. */
export function compareKeys(a: Key, b: Key): number {
  const shared = sharedBytes(a, b)
  const x = a[shared]
  const y = b[shared]
  if (x === undefined || y === undefined) return a.length - b.length
  return rank(x) - rank(y)
}

function rank(byte: number): number {
  return byte === SLASH ? 0 : byte
}

/** True where `key` lies below `directory`, at any depth. */
export function isKeyBelow(key: Key, directory: Key): boolean {
  return key[directory.length] === SLASH && sharedBytes(key, directory) === directory.length
}

/**
 * The level of a key in the tree: how many groups of five bits at the beginning of its hash are zero. One key in 32 has
 * level 1 or more, one in 1,024 level 2 or more. It depends on the key alone: never on its record, nor on other keys.
 * Source: Auvolat and Taïani, "Merkle Search Trees", SRDS 2019, section III, doi 10.1109/SRDS.2019.00032.
 */
export function levelOf(key: Key): number {
  return leadingZeroGroups(hashBytes(key), LEVEL_BITS)
}

/** As `levelOf`, of the key of `path`. */
export function levelOfPath(path: RelativePath): number {
  return leadingZeroGroups(hashOfPath(path), LEVEL_BITS)
}
