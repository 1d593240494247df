import { constants } from 'node:os'
import { BackerError, messageOf } from '../core/error.js'

/** What keeps this process from reading or writing a file, and says nothing about what is in it. */
const OBSTACLES: ReadonlySet<unknown> = new Set(
  (['EACCES', 'EAGAIN', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC', 'EPERM', 'EROFS'] as const).flatMap(name => [
    name,
    constants.errno[name]
  ])
)

/** Those that mean that there is no room. */
const FULL: ReadonlySet<unknown> = new Set(
  (['EDQUOT', 'ENOSPC'] as const).flatMap(name => [name, constants.errno[name]])
)

/** True for an error of the system, or of LMDB, that does not mean that the file is damaged. */
export function isObstacle(error: unknown): boolean {
  return OBSTACLES.has(codeOf(error instanceof BackerError ? error.cause : error))
}

/** What was thrown while an index was opened or read: FILE_SYSTEM where something stood in the way, and STORE_CORRUPT for all else. */
export function readingError(error: unknown): BackerError {
  const found = storeError(error)
  if (isObstacle(error) || found.code === 'STORE_CORRUPT') return found
  return damaged(messageOf(error), error)
}

/** What LMDB or the system threw, as DISK_FLOOR where the disk is full, as FILE_SYSTEM or, where it means that the file is damaged, STORE_CORRUPT. LMDB's own codes lie below 0. */
export function storeError(error: unknown): BackerError {
  if (error instanceof BackerError) return error
  const code = codeOf(error)
  return code === undefined || Number(code) < 0
    ? damaged(messageOf(error), error)
    : refused(`the index can't be read or written: ${messageOf(error)}`, error)
}

/** The index is not what was written. */
export function damaged(what: string, cause?: unknown): BackerError {
  return new BackerError('STORE_CORRUPT', `the index is damaged: ${what}`, {
    hint: 'Your files are untouched. Start backer again: the index is checked, and where need be made anew from the files.',
    cause
  })
}

/** The system does not let the index be read or written; what is in it stays as it is. */
export function refused(message: string, cause?: unknown): BackerError {
  return new BackerError(FULL.has(codeOf(cause)) ? 'DISK_FLOOR' : 'FILE_SYSTEM', message, {
    hint: 'Nothing is lost. See to the disk that holds the folder (is it full?) and to its permissions, then start backer again.',
    cause
  })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
