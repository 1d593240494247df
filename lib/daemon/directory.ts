import { constants } from 'node:fs'
import { access, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { BackerError } from '../core/error.js'
import { RESERVED_NAME } from '../core/model/path.js'
import { systemCode } from '../home/private-file.js'

/** What is known when a directory is to become a folder. */
export interface DirectoryQuestion {
  readonly directory: string
  /** True where a missing directory will be made. */
  readonly mayBeMissing: boolean
  /** Where this device keeps its own state. */
  readonly home: string
  /** The directories of this device's other folders. */
  readonly others: readonly string[]
}

/**
 * The real path of a directory that may become a folder. Makes nothing. Throws NOT_A_DIRECTORY where it is missing or something
 * else, NESTED where it lies in or round another folder or backer's own state, NOT_WRITABLE.
 */
export async function checkDirectory(question: DirectoryQuestion): Promise<string> {
  const asked = resolve(question.directory)
  const path = await realPath(asked)
  const kind = await kindOf(path)
  if (kind === 'other') throw notADirectory(asked, `${asked} is a file, not a directory`)
  if (kind === 'missing' && !question.mayBeMissing) {
    throw notADirectory(asked, `there is no directory ${asked}`, 'Make it first, or check the name.')
  }
  await refuseNested(path, question)
  await refuseReadOnly(path)
  return path
}

/** A path with its symlinks resolved, as far as it exists. */
export async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (!isAbsent(error) || dirname(path) === path) throw error
    return join(await realPath(dirname(path)), basename(path))
  }
}

/** The nearest directory at or above `path` that is a folder: one with a marker. */
export async function folderAround(path: string): Promise<string | undefined> {
  for (let at = path; ; at = dirname(at)) {
    if ((await kindOf(join(at, RESERVED_NAME, 'marker'))) === 'other') return at
    if (dirname(at) === at) return undefined
  }
}

/** True where `inner` is `outer` or lies below it. Both absolute. */
export function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep)
}

async function refuseNested(path: string, { home, others }: DirectoryQuestion): Promise<void> {
  if (path.split(sep).includes(RESERVED_NAME)) throw nested(path, `${path} lies in a ${RESERVED_NAME} directory`)
  const outer = dirname(path) === path ? undefined : await folderAround(dirname(path))
  if (outer !== undefined) throw nested(path, `${path} lies inside the synced folder ${outer}`)
  for (const other of others) {
    if (other !== path && isWithin(other, path) && (await folderAround(other)) === other)
      throw nested(path, `${path} has the synced folder ${other} inside it`)
  }
  const state = await realPath(home)
  if (isWithin(state, path) && !isWithin(state, join(path, RESERVED_NAME)))
    throw nested(path, `${path} holds backer's own keys, in ${state}`)
  if (isWithin(path, state)) throw nested(path, `${path} lies in ${state}, where backer keeps its own keys`)
}

/** What will be written to first: the directory, or the nearest one above it that is there. */
async function refuseReadOnly(path: string): Promise<void> {
  let at = path
  while ((await kindOf(at)) === 'missing' && dirname(at) !== at) at = dirname(at)
  if ((await kindOf(at)) !== 'directory') throw notADirectory(path, `${at} is a file, not a directory`)
  try {
    await access(at, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new BackerError('NOT_WRITABLE', `${at} can't be written by you`, {
      path,
      hint: 'Choose another directory, or change its permissions.',
      cause: error
    })
  }
}

async function kindOf(path: string): Promise<'missing' | 'directory' | 'other'> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'other'
  } catch (error) {
    if (isAbsent(error)) return 'missing'
    throw error
  }
}

function isAbsent(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function notADirectory(path: string, message: string, hint?: string): BackerError {
  return new BackerError('NOT_A_DIRECTORY', message, { path, ...(hint === undefined ? {} : { hint }) })
}

function nested(path: string, message: string): BackerError {
  return new BackerError('NESTED', message, { path, hint: 'Choose a directory that is apart from it.' })
}
