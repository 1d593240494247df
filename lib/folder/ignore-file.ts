import type { RelativePath } from '../core/model/path.js'
import type { Disk } from '../disk/disk.js'
import { parseIgnore, type IgnoreRules } from '../disk/ignore.js'

/** The file with the patterns of what is not synced; it is synced itself. */
export const IGNORE_FILE = '.backerignore' as RelativePath
const IGNORE_BYTES_MAX = 1024 * 1024

/** The rules of the folder's `.backerignore`, or only the built-in ones where there is none. */
export async function readIgnoreFile(disk: Disk): Promise<IgnoreRules> {
  const [found] = await disk.stat([IGNORE_FILE])
  if (found === undefined || found === 'unknown' || found.stamp.kind !== 'file') return parseIgnore(undefined)
  const bytes = await disk.read(IGNORE_FILE, 0, IGNORE_BYTES_MAX)
  return parseIgnore(bytes === undefined ? undefined : new TextDecoder().decode(bytes))
}
