import { closeSync, fstatSync, lstatSync, openSync, readSync, readdirSync, readlinkSync, type Dirent } from 'node:fs'
import { join } from 'node:path'

/** Every version's content is its name, over and over: a token of so many hexadecimal digits. */
export const TOKEN_LENGTH = 48

/** Up to so many bytes a file is read whole, to see whether it is a version. */
const READ_WHOLE = 64 * 1024

/** What a folder shows, one line an item. */
export function linesOf(root: string): string[] {
  return entriesBelow(root, false)
    .map(entry => {
      const path = join(entry.parentPath, entry.name)
      const stat = lstatSync(path, { throwIfNoEntry: false })
      if (entry.isSymbolicLink()) return `l ${path.slice(root.length + 1)} ${ifThere(() => readlinkSync(path))}`
      const shown = entry.isFile() ? `${stat?.size} ${(stat?.mode ?? 0) & 0o777} ${Math.floor(stat?.mtimeMs ?? 0)}` : ''
      const kind = entry.isDirectory() ? 'd' : 'f'
      return `${kind} ${path.slice(root.length + 1)} ${shown}`
    })
    .sort()
}

/** The names of all versions that lie, whole, anywhere in a folder, in its own directory too. */
export function tokensBelow(root: string): Set<string> {
  const tokens = new Set<string>()
  for (const path of filesBelow(root, true)) {
    if (path.includes('/.backer/index') || path.includes('/.backer/home')) continue
    const token = ifThere(() => tokenOf(path))
    if (token !== undefined) tokens.add(token)
  }
  return tokens
}

/** The version that a file is; undefined where it is none. Of a large one its ends are looked at, unless it may be half-written. */
function tokenOf(path: string): string | undefined {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    if (size === 0 || size % TOKEN_LENGTH !== 0) return undefined
    const token = read(file, 0, TOKEN_LENGTH)
    if (!/^[0-9a-f]+$/.test(token)) return undefined
    const isReadWhole = size <= READ_WHOLE || path.includes('/.backer/tmp/')
    const looked = isReadWhole ? read(file, 0, size) : token + read(file, size - TOKEN_LENGTH, TOKEN_LENGTH)
    return looked === token.repeat(looked.length / TOKEN_LENGTH) ? token : undefined
  } finally {
    closeSync(file)
  }
}

function read(file: number, position: number, length: number): string {
  const bytes = Buffer.alloc(length)
  return bytes.toString('latin1', 0, readSync(file, bytes, 0, length, position))
}

/** The regular files in a directory and all below it. `withOwn`: those of backer's own directory too. */
export function filesBelow(root: string, withOwn: boolean): string[] {
  return entriesBelow(root, withOwn)
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
}

function entriesBelow(root: string, withOwn: boolean): Dirent[] {
  return (ifThere(() => readdirSync(root, { withFileTypes: true })) ?? [])
    .filter(entry => withOwn || (entry.name !== '.backer' && entry.name !== 'lost+found'))
    .flatMap(entry => [entry, ...(entry.isDirectory() ? entriesBelow(join(root, entry.name), true) : [])])
}

/** What is read of something that a living device may take away, or replace, in that moment; undefined where it did. */
function ifThere<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Error && 'code' in error && GONE.has(error.code)) return undefined
    throw error
  }
}

const GONE: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EINVAL'])
