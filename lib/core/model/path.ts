import { BackerError } from '../error.js'
import { decodeUtf8, text, type Codec } from '../codec.js'

declare const pathBrand: unique symbol
/**
 * A path below a folder's root: names joined by `/`, no leading or trailing slash, no empty name, no `.` or `..`,
 * no NUL, valid Unicode, not under `.backer`. Always the exact name that the device which made it has on its disk.
 */
export type RelativePath = string & { readonly [pathBrand]: true }

/** The bounds of a path. Source: Linux's NAME_MAX and PATH_MAX. */
export const NAME_BYTES_MAX = 255
export const PATH_BYTES_MAX = 4096
export const PATH_DEPTH_MAX = 1000

/** The directory at a folder's root that is backer's own and never part of what is synced. */
export const RESERVED_NAME = '.backer'

/** The path that `value` is. Throws BAD_PATH with the reason. */
export function parsePath(value: string): RelativePath {
  const reason = whyNotPath(value)
  if (reason !== undefined) throw new BackerError('BAD_PATH', `${JSON.stringify(value)} ${reason}`, { path: value })
  return value as RelativePath
}

/** Why `value` can't be a path in a folder, or undefined where it can. */
export function whyNotPath(value: string): string | undefined {
  if (value === '') return 'is empty'
  if (Buffer.byteLength(value) > PATH_BYTES_MAX) return `is longer than ${PATH_BYTES_MAX} bytes`
  const names = value.split('/')
  if (names.length > PATH_DEPTH_MAX) return `is deeper than ${PATH_DEPTH_MAX} levels`
  for (const name of names) {
    const reason = whyNotName(name)
    if (reason !== undefined) return reason
  }
  if (isReservedName(names[0] ?? '')) return 'belongs to backer itself'
  return undefined
}

/** Why `name` can't be a name in a folder, or undefined where it can. */
export function whyNotName(name: string): string | undefined {
  if (name === '') return 'has an empty name in it'
  if (name === '.' || name === '..') return 'has a name that means another directory'
  if (name.includes('\0') || name.includes('/')) return 'has a NUL or a slash in a name'
  if (!name.isWellFormed()) return 'is not valid Unicode'
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `has a name longer than ${NAME_BYTES_MAX} bytes`
  return undefined
}

/** True for `.backer` at the root, however a file system that folds names would spell it. */
export function isReservedName(name: string): boolean {
  const plain = aliasKey(name.replace(/[\u200c\u200d\u200e\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g, '')).replace(
    /[. ]+$/,
    ''
  )
  return plain === RESERVED_NAME || /^backer~\d+$/.test(plain) || /^\.backer~\d+$/.test(plain)
}

/** What a name or path is compared by where a file system folds case and Unicode forms: NFC, case-folded. */
export function aliasKey(value: string): string {
  return value.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}

/** The directory that `path` lies in, or undefined at the root. */
export function parentOf(path: RelativePath): RelativePath | undefined {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? undefined : (path.slice(0, slash) as RelativePath)
}

/** The last name of `path`. */
export function nameOf(path: RelativePath): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** `name` inside `directory` (undefined: the root). The name must be valid: see `whyNotName`. */
export function joinPath(directory: RelativePath | undefined, name: string): RelativePath {
  return (directory === undefined ? name : `${directory}/${name}`) as RelativePath
}

/** Every directory above `path`, the outermost first. */
export function ancestorsOf(path: RelativePath): RelativePath[] {
  const found: RelativePath[] = []
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    found.push(path.slice(0, slash) as RelativePath)
  }
  return found
}

/** True where `path` lies below `directory`, at any depth. */
export function isBelow(path: RelativePath, directory: RelativePath): boolean {
  return path.length > directory.length && path.startsWith(directory) && path[directory.length] === '/'
}

/**
 * The order of paths in the tree: by their UTF-8 bytes, with `/` before every other byte, so that what lies below a
 * directory follows it without a gap.
 */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

// UTF-16 puts surrogates (code points from U+10000) before U+E000 to U+FFFF, UTF-8 behind them.
function rank(unit: number): number {
  if (unit === 0x2f) return 0
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

const pathText = text(PATH_BYTES_MAX, 'a path')
/** A path with its length in front. Decoding throws BAD_PATH. */
export const pathCodec: Codec<RelativePath> = {
  preencode: pathText.preencode,
  encode: pathText.encode,
  decode: state => parsePath(pathText.decode(state))
}

/** The path in UTF-8 bytes. Throws MALFORMED or BAD_PATH. */
export function pathFromBytes(bytes: Uint8Array): RelativePath {
  return parsePath(decodeUtf8(bytes, 'a path'))
}
