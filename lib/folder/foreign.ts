import { joinPath, type RelativePath } from '../core/model/path.js'
import { isLive } from '../core/model/record.js'
import type { InstallResult, InstallStep, ItemProblem } from '../disk/disk.js'
import type { FolderContext } from './context.js'

/*
 * What lies in a folder's directory and is not the folder's: what is ignored, special files, names that can't be carried, and what others have deleted and
 * this device keeps. Nothing that comes from others moves or removes it.
 */

/**
 * True for a directory in which something lies, and all of it is foreign, or a directory of that kind that others have deleted: one that the index has so,
 * or that is in `left`.
 */
export async function holdsOnlyForeign(
  context: FolderContext,
  directory: RelativePath,
  left: ReadonlySet<RelativePath>
): Promise<boolean> {
  const { disk, store } = context
  const [listing] = await disk.list([directory])
  if (listing?.kind !== 'listed' || listing.entries.length + listing.badNames.length === 0) return false
  return listing.entries.every(({ name, stamp }) => {
    const path = joinPath(directory, name)
    if (stamp.kind === 'special' || context.ignore().ignores(path, stamp.kind === 'directory')) return true
    const entry = store.get(path)
    if (left.has(path)) return true
    return stamp.kind === 'directory' && entry?.stamp !== undefined && !isLive(entry.record)
  })
}

/**
 * Why a step was not carried out, where what stands in its way is foreign: no look at the disk brings it into the index, so that only its user can
 * help. Undefined where it is something else.
 */
export function foreignInTheWay(
  { ignore, problems, store }: FolderContext,
  { path }: InstallStep,
  outcome: InstallResult
): ItemProblem | undefined {
  if (outcome.kind !== 'changed' && outcome.kind !== 'blocked') return undefined
  const at = outcome.kind === 'blocked' ? (outcome.by as RelativePath) : path
  const known = problems.get(at)
  if (known?.code === 'special-file') {
    const message = at === path ? known.message : `${at}, which is a socket, FIFO or device, is in the way`
    return { code: 'special-file', message }
  }
  const entry = at === path ? undefined : store.get(at)
  if (entry?.stamp !== undefined && !isLive(entry.record)) {
    const message = `${at}, which others have deleted and this device keeps, is in the way of what others have at ${path}: move it to another place, or delete it`
    return { code: 'kept', message }
  }
  if (!ignore().ignores(at, false) && !ignore().ignores(at, true)) return undefined
  const message =
    at === path
      ? `${path} is ignored, and something of this device's own stands there: what others have there waits`
      : `${at}, which is ignored, is in the way`
  return { code: 'ignored', message }
}
