import type { RelativePath } from '../core/model/path.js'
import type { Disk } from '../disk/disk.js'
import { parseIgnore, type IgnoreRules } from '../disk/ignore.js'

/** The file with the patterns of what is not synced; it is synced itself. */
export const IGNORE_FILE = '.backerignore' as RelativePath
const IGNORE_BYTES_MAX = 1024 * 1024

/** The rules of the folder's `.backerignore`, or only the built-in ones where there is none. */
export async function readIgnoreFile(disk: Disk): Promise<IgnoreRules> {
  return parseIgnore(await readIgnoreText(disk))
}

/** The text of the folder's `.backerignore`; undefined where there is none. */
export async function readIgnoreText(disk: Disk): Promise<string | undefined> {
  const [found] = await disk.stat([IGNORE_FILE])
  if (found === undefined || found === 'unknown' || found.stamp.kind !== 'file') return undefined
  const bytes = await disk.read(IGNORE_FILE, 0, IGNORE_BYTES_MAX)
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}
