import b4a from 'b4a'
import { hashKey, type Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { hashOfPath } from '../core/model/path-hash.js'

/**
 * The names in `.backer/tmp`. Each tells what a crash left there (what of it was done and only not put down in the index, `intent.ts` tells):
 *
 * - `CONTENT-PATH`, `CONTENT-PATH-MAKER`: a file being put together. It is never under this name while it is exchanged with a user's file.
 * - `swap-CONTENT-PATH`, `swap-CONTENT-PATH-MAKER`: what is to stand at a path, or, once it was exchanged, what the user had there: the content tells.
 * - `away-PATH-RANDOM`: what the user had at a path, taken away to be looked at, replaced or removed.
 * - `move-FROM-PATH-INODE`: what is on its way from one path to another, or, once it was exchanged, what the user had at the
 *   second: the inode tells.
 * - `open-PATH-MODE`: the directory at a path was opened for a moment, and is to get this mode (in octal) back.
 *
 * CONTENT is a content root (64 hex digits), PATH and FROM are path hashes (16 hex digits).
 */
export type TmpName =
  | { readonly kind: 'partial' }
  | { readonly kind: 'swap'; readonly staged: string; readonly root: string; readonly path: string }
  | { readonly kind: 'away'; readonly path: string }
  | { readonly kind: 'move'; readonly from: string; readonly path: string; readonly inode: bigint }
  | { readonly kind: 'open'; readonly path: string; readonly mode: number }
  | { readonly kind: 'other' }

/**
 * Who puts a file together beside the one that fetches what peers have. Each has names of its own: where two had one, the second would still write to a file
 * that the first has put in its place, and that a user works in.
 */
export type Maker = 'drift' | 'edit' | 'get' | 'mend' | 'restore'

/** The name of the staged file that is to become `path` with the content `root`. */
export function stagedName(root: Hash, path: RelativePath, maker?: Maker): string {
  const name = `${hashKey(root)}-${pathHash(path)}`
  return maker === undefined ? name : `${name}-${maker}`
}

/** 16 hex digits that stand for `path` in names. */
export function pathHash(path: RelativePath): string {
  return b4a.toString(hashOfPath(path).subarray(0, 8), 'hex')
}

/** What `CONTENT` is for a directory of ours, which has no content yet. */
export const DIRECTORY_ROOT = new Uint8Array(32) as Hash

export function swapName(staged: string): string {
  return `swap-${staged}`
}

/** A fresh name for what is taken away from `path`. `random`: some random bytes. */
export function awayName(path: RelativePath, random: Uint8Array): string {
  return `away-${pathHash(path)}-${b4a.toString(random, 'hex')}`
}

/** The name of what moves from one path to another. `inode`: its inode, which stays the same on its way. */
export function moveName(from: RelativePath, path: RelativePath, inode: bigint): string {
  return `move-${pathHash(from)}-${pathHash(path)}-${inode.toString(16)}`
}

/** The name of the mark for a directory that is to get its mode back. */
export function openMarkName(path: RelativePath, mode: number): string {
  return `open-${pathHash(path)}-${mode.toString(8)}`
}

/** True where `name` can be a staged file's: letters, digits and `-`, and none of the other names in `.backer/tmp`. */
export function isStagedName(name: string): boolean {
  return /^[A-Za-z0-9-]{1,200}$/.test(name) && !/^(swap|away|move|open|probe|marker)-/.test(name)
}

/** What a name in `.backer/tmp` says. */
export function parseTmpName(name: string): TmpName {
  if (/^[0-9a-f]{64}-[0-9a-f]{16}(-[a-z]+)?$/.test(name)) return { kind: 'partial' }
  const swap = /^swap-(([0-9a-f]{64})-([0-9a-f]{16})(?:-[a-z]+)?)$/.exec(name)
  if (swap !== null) {
    const [, staged = '', root = '', path = ''] = swap
    return { kind: 'swap', staged, root, path }
  }
  const away = /^away-([0-9a-f]{16})-[0-9a-f]+$/.exec(name)
  if (away !== null) return { kind: 'away', path: away[1] ?? '' }
  const opened = /^open-([0-9a-f]{16})-([0-7]{1,3})$/.exec(name)
  if (opened !== null) return { kind: 'open', path: opened[1] ?? '', mode: Number.parseInt(opened[2] ?? '', 8) }
  return parseMove(name)
}

function parseMove(name: string): TmpName {
  const move = /^move-([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{1,16})$/.exec(name)
  if (move === null) return name.startsWith('swap-') ? { kind: 'away', path: '' } : { kind: 'other' }
  const [, from = '', path = '', inode = ''] = move
  return { kind: 'move', from, path, inode: BigInt(`0x${inode}`) }
}
