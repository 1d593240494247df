import type { DiskTraits } from './disk.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { codeOf } from './problem.js'

/** NFC and NFD of one name. */
const COMPOSED = 'probe-\u00e9'
const DECOMPOSED = 'probe-e\u0301'
const NAMES = ['probe-a', 'PROBE-A', 'probe-b', 'probe-link', COMPOSED, DECOMPOSED]

/**
 * What the file system of the open directory `.backer/tmp` can do, found out by trying with files named `probe-…`, which are
 * removed again. Throws the system's error where not even a file can be made (EACCES, EROFS, ENOSPC).
 */
export function probeTraits(fs: FileSystem, tmp: DirectoryHandle): DiskTraits {
  clear(fs, tmp)
  try {
    fs.close(fs.create(tmp, 'probe-a'))
    const foldsCase = fs.lstat(tmp, 'PROBE-A') !== undefined
    return {
      foldsCase,
      foldsUnicode: foldsUnicode(fs, tmp),
      hasSymlinks: hasSymlinks(fs, tmp),
      hasModes: hasModes(fs, tmp),
      canExchange: canExchange(fs, tmp)
    }
  } finally {
    clear(fs, tmp)
  }
}

function clear(fs: FileSystem, tmp: DirectoryHandle): void {
  for (const name of NAMES) {
    try {
      if (fs.lstat(tmp, name) !== undefined) fs.unlink(tmp, name)
    } catch (error) {
      // It went under another of these names, and a file system in user space may show it for a moment yet.
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
}

function foldsUnicode(fs: FileSystem, tmp: DirectoryHandle): boolean {
  try {
    fs.close(fs.create(tmp, COMPOSED))
  } catch (error) {
    // A file system of ASCII names folds nothing.
    if (codeOf(error) === 'EINVAL' || codeOf(error) === 'EILSEQ') return false
    throw error
  }
  return fs.lstat(tmp, DECOMPOSED) !== undefined
}

function hasSymlinks(fs: FileSystem, tmp: DirectoryHandle): boolean {
  try {
    fs.symlink(tmp, 'probe-link', 'probe-a')
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
  return fs.lstat(tmp, 'probe-link')?.kind === 'symlink'
}

function hasModes(fs: FileSystem, tmp: DirectoryHandle): boolean {
  const file = fs.openWrite(tmp, 'probe-a')
  try {
    return [0o640, 0o755].every(mode => {
      fs.setFileMetadata(file, mode, undefined)
      return fs.fstat(file).mode === mode
    })
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  } finally {
    fs.close(file)
  }
}

function canExchange(fs: FileSystem, tmp: DirectoryHandle): boolean {
  if (!fs.canExchange) return false
  fs.close(fs.create(tmp, 'probe-b'))
  const before = fs.lstat(tmp, 'probe-a')
  try {
    fs.exchange(tmp, 'probe-a', tmp, 'probe-b')
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
  return before !== undefined && fs.lstat(tmp, 'probe-b')?.inode === before.inode
}

function isRefusal(error: unknown): boolean {
  return ['EPERM', 'EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EACCES'].includes(codeOf(error) ?? '')
}
