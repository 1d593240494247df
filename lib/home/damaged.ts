import { readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BackerError, messageOf } from '../core/error.js'
import { readIfThere, systemCode } from './private-file.js'

const MARK = '.damaged-'

/** Puts a file that can't be read aside under a name that says so, and gives the error that tells of it. */
export async function setAside(
  file: string,
  what: string,
  problem: { readonly cause: unknown; readonly hint: string }
): Promise<BackerError> {
  const kept = `${file}${MARK}${new Date().toISOString().replace(/[:.]/g, '-')}`
  await rename(file, kept)
  const { cause, hint } = problem
  return new BackerError('MALFORMED', `${what} was damaged and is kept as ${kept} (${messageOf(cause)})`, {
    path: kept,
    hint,
    cause
  })
}

/** Files of a home that were put aside because they could not be read, and that still lie there: absolute paths, sorted. */
export async function damagedFiles(home: string): Promise<readonly string[]> {
  try {
    const names = await readdir(home)
    return names
      .filter(name => name.includes(MARK))
      .sort()
      .map(name => join(home, name))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/** What a file that was put aside was called. */
export function nameBefore(kept: string): string {
  return basename(kept).split(MARK)[0] ?? basename(kept)
}

/**
 * The document in `file`, as `parse` understands it; undefined where there is none. A file that is no JSON, or that `parse` throws anything but a BackerError for, is
 * put aside: throws MALFORMED, naming it. Throws UNSUPPORTED where its `schema` is greater than `schema`.
 */
export async function readDocument<T>(
  file: string,
  {
    what,
    schema,
    hint,
    parse
  }: {
    readonly what: string
    readonly schema: number
    readonly hint: string
    readonly parse: (document: Readonly<Record<string, unknown>>) => T
  }
): Promise<T | undefined> {
  const text = await readIfThere(file)
  if (text === undefined) return undefined
  try {
    const document = JSON.parse(text) as unknown
    if (!isObject(document) || typeof document['schema'] !== 'number') throw new TypeError('it has no schema number')
    if (document['schema'] > schema) throw newer(file)
    return parse(document)
  } catch (error) {
    if (error instanceof BackerError) throw error
    throw await setAside(file, what, { cause: error, hint })
  }
}

function newer(file: string): BackerError {
  return new BackerError('UNSUPPORTED', `${file} was written by a newer backer`, {
    path: file,
    hint: `Update backer on this device. The file lies in ${dirname(file)}.`
  })
}

/** True for what JSON calls an object, and for a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
