import { isUtf8 } from 'node:buffer'
import { isReservedName, whyNotName, type RelativePath } from '../core/model/path.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import type { Listed, Listing } from './disk.js'
import { codeOf, problemOf } from './problem.js'
import { MissingDirectory, withDirectory, withParent } from './walk.js'

/** Lists a directory (undefined: the root). What goes wrong is never an empty directory: `absent` and `failed` say which it is. */
export function listDirectory(fs: FileSystem, root: DirectoryHandle, path: RelativePath | undefined): Listing {
  try {
    return withDirectory(fs, root, path, directory => listOpen(fs, directory, path === undefined))
  } catch (error) {
    if (error instanceof MissingDirectory || isGone(error)) return { kind: 'absent' }
    const problem = problemOf(error, 'reading')
    if (problem === undefined) throw error
    return { kind: 'failed', problem }
  }
}

function listOpen(fs: FileSystem, directory: DirectoryHandle, isRoot: boolean): Listing {
  const entries: Listed[] = []
  const badNames: string[] = []
  for (const bytes of fs.names(directory)) {
    const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
    if (!isUtf8(bytes) || whyNotName(name) !== undefined) {
      badNames.push(printable(bytes))
      continue
    }
    if (isRoot && isReservedName(name)) continue
    const listed = look(fs, directory, name)
    if (listed === 'bad target') badNames.push(name)
    else if (listed !== undefined) entries.push(listed)
  }
  return { kind: 'listed', entries, badNames }
}

/** What stands at a name; undefined where it has gone since. */
function look(fs: FileSystem, directory: DirectoryHandle, name: string): Listed | 'bad target' | undefined {
  const stamp = fs.lstat(directory, name)
  if (stamp === undefined) return undefined
  if (stamp.kind !== 'symlink') return { name, stamp }
  const target = readTarget(fs, directory, name)
  if (target === undefined) return undefined
  return isUtf8(target) ? { name, stamp, target: Buffer.from(target).toString() } : 'bad target'
}

function readTarget(fs: FileSystem, directory: DirectoryHandle, name: string): Uint8Array | undefined {
  try {
    return fs.readlink(directory, name)
  } catch (error) {
    if (isGone(error) || codeOf(error) === 'EINVAL') return undefined
    throw error
  }
}

/** What stands at a path; undefined where nothing does; `unknown` where that can't be told. */
export function statPath(fs: FileSystem, root: DirectoryHandle, path: RelativePath): Listed | 'unknown' | undefined {
  try {
    const found = withParent(fs, root, path, (parent, name) => look(fs, parent, name))
    return found === 'bad target' ? 'unknown' : found
  } catch (error) {
    if (error instanceof MissingDirectory || isGone(error)) return undefined
    if (codeOf(error) === undefined) throw error
    return 'unknown'
  }
}

function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')
}

/** A name that is no text, in a form that can be shown and told from others. */
function printable(bytes: Uint8Array): string {
  return [...bytes]
    .map(byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`))
    .join('')
}
