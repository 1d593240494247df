import { BackerError, messageOf } from '../core/error.js'
import type { ItemProblem } from './disk.js'

/** The `code` of a system's error (`ENOENT`), or undefined where it is another kind of error. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof BackerError || !('code' in error)) return undefined
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined
}

/**
 * The problem of one item that a system's error is, or undefined where it is none of the ordinary ones: the disk itself
 * fails then, or it is a mistake of our own.
 */
export function problemOf(error: unknown, doing: 'reading' | 'writing'): ItemProblem | undefined {
  const code = codeOf(error)
  if (code === undefined) return undefined
  if (code === 'EIO' && doing === 'writing') return undefined
  const unrepresentable = doing === 'writing' ? UNREPRESENTABLE[code] : undefined
  if (unrepresentable !== undefined) return { code: 'not-representable', message: `${unrepresentable}.` }
  const reason = REASONS[code]
  if (reason === undefined) return undefined
  if (doing === 'reading') return { code: 'unreadable', message: `It can't be read: ${reason}.` }
  return { code: 'unwritable', message: `It can't be written: ${reason}.` }
}

/** A system's error as a BackerError: DISK_FLOOR where the disk is full, else FILE_SYSTEM; any other error as it is. */
export function fatalOf(error: unknown, path?: string): unknown {
  const code = codeOf(error)
  if (code === undefined) return error
  const reason = REASONS[code] ?? messageOf(error)
  return new BackerError(FULL.has(code) ? 'DISK_FLOOR' : 'FILE_SYSTEM', `The file system failed: ${reason}.`, {
    cause: error,
    hint: 'Check the disk. Syncing goes on when the folder is opened again.',
    ...(path === undefined ? {} : { path })
  })
}

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user has no permission for it or for its directory (EACCES)',
  EPERM: 'this user may not change it, or it is marked as immutable (EPERM)',
  EROFS: 'the file system is read-only (EROFS)',
  ENOSPC: 'there is no space left on the disk (ENOSPC)',
  EDQUOT: "the user's disk quota is used up (EDQUOT)",
  EFBIG: 'it is larger than this file system or the limits of this process allow (EFBIG)',
  EXDEV: 'it lies on another file system than the folder (EXDEV)',
  EBUSY: 'it is in use, or something is mounted there (EBUSY)',
  ETXTBSY: 'it is a program that is running (ETXTBSY)',
  EMLINK: 'the directory has too many directories in it (EMLINK)',
  EMFILE: 'this process has too many files open (EMFILE)',
  ENFILE: 'this machine has too many files open (ENFILE)',
  ENOMEM: 'this machine is out of memory (ENOMEM)',
  EIO: 'the disk has an error (EIO)',
  ESTALE: 'the network file system has lost it (ESTALE)',
  ENOENT: 'it or its directory is gone (ENOENT)',
  ENOTDIR: 'something in its path is no directory (ENOTDIR)',
  EISDIR: 'a directory stands there (EISDIR)',
  EEXIST: 'something stands there already (EEXIST)',
  ENOTEMPTY: 'the directory is not empty (ENOTEMPTY)',
  ELOOP: 'a symlink stands there (ELOOP)',
  ENXIO: 'it is no plain file (ENXIO)',
  EOVERFLOW: 'it is too large for this system (EOVERFLOW)',
  EAGAIN: 'another program holds it locked (EAGAIN)'
}

const UNREPRESENTABLE: Readonly<Record<string, string>> = {
  ENAMETOOLONG: 'The name is too long for this file system (ENAMETOOLONG)',
  EINVAL: "This file system can't store such a name or kind of file (EINVAL)",
  EILSEQ: "This file system can't store such a name (EILSEQ)",
  EOPNOTSUPP: "This file system can't store such a kind of file (EOPNOTSUPP)",
  ENOTSUP: "This file system can't store such a kind of file (ENOTSUP)",
  ENOSYS: "This system can't store such a kind of file (ENOSYS)"
}
