import type { Stamp } from '../core/model/stamp.js'
import type { InstallResult, InstallStep } from './disk.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { writeIntent } from './intent.js'
import { awayName, swapName } from './names.js'
import type { Source, Workspace } from './workspace.js'
import { codeOf, problemOf } from './problem.js'
import { SYNC_EACH_MAX } from './walk.js'

type FileStep = Extract<InstallStep, { kind: 'file' }>

/**
 * Makes the staged files of a batch ready to be installed: their mode and mtime, and, when those and what they hold are durable, their names
 * (`swap-…`, so that recovery can tell what a crash left: one whose bytes a power loss took would look like something of the user's). From here
 * on a rename is all that is missing. `intent` is durable by then as well. Returns, for each step, its source, or why there is none; undefined for steps that install no staged file.
 * Throws the system's error where a sync fails.
 */
export function readyStaged(
  work: Workspace,
  root: DirectoryHandle,
  steps: readonly InstallStep[],
  intent?: Uint8Array
): readonly (Source | InstallResult | undefined)[] {
  const note = intent === undefined ? undefined : writeIntent(work.fs, work.tmp, intent)
  try {
    return readyAll(work, root, steps, note)
  } finally {
    if (note !== undefined) work.fs.close(note)
  }
}

function readyAll(
  work: Workspace,
  root: DirectoryHandle,
  steps: readonly InstallStep[],
  note: FileHandle | undefined
): readonly (Source | InstallResult | undefined)[] {
  const ready: (Source | InstallResult | undefined)[] = new Array<undefined>(steps.length).fill(undefined)
  const files = steps.flatMap((step, i) => (step.kind === 'file' ? [{ step, i }] : []))
  const isTogether = files.length > SYNC_EACH_MAX && work.fs.canSyncFileSystem(root)
  const prepared: { readonly step: FileStep; readonly i: number; readonly stamp: Stamp | undefined }[] = []
  for (const file of files) {
    const made = attempt(() => (isTogether ? prepare(work, file.step) : prepareAndSync(work, file.step)))
    if (made.kind === 'failed') ready[file.i] = made
    else prepared.push({ ...file, stamp: made.stamp })
  }
  if (isTogether) work.fs.syncFileSystem(root)
  else if (note !== undefined) work.fs.syncData(note)
  for (const { step, i, stamp } of prepared) ready[i] = attempt(() => nameOne(work, step, stamp))
  if (prepared.length > 0) work.fs.syncDirectory(work.tmp)
  return ready
}

/** A staged file has its mode and mtime. `stamp`: how it looks, where that is known. */
interface Prepared {
  readonly kind: 'prepared'
  readonly stamp: Stamp | undefined
}

/** Gives a staged file what staging could not give it of its mode and mtime. */
function prepare(work: Workspace, step: FileStep): Prepared {
  const { fs, tmp, traits } = work
  const staged = fs.lstat(tmp, step.staged)
  const hasMode = !traits.hasModes || staged?.mode === (step.mode & 0o777)
  if (staged?.kind === 'file' && hasMode && staged.mtimeNs === step.mtimeNs) return { kind: 'prepared', stamp: staged }
  fs.close(openPrepared(work, step))
  return { kind: 'prepared', stamp: undefined }
}

function prepareAndSync(work: Workspace, step: FileStep): Prepared {
  const file = openPrepared(work, step)
  try {
    work.fs.sync(file)
  } finally {
    work.fs.close(file)
  }
  return { kind: 'prepared', stamp: undefined }
}

function openPrepared(work: Workspace, step: FileStep): FileHandle {
  const { fs, tmp } = work
  const file = fs.openWrite(tmp, step.staged)
  try {
    fs.setFileMetadata(file, work.traits.hasModes ? step.mode & 0o777 : undefined, step.mtimeNs)
    return file
  } catch (error) {
    fs.close(file)
    throw error
  }
}

/** `known`: how the file looked a moment ago. A rename changes only its ctime, which is of no account (see `isUntouched`). */
function nameOne(work: Workspace, step: FileStep, known: Stamp | undefined): Source | InstallResult {
  const name = swapName(step.staged)
  renameToSwap(work, step, name)
  const stamp = known ?? work.fs.lstat(work.tmp, name)
  return stamp === undefined ? GONE : { name, stamp }
}

const GONE: Failed = {
  kind: 'failed',
  problem: { code: 'unwritable', message: 'Its staged content is gone from .backer/tmp. It will be fetched again.' }
}

type Failed = Extract<InstallResult, { kind: 'failed' }>

/** What `act` gives, or why this one file can't be installed. Throws what is no problem of one file. */
function attempt<T>(act: () => T): T | Failed {
  try {
    return act()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return GONE
    const problem = problemOf(error, 'writing')
    if (problem === undefined) throw error
    return { kind: 'failed', problem }
  }
}

function renameToSwap(work: Workspace, step: FileStep, name: string): void {
  const { fs, tmp } = work
  try {
    fs.renameNoReplace(tmp, step.staged, tmp, name)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    // An earlier batch has left something there, perhaps a user's: recovery will look at it.
    fs.renameNoReplace(tmp, name, tmp, awayName(step.path, work.naming.bytes(8)))
    fs.renameNoReplace(tmp, step.staged, tmp, name)
  }
}

/** Syncs the whole file system; false where that is not to be trusted. */
export function trySyncFileSystem(fs: FileSystem, directory: DirectoryHandle): boolean {
  try {
    fs.syncFileSystem(directory)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOSYS') return false
    throw error
  }
}
