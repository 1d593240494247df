import { isUtf8 } from 'node:buffer'
import { ExpectedItems } from '../core/model/known-items.js'
import {
  isReservedName,
  PATH_BYTES_MAX,
  PATH_DEPTH_MAX,
  RESERVED_NAME,
  whyNotName,
  type RelativePath
} from '../core/model/path.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import type { ItemProblem, Listed, Listing } from './disk.js'
import { codeOf } from './problem.js'
import { readingProblemOf } from './reading.js'
import { siblingsIn } from './siblings.js'
import { MissingDirectory, withDirectory } from './walk.js'

/** How often a name is looked at again that turns from a symlink into something else meanwhile. */
const LOOKS = 3

const NOTHING_KNOWN = new Uint8Array(0)

/**
 * Lists a directory (undefined: the root), but for what is as it is known (see `Listing`). What goes wrong is never an empty directory: `absent`
 * and `failed` say which it is.
 */
export function listDirectory(
  fs: FileSystem,
  root: DirectoryHandle,
  path: RelativePath | undefined,
  known: Uint8Array = NOTHING_KNOWN
): Listing {
  try {
    return withDirectory(fs, root, path, directory => listOpen(fs, directory, path, new ExpectedItems(known)))
  } catch (error) {
    if (isAbsence(error)) return { kind: 'absent' }
    return { kind: 'failed', problem: readingProblemOf(error) }
  }
}

function listOpen(
  fs: FileSystem,
  directory: DirectoryHandle,
  path: RelativePath | undefined,
  expected: ExpectedItems
): Listing {
  const entries: Listed[] = []
  const badNames: string[] = []
  const problems: ItemProblem[] = []
  const whyNot = makeNameCheck(path)
  for (const bytes of fs.names(directory)) {
    const name = textOf(bytes)
    if (path === undefined && name === RESERVED_NAME) continue
    const problem = name === undefined ? NOT_UTF8 : whyNot(name, bytes.byteLength)
    const listed = name === undefined || problem !== undefined ? problem : look(fs, directory, name)
    if (listed === undefined) continue
    if ('stamp' in listed) {
      const isAsKnown = expected.find(listed.name, listed.stamp)
      if (!isAsKnown || listed.stamp.kind === 'directory') entries.push(listed)
      continue
    }
    // What can't be synced any more is there all the same.
    if (name !== undefined) expected.pass(name)
    badNames.push(name ?? printable(bytes))
    problems.push(listed)
  }
  // What is committed together then lies together in the tree and in the index, where the system tells names in any order.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { kind: 'listed', entries, missing: expected.missing, badNames, problems }
}

/** Tells why a name can't be one in the directory at `path`, if it can't. */
function makeNameCheck(path: RelativePath | undefined): (name: string, bytes: number) => ItemProblem | undefined {
  const roomBytes = path === undefined ? PATH_BYTES_MAX : PATH_BYTES_MAX - Buffer.byteLength(path) - 1
  const isTooDeep = path !== undefined && path.split('/').length >= PATH_DEPTH_MAX
  return (name, bytes) => {
    if (isTooDeep || bytes > roomBytes) return TOO_DEEP
    if (path === undefined && isReservedName(name)) return RESERVED
    const reason = whyNotName(name)
    return reason === undefined ? undefined : { code: 'bad-name', message: `It ${reason}: rename it.` }
  }
}

/** What stands at a name: undefined where it has gone since, a problem where it can't be synced. */
function look(fs: FileSystem, directory: DirectoryHandle, name: string): Listed | ItemProblem | undefined {
  for (let i = 0; i < LOOKS; i++) {
    const stamp = fs.lstat(directory, name)
    if (stamp === undefined) return undefined
    if (stamp.kind !== 'symlink') return { name, stamp }
    const bytes = readTarget(fs, directory, name)
    if (bytes === undefined) continue
    const target = textOf(bytes)
    return target === undefined ? TARGET_NOT_UTF8 : { name, stamp, target }
  }
  return { code: 'changing', message: 'It keeps changing while it is looked at.' }
}

/** A symlink's target; undefined where no symlink stands there any more. */
function readTarget(fs: FileSystem, directory: DirectoryHandle, name: string): Uint8Array | undefined {
  try {
    return fs.readlink(directory, name)
  } catch (error) {
    if (['EINVAL', 'ENOENT'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

/**
 * What stands at each path, in order; undefined where nothing does, or where a parent is missing or no directory; `unknown`
 * where that can't be told.
 */
export function statPaths(
  fs: FileSystem,
  root: DirectoryHandle,
  paths: readonly RelativePath[]
): (Listed | 'unknown' | undefined)[] {
  return [...siblingsIn(paths)].flatMap(({ parent, names }) => {
    try {
      return withDirectory(fs, root, parent, directory => names.map(name => statName(fs, directory, name)))
    } catch (error) {
      const found = whyNotFound(error)
      return names.map(() => found)
    }
  })
}

function statName(fs: FileSystem, directory: DirectoryHandle, name: string): Listed | 'unknown' | undefined {
  try {
    const found = look(fs, directory, name)
    return found === undefined || 'stamp' in found ? found : 'unknown'
  } catch (error) {
    return whyNotFound(error)
  }
}

function whyNotFound(error: unknown): 'unknown' | undefined {
  if (isAbsence(error)) return undefined
  if (codeOf(error) === undefined) throw error
  return 'unknown'
}

/** True for what the system says where nothing, or no directory, stands at a path. */
export function isAbsence(error: unknown): boolean {
  return error instanceof MissingDirectory || ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')
}

/** The text that bytes are, or undefined where they are none. */
function textOf(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString() : undefined
}

const NOT_UTF8: ItemProblem = { code: 'bad-name', message: 'Its name is not valid UTF-8: rename it.' }
const TARGET_NOT_UTF8: ItemProblem = {
  code: 'bad-name',
  message: 'It is a symlink to a name that is not valid UTF-8: rename what it points to.'
}
const RESERVED: ItemProblem = {
  code: 'bad-name',
  message: `On some computers its name is that of ${RESERVED_NAME}, which is backer's own directory: rename it.`
}
const TOO_DEEP: ItemProblem = {
  code: 'too-deep',
  message: `Its path is longer than ${PATH_BYTES_MAX} bytes or deeper than ${PATH_DEPTH_MAX} levels: move it further up.`
}

/** A name that is no text, in a form that can be shown and told from others. */
function printable(bytes: Uint8Array): string {
  return [...bytes]
    .map(byte =>
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`
    )
    .join('')
}
