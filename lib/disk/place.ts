import { nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import { sameStamp, type Stamp } from '../core/model/stamp.js'
import type { Displaced, Expected, InstallResult } from './disk.js'
import { exchange, giveBack, keepDisplaced, prepareKeeping, putBack, takeAway } from './displace.js'
import { codeOf } from './problem.js'
import { keepRevision } from './revisions.js'
import { CHANGED, isUntouched, targetAt, type Source, type Target, type Workspace } from './workspace.js'

/**
 * Makes `source` stand at `path`. Unless it is `done`, `source` is still in `.backer/tmp` (or was replaced there by what
 * a user wrote over it: its stamp tells), and what the user had stands where it stood. Throws the system's error and
 * MissingDirectory, with the same promise.
 */
export function place(
  work: Workspace,
  source: Source,
  wanted: { readonly path: RelativePath; readonly expected: Expected; readonly displaced: Displaced }
): InstallResult {
  const target = targetAt(work, wanted.path)
  if (wanted.expected.kind === 'nothing') return placeNew(work, source, target)
  if (wanted.expected.stamp.kind !== 'directory') prepareKeeping(work, target.path, wanted.displaced)
  // The last look comes right before the exchange: what it can't tell is a write in between that keeps size and mtime.
  const before = work.fs.lstat(target.directory, target.name)
  if (before === undefined || !sameStamp(before, wanted.expected.stamp)) return CHANGED
  if (before.kind === 'directory') return replaceDirectory(work, source, target, before)
  const replace = work.traits.canExchange ? replaceByExchange : replaceByMoving
  return replace(work, source, target, { before, displaced: wanted.displaced })
}

function placeNew(work: Workspace, source: Source, target: Target): InstallResult {
  if (!moveTo(work, source.name, target)) return CHANGED
  return done(work, source, target)
}

interface Replaced {
  readonly before: Stamp
  readonly displaced: Displaced
}

/**
 * The way without a window. Until the exchange nothing has happened; after it, whatever stood there is in our hands,
 * whole. The stamp before it is compared in full (the ctime shows a write that kept size and mtime); after it all but the ctime
 * is, which the rename itself sets.
 */
function replaceByExchange(work: Workspace, source: Source, target: Target, replaced: Replaced): InstallResult {
  if (!exchange(work, source.name, target)) return CHANGED
  const out = work.fs.lstat(work.tmp, source.name)
  if (out === undefined) return CHANGED
  if (!isUntouched(out, replaced.before)) {
    giveBack(work, source, target, out)
    return CHANGED
  }
  try {
    const conflictStamp = keepDisplaced(work, source.name, target, replaced.displaced)
    return done(work, source, target, conflictStamp)
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    giveBack(work, source, target, out)
    throw error
  }
}

/**
 * The way for file systems that can't exchange. What stands at the target is renamed away, looked at, and the new one
 * renamed to its place, each time without replacing anything.
 *
 * RACE: between the two renames nothing stands at the target. Worst consequence: a program that opens it in those
 * microseconds is told that it is not there. Renaming over it instead would never show that, but would lose what a user
 * saves in that moment. A crash there is undone by recovery.
 */
function replaceByMoving(work: Workspace, source: Source, target: Target, replaced: Replaced): InstallResult {
  const away = takeAway(work, target, replaced.before)
  if (away === undefined) return CHANGED
  if (!moveToOrPutBack(work, source, target, away)) return CHANGED
  try {
    return done(work, source, target, keepDisplaced(work, away, target, replaced.displaced))
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    work.fs.renameNoReplace(target.directory, target.name, work.tmp, source.name)
    putBack(work, away, target)
    throw error
  }
}

/** As `moveTo`; unless that succeeds, `away` is put back, or kept where the user has made something new there. */
function moveToOrPutBack(work: Workspace, source: Source, target: Target, away: string): boolean {
  let moved = false
  try {
    moved = moveTo(work, source.name, target)
  } catch (error) {
    if (codeOf(error) !== undefined) putBack(work, away, target)
    throw error
  }
  if (!moved) putBack(work, away, target)
  return moved
}

/** A file or a symlink where an empty directory stands. */
function replaceDirectory(work: Workspace, source: Source, target: Target, before: Stamp): InstallResult {
  const blocker = clearDirectory(work, target)
  if (blocker !== undefined) return { kind: 'blocked', by: blocker }
  work.tree.forget(target.path)
  if (!work.traits.canExchange) {
    // RACE: nothing stands at the target between the two. Worst consequence: as in `replaceByMoving`.
    const left = removeEmpty(work, target)
    return left ?? placeNew(work, source, target)
  }
  if (!exchange(work, source.name, target)) return CHANGED
  const out = work.fs.lstat(work.tmp, source.name)
  if (out === undefined) return CHANGED
  if (!isUntouched(out, before)) {
    giveBack(work, source, target, out)
    return CHANGED
  }
  try {
    work.fs.rmdir(work.tmp, source.name)
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    // The user made something in it since.
    giveBack(work, source, target, out)
    if (!isNotEmpty(error)) throw error
    return { kind: 'blocked', by: target.path }
  }
  return done(work, source, target)
}

/** Removes the empty directory at the target. Undefined where it is gone now, else why it is not. */
export function removeEmpty(work: Workspace, target: Target): InstallResult | undefined {
  try {
    work.fs.rmdir(target.directory, target.name)
  } catch (error) {
    if (isNotEmpty(error)) return { kind: 'blocked', by: target.path }
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return CHANGED
    throw error
  }
  work.tree.markChanged(parentOf(target.path))
  return undefined
}

/**
 * Moves deletable junk out of the directory at the target into the revisions. Returns the path of something else that is in
 * it, in which case nothing is moved, or undefined where it is empty now.
 */
export function clearDirectory(work: Workspace, target: Target): string | undefined {
  const directory = work.tree.open(target.path)
  const paths: RelativePath[] = []
  for (const bytes of work.fs.names(directory)) {
    const path = `${target.path}/${Buffer.from(bytes).toString()}` as RelativePath
    if (!work.isDeletable(path)) return path
    paths.push(path)
  }
  for (const path of paths) {
    const junk = { directory: work.tree.open(target.path), name: nameOf(path) }
    keepRevision(work.fs, work.revisions, junk, path, work.naming)
  }
  return undefined
}

/** Renames from `.backer/tmp` to the target; false where something stands there, or its directory is gone. */
function moveTo(work: Workspace, name: string, target: Target): boolean {
  try {
    work.fs.renameNoReplace(work.tmp, name, target.directory, target.name)
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false
    throw error
  }
  work.tree.markChanged(parentOf(target.path))
  return true
}

/**
 * The stamp to remember of what is ours at the target: as it stands there, if it is still as we made it. If the user has
 * written to it since, it is the stamp from before: it matches nothing, so that the next scan reads the file.
 */
function done(work: Workspace, source: Source, target: Target, conflictStamp?: Stamp): InstallResult {
  const now = work.fs.lstat(target.directory, target.name)
  const stamp = now !== undefined && isUntouched(now, source.stamp) ? now : source.stamp
  return conflictStamp === undefined ? { kind: 'done', stamp } : { kind: 'done', stamp, conflictStamp }
}

export function isNotEmpty(error: unknown): boolean {
  return codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST'
}
