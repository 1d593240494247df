import { parentOf, type RelativePath } from '../core/model/path.js'
import type { Stamp } from '../core/model/stamp.js'
import type { Displaced } from './disk.js'
import { awayName } from './names.js'
import { codeOf } from './problem.js'
import { keepRevision, prepareRevision } from './revisions.js'
import { isUntouched, targetAt, type Source, type Target, type Workspace } from './workspace.js'

/**
 * What becomes of a user's file on its way out of its place. It goes to `.backer/tmp`, is looked at there, where nobody else
 * is, and then goes to the revisions, to a conflict copy, or back. It is never unlinked and never replaced by a rename.
 */

/** Exchanges what `.backer/tmp` has under `name` with what stands at the target; false where nothing stands there. */
export function exchange(work: Workspace, name: string, target: Target): boolean {
  try {
    work.fs.exchange(work.tmp, name, target.directory, target.name)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
  work.tree.markChanged(parentOf(target.path))
  return true
}

/** How often something is given back to a user who keeps replacing it at the same time. */
const GIVE_BACK_MAX = 100

/**
 * Gives back what an exchange took from the user: `.backer/tmp` has `out`, which belongs to the target, where `source` should
 * stand. If the user has replaced that meanwhile, what comes out is newer still, and goes back in its turn. What stays here
 * in the end and is not ours was replaced by the user: it is kept as a revision.
 */
export function giveBack(work: Workspace, source: Source, target: Target, out: Stamp): void {
  let standing = source.stamp
  let held = out
  for (let tries = 0; tries < GIVE_BACK_MAX; tries++) {
    if (!exchangeOrKeep(work, source.name, target)) break
    const next = work.fs.lstat(work.tmp, source.name)
    if (next === undefined) return
    const wasStanding = isUntouched(next, standing)
    standing = held
    held = next
    if (wasStanding) break
  }
  if (!isUntouched(held, source.stamp)) keepFromTmp(work, source.name, target.path)
}

/** As `exchange`, but what is in `.backer/tmp` goes to the revisions where the exchange fails. */
function exchangeOrKeep(work: Workspace, name: string, target: Target): boolean {
  try {
    return exchange(work, name, target)
  } catch (error) {
    if (codeOf(error) !== undefined) keepFromTmp(work, name, target.path)
    throw error
  }
}

/** Moves what a user had at `path` from `.backer/tmp` into the revisions. */
export function keepFromTmp(work: Workspace, name: string, path: RelativePath): void {
  keepRevision(work.fs, work.revisions, { directory: work.tmp, name }, path, work.naming)
}

/**
 * Takes what stands at the target, and was `before`, into `.backer/tmp`. Returns its name there, or undefined where it was
 * something else: that is back in its place then.
 */
export function takeAway(work: Workspace, target: Target, before: Stamp, name?: string): string | undefined {
  const away = name ?? awayName(target.path, work.naming.bytes(8))
  try {
    work.fs.renameNoReplace(target.directory, target.name, work.tmp, away)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  work.tree.markChanged(parentOf(target.path))
  const out = work.fs.lstat(work.tmp, away)
  if (out === undefined) return undefined
  if (isUntouched(out, before)) return away
  putBack(work, away, target)
  return undefined
}

/** Puts something from `.backer/tmp` back where the user had it; where something newer stands there, into the revisions. */
export function putBack(work: Workspace, name: string, target: Target): void {
  try {
    work.fs.renameNoReplace(work.tmp, name, target.directory, target.name)
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    keepFromTmp(work, name, target.path)
  }
}

/** Makes room for what a step is about to displace, so that a full disk shows before anything is touched. */
export function prepareKeeping(work: Workspace, path: RelativePath, displaced: Displaced): void {
  if (displaced.kind === 'revision') prepareRevision(work.revisions, path)
  if (displaced.kind === 'damaged') prepareRevision(work.damaged(), path)
}

/**
 * Moves what a step displaced from `.backer/tmp` to where it belongs. Returns the stamp of the conflict copy, or undefined
 * where it became a revision: that was asked for, or the conflict copy's name was taken.
 */
export function keepDisplaced(work: Workspace, name: string, target: Target, displaced: Displaced): Stamp | undefined {
  if (displaced.kind === 'conflict') {
    const copy = placeCopy(work, name, displaced.path)
    if (copy !== undefined) return work.fs.lstat(copy.directory, copy.name)
  }
  if (displaced.kind === 'damaged') {
    keepRevision(work.fs, work.damaged(), { directory: work.tmp, name }, target.path, work.naming)
    return undefined
  }
  keepFromTmp(work, name, target.path)
  return undefined
}

/** The conflict copy's place, or undefined where it can't be made there, whatever the reason: the revisions take it then. */
export function placeCopy(work: Workspace, name: string, path: RelativePath): Target | undefined {
  try {
    const copy = targetAt(work, path)
    work.fs.renameNoReplace(work.tmp, name, copy.directory, copy.name)
    work.tree.markChanged(parentOf(path))
    return copy
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined
  }
}
