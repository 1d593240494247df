import { BackerError } from '../core/error.js'
import { RESERVED_NAME } from '../core/model/path.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { codeOf } from './problem.js'

/** What lies in `.backer`: the marker file, and the directories of staged files, of revisions and of the index. */
export const MARKER_NAME = 'marker'
export const TMP_NAME = 'tmp'
export const REVISIONS_NAME = 'revisions'
export const INDEX_NAME = 'index'
export const HISTORY_NAME = 'history'
/** Files whose bytes were not what had been written, put aside: nothing of backer removes them. */
export const DAMAGED_NAME = 'damaged'

/** The open directories of `.backer`. */
export interface OwnDirectories {
  readonly own: DirectoryHandle
  readonly tmp: DirectoryHandle
  readonly revisions: DirectoryHandle
}

/**
 * Calls `fn` with the open directories of `.backer`, and closes them. `tmp` and `revisions` are made where they are missing;
 * `.backer` itself is not: throws MARKER without it, because then this may be another disk. The caller syncs what it changes.
 */
export function withOwnDirectories<T>(fs: FileSystem, root: DirectoryHandle, fn: (own: OwnDirectories) => T): T {
  const opened: DirectoryHandle[] = []
  try {
    const own = openOwn(fs, root)
    opened.push(own)
    const tmp = openOrMake(fs, own, TMP_NAME)
    opened.push(tmp)
    const revisions = openOrMake(fs, own, REVISIONS_NAME)
    opened.push(revisions)
    return fn({ own, tmp, revisions })
  } finally {
    for (const directory of opened.reverse()) fs.closeDirectory(directory)
  }
}

/** As `withOwnDirectories`, for `.backer/tmp` alone. */
export function withTmp<T>(fs: FileSystem, root: DirectoryHandle, fn: (tmp: DirectoryHandle) => T): T {
  return withOwnDirectories(fs, root, own => fn(own.tmp))
}

/** Opens `.backer`. Throws MARKER where it is missing or is no directory. */
export function openOwn(fs: FileSystem, root: DirectoryHandle): DirectoryHandle {
  try {
    return fs.openDirectory(root, RESERVED_NAME)
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) throw error
    throw new BackerError('MARKER', `The directory ${RESERVED_NAME} of this folder is gone.`, {
      cause: error,
      hint: 'Is the disk mounted? Nothing is changed until it is back.'
    })
  }
}

/** Opens a directory of our own inside `parent`; makes it, 0700, where it is missing. */
export function openOrMake(fs: FileSystem, parent: DirectoryHandle, name: string): DirectoryHandle {
  try {
    return fs.openDirectory(parent, name)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  try {
    fs.mkdir(parent, name, 0o700)
    fs.syncDirectory(parent)
  } catch (error) {
    // Another thread may have made it since.
    if (codeOf(error) !== 'EEXIST') throw error
  }
  return fs.openDirectory(parent, name)
}
