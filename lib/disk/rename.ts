import { linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import { codeOf } from './problem.js'

const NO_HARD_LINKS: ReadonlySet<string> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
  'EISDIR',
  'UNKNOWN'
])

/**
 * Renames by path where the kernel has no rename that never replaces: a file by link(2), which never does. Throws EEXIST
 * where the target is taken.
 *
 * RACE: directories, symlinks, and files where there are no hard links: what is made at the target between the look and
 * the rename is replaced. Worst consequence: one file that a user made in those microseconds is lost.
 */
export function renameByPath(source: string, target: string): void {
  if (lstatSync(source).isFile() && linkAndUnlink(source, target)) return
  if (lstatSync(target, { throwIfNoEntry: false }) !== undefined)
    throw Object.assign(new Error('EEXIST: rename'), { code: 'EEXIST', syscall: 'rename' })
  renameSync(source, target)
}

/** False where the file system has no hard links: nothing has happened then. */
function linkAndUnlink(source: string, target: string): boolean {
  try {
    linkSync(source, target)
  } catch (error) {
    if (NO_HARD_LINKS.has(codeOf(error) ?? '')) return false
    throw error
  }
  unlinkSync(source)
  return true
}
