import { hashBytes } from '../core/model/hash.js'
import { parentOf, type RelativePath } from '../core/model/path.js'
import { sameStamp, type Stamp } from '../core/model/stamp.js'
import { assertNever } from '../core/invariant.js'
import type { DiskTraits, InstallResult, InstallStep } from './disk.js'
import { closeAgain, openClosed } from './closed.js'
import { keepDisplaced, keepFromTmp, prepareKeeping, putBack, takeAway } from './displace.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { adjust, syncTouched } from './metadata.js'
import { awayName, DIRECTORY_ROOT, moveName, stagedName, swapName } from './names.js'
import { DamagedFiles } from './damaged-files.js'
import { withOwnDirectories } from './own.js'
import { clearDirectory, isNotEmpty, place, removeEmpty } from './place.js'
import { codeOf, fatalOf, problemOf } from './problem.js'
import { readyStaged } from './ready.js'
import { Directories, MissingDirectory } from './walk.js'
import { CHANGED, isUntouched, targetAt, type Source, type Target, type Workspace } from './workspace.js'

export interface InstallOptions {
  readonly traits: DiskTraits
  /** Wall time, milliseconds since 1970: for the names of revisions. */
  readonly nowMs: number
  /** Random bytes: for the names of revisions. */
  readonly bytes: (length: number) => Uint8Array
  /** True for what the ignore rules call deletable junk; nothing is where this is missing. */
  readonly isDeletable?: (path: RelativePath) => boolean
  /** What the batch means: see intent.ts. */
  readonly intent?: Uint8Array | undefined
}

type StepOf<Kind extends InstallStep['kind']> = Extract<InstallStep, { kind: Kind }>

/**
 * Carries out a batch of changes to the folder whose open root is `root`; one result for each step, in order. When it
 * returns, what is `done` survives a power loss: the staged files are synced before any of them gets a name of the user's,
 * the directories after the last step. Throws FILE_SYSTEM where the disk fails (EIO; the folder is to be paused, for a sync that
 * failed can't be repeated) and MARKER where `.backer` is gone. Recovery (`recover.ts`) puts right what a crash leaves.
 */
export function installBatch(
  fs: FileSystem,
  root: DirectoryHandle,
  steps: readonly InstallStep[],
  options: InstallOptions
): readonly InstallResult[] {
  try {
    return withOwnDirectories(fs, root, own => {
      const tree = new Directories(fs, root)
      const revisions = new Directories(fs, own.revisions)
      const aside = new DamagedFiles(fs, own.own)
      try {
        const { traits, nowMs, bytes, isDeletable = () => false } = options
        const naming = { nowMs, bytes }
        const work: Workspace = {
          fs,
          tree,
          revisions,
          damaged: () => aside.open(),
          tmp: own.tmp,
          naming,
          traits,
          isDeletable,
          touched: new Set(),
          opened: new Map()
        }
        const ready = readyStaged(work, root, steps, options.intent)
        const results = steps.map((step, i) => carryOut(work, step, ready[i]))
        closeAgain(work)
        aside.sync()
        syncTouched(work, root)
        return results
      } finally {
        tree.close()
        revisions.close()
        aside.close()
      }
    })
  } catch (error) {
    throw fatalOf(error)
  }
}

function carryOut(work: Workspace, step: InstallStep, ready: Source | InstallResult | undefined): InstallResult {
  try {
    openClosed(work, step)
    switch (step.kind) {
      case 'file':
        return ready === undefined || 'kind' in ready ? (ready ?? CHANGED) : installFile(work, step, ready)
      case 'move':
        return move(work, step)
      case 'symlink':
        return installSymlink(work, step)
      case 'directory':
        return installDirectory(work, step)
      case 'metadata':
        return setMetadata(work, step)
      case 'remove':
        return remove(work, step)
      default:
        return assertNever(step)
    }
  } catch (error) {
    if (error instanceof MissingDirectory) return missing(step, error)
    const problem = problemOf(error, 'writing')
    if (problem === undefined) throw error
    return { kind: 'failed', problem }
  }
}

/** Without its directory nothing stands at a path, and what should not be there, such as a file that was dropped, needs no removing. */
function missing(step: InstallStep, { at }: MissingDirectory): InstallResult {
  return step.kind === 'remove' && step.expected.kind === 'nothing' ? { kind: 'done' } : { kind: 'blocked', by: at }
}

/** Places `source`; where that does not come to be `done`, `release` clears `.backer/tmp` of it, if it is still untouched. */
function placeOrRelease(
  work: Workspace,
  source: Source,
  step: StepOf<'file' | 'move' | 'symlink' | 'directory'>,
  release: () => void
): InstallResult {
  const releaseOurs = (): void => {
    const left = work.fs.lstat(work.tmp, source.name)
    if (left !== undefined && isUntouched(left, source.stamp)) release()
  }
  try {
    const result = place(work, source, step)
    if (result.kind !== 'done') releaseOurs()
    return result
  } catch (error) {
    if (codeOf(error) !== undefined) releaseOurs()
    throw error
  }
}

function installFile(work: Workspace, step: StepOf<'file'>, source: Source): InstallResult {
  return placeOrRelease(work, source, step, () => {
    // Its mode may forbid us to write it, which another try has to.
    if (work.traits.hasModes) work.fs.setMetadata(work.tmp, source.name, 0o600, undefined)
    work.fs.renameNoReplace(work.tmp, source.name, work.tmp, step.staged)
  })
}

function installSymlink(work: Workspace, step: StepOf<'symlink'>): InstallResult {
  if (!work.traits.hasSymlinks) {
    const message = "This file system can't store symlinks."
    return { kind: 'failed', problem: { code: 'not-representable', message } }
  }
  const name = swapName(stagedName(hashBytes(Buffer.from(step.target)), step.path))
  makeRoom(work, name, step.path)
  work.fs.symlink(work.tmp, name, step.target)
  work.fs.setMetadata(work.tmp, name, undefined, step.mtimeNs)
  const stamp = work.fs.lstat(work.tmp, name)
  if (stamp === undefined) return CHANGED
  return placeOrRelease(work, { name, stamp }, step, () => work.fs.unlink(work.tmp, name))
}

function installDirectory(work: Workspace, step: StepOf<'directory'>): InstallResult {
  const { expected } = step
  if (expected.kind === 'stamped' && expected.stamp.kind !== 'directory') return directoryForFile(work, step)
  const target = targetAt(work, step.path)
  const before = work.fs.lstat(target.directory, target.name)
  if (expected.kind === 'stamped' && (before === undefined || !sameStamp(before, expected.stamp))) return CHANGED
  if (before === undefined) makeDirectory(work, target, step.mode)
  else if (expected.kind === 'nothing' && !isNamed(work, target)) return CHANGED
  return withMode(work, target, step.mode)
}

/** False where what stands at the target has another name, which the file system takes for the same. */
function isNamed({ fs, traits }: Workspace, { directory, name }: Target): boolean {
  if (!traits.foldsCase && !traits.foldsUnicode) return true
  return fs.names(directory).some(bytes => Buffer.from(bytes).toString() === name)
}

function makeDirectory(work: Workspace, target: Target, mode: number): void {
  try {
    work.fs.mkdir(target.directory, target.name, mode)
    work.tree.markChanged(parentOf(target.path))
  } catch (error) {
    // The user has made it, or something else, since.
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

/** Gives the directory at the target its mode, which the umask may have cut when it was made. */
function withMode(work: Workspace, target: Target, mode: number): InstallResult {
  const stamp = work.fs.lstat(target.directory, target.name)
  if (stamp?.kind !== 'directory') return CHANGED
  const now = adjust(work, target, stamp, { mode, mtimeNs: undefined })
  return now === undefined ? CHANGED : { kind: 'done', stamp: now }
}

/** A directory where a file or symlink stands: made in `.backer/tmp`, so that one exchange puts it there. */
function directoryForFile(work: Workspace, step: StepOf<'directory'>): InstallResult {
  const name = swapName(stagedName(DIRECTORY_ROOT, step.path))
  makeRoom(work, name, step.path)
  work.fs.mkdir(work.tmp, name, 0o700)
  // A directory that its owner may not write can't be moved: it is closed to him once it stands.
  if (work.traits.hasModes) work.fs.setMetadata(work.tmp, name, (step.mode & 0o777) | 0o700, undefined)
  const stamp = work.fs.lstat(work.tmp, name)
  if (stamp === undefined) return CHANGED
  const result = placeOrRelease(work, { name, stamp }, step, () => {
    removeOwnDirectory(work, name, step.path)
  })
  if (result.kind !== 'done') return result
  const moded = withMode(work, targetAt(work, step.path), step.mode)
  return moded.kind === 'done' ? { ...result, ...moded } : moded
}

/** Removes a directory of ours that did not get its place. What a user has put into it is kept. */
function removeOwnDirectory(work: Workspace, name: string, path: RelativePath): void {
  try {
    work.fs.rmdir(work.tmp, name)
  } catch (error) {
    if (!isNotEmpty(error)) throw error
    keepFromTmp(work, name, path)
  }
}

function setMetadata(work: Workspace, step: StepOf<'metadata'>): InstallResult {
  const target = targetAt(work, step.path)
  const before = work.fs.lstat(target.directory, target.name)
  if (before === undefined || step.expected.kind === 'nothing' || !sameStamp(before, step.expected.stamp))
    return CHANGED
  const stamp = adjust(work, target, before, step)
  return stamp === undefined ? CHANGED : { kind: 'done', stamp }
}

function remove(work: Workspace, step: StepOf<'remove'>): InstallResult {
  const target = targetAt(work, step.path)
  const { expected } = step
  if (expected.kind === 'stamped' && expected.stamp.kind !== 'directory')
    prepareKeeping(work, target.path, step.displaced)
  const before = work.fs.lstat(target.directory, target.name)
  if (expected.kind === 'nothing') return before === undefined ? { kind: 'done' } : CHANGED
  if (before === undefined || !sameStamp(before, expected.stamp)) return CHANGED
  return before.kind === 'directory' ? removeDirectory(work, target) : removeFile(work, target, before, step)
}

function removeDirectory(work: Workspace, target: Target): InstallResult {
  const blocker = clearDirectory(work, target)
  if (blocker !== undefined) return { kind: 'blocked', by: blocker }
  work.tree.forget(target.path)
  return removeEmpty(work, target) ?? { kind: 'done' }
}

function removeFile(work: Workspace, target: Target, before: Stamp, step: StepOf<'remove'>): InstallResult {
  const away = takeAway(work, target, before, awayName(target.path, work.naming.bytes(8)))
  if (away === undefined) return CHANGED
  if (step.displaced.kind === 'nothing') return letGo(work, target, away)
  try {
    const conflictStamp = keepDisplaced(work, away, target, step.displaced)
    return conflictStamp === undefined ? { kind: 'done' } : { kind: 'done', conflictStamp }
  } catch (error) {
    if (codeOf(error) !== undefined) putBack(work, away, target)
    throw error
  }
}

/** Removes for good what was taken away, unless somebody has it open: what he writes would be lost. */
function letGo(work: Workspace, target: Target, away: string): InstallResult {
  try {
    if (!isInUse(work, away)) {
      work.fs.unlink(work.tmp, away)
      return { kind: 'done' }
    }
  } catch (error) {
    if (codeOf(error) !== undefined) putBack(work, away, target)
    throw error
  }
  putBack(work, away, target)
  return { kind: 'failed', problem: { code: 'changing', message: 'Another program has it open.' } }
}

function isInUse({ fs, tmp }: Workspace, name: string): boolean {
  const file = fs.openRead(tmp, name)
  try {
    return fs.isInUse(file)
  } finally {
    fs.close(file)
  }
}

/**
 * A move goes through `.backer/tmp`, where what was taken can be looked at and gets its metadata; then it is installed as a
 * staged file is.
 */
function move(work: Workspace, step: StepOf<'move'>): InstallResult {
  const from = targetAt(work, step.from)
  const before = work.fs.lstat(from.directory, from.name)
  if (before === undefined || before.kind === 'directory' || !sameStamp(before, step.fromStamp)) return CHANGED
  const name = moveName(step.from, step.path, before.inode)
  makeRoom(work, name, step.from)
  if (takeAway(work, from, before, name) === undefined) return CHANGED
  const taken: Target = { directory: work.tmp, name, path: step.path }
  const source = adjustTaken(work, taken, from, step)
  if (source === undefined) return CHANGED
  const result = placeOrRelease(work, source, step, () => {
    try {
      const now = work.fs.lstat(work.tmp, name)
      if (now !== undefined) adjust(work, taken, now, before)
    } finally {
      putBack(work, name, from)
    }
  })
  const isTimeSet = source.stamp.mtimeNs !== before.mtimeNs
  if (result.kind !== 'done' || result.stamp === undefined || !isTimeSet) return result
  return { ...result, stamp: { ...result.stamp, ctimeNs: 0n } }
}

/** Gives what was taken for a move its metadata. Where that fails, or it has been written to, it is put back: undefined. */
function adjustTaken(work: Workspace, taken: Target, from: Target, step: StepOf<'move'>): Source | undefined {
  try {
    const stamp = work.fs.lstat(taken.directory, taken.name)
    if (stamp !== undefined && adjust(work, taken, stamp, step) !== undefined) {
      const adjusted = work.fs.lstat(taken.directory, taken.name)
      if (adjusted !== undefined) return { name: taken.name, stamp: adjusted }
    }
  } catch (error) {
    if (codeOf(error) !== undefined) putBack(work, taken.name, from)
    throw error
  }
  putBack(work, taken.name, from)
  return undefined
}

/** Frees a name in `.backer/tmp` that an earlier run has left taken: recovery will look at what that is. */
function makeRoom(work: Workspace, name: string, path: RelativePath): void {
  if (work.fs.lstat(work.tmp, name) === undefined) return
  work.fs.renameNoReplace(work.tmp, name, work.tmp, awayName(path, work.naming.bytes(8)))
}
