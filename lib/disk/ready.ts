import type { InstallResult, InstallStep } from './disk.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { writeIntent } from './intent.js'
import { awayName, swapName } from './names.js'
import type { Source, Workspace } from './workspace.js'
import { codeOf, problemOf } from './problem.js'
import { SYNC_EACH_MAX } from './walk.js'

type FileStep = Extract<InstallStep, { kind: 'file' }>

/** How many staged files are open at once. */
const OPEN_MAX = 256

/** A staged file that is open. */
interface Opened {
  readonly step: FileStep
  readonly file: FileHandle
}

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
  if (files.length === 0 && note !== undefined) work.fs.sync(note)
  for (let start = 0; start < files.length; start += OPEN_MAX) {
    const open = new Map<number, Opened>()
    try {
      for (const { step, i } of files.slice(start, start + OPEN_MAX)) {
        const opened = attempt(() => openOne(work, step))
        if ('kind' in opened) ready[i] = opened
        else open.set(i, opened)
      }
      const opened = [...open.values()].map(({ file }) => file)
      syncAll(work, root, note === undefined || start > 0 ? opened : [note, ...opened])
      for (const [i, opened] of open) ready[i] = attempt(() => nameOne(work, opened))
      if (open.size > 0) work.fs.syncDirectory(work.tmp)
    } finally {
      for (const { file } of open.values()) work.fs.close(file)
    }
  }
  return ready
}

function openOne(work: Workspace, step: FileStep): Opened {
  const { fs, tmp } = work
  const file = fs.openWrite(tmp, step.staged)
  try {
    fs.setFileMetadata(file, work.traits.hasModes ? step.mode & 0o777 : undefined, step.mtimeNs)
    return { step, file }
  } catch (error) {
    fs.close(file)
    throw error
  }
}

function nameOne(work: Workspace, { step, file }: Opened): Source {
  const name = swapName(step.staged)
  renameToSwap(work, step, name)
  return { name, stamp: work.fs.fstat(file) }
}

/** What `act` gives, or why this one file can't be installed. Throws what is no problem of one file. */
function attempt<T>(act: () => T): T | InstallResult {
  try {
    return act()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      const message = 'Its staged content is gone from .backer/tmp. It will be fetched again.'
      return { kind: 'failed', problem: { code: 'unwritable', message } }
    }
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

function syncAll(work: Workspace, root: DirectoryHandle, files: readonly FileHandle[]): void {
  if (files.length === 0) return
  if (files.length > SYNC_EACH_MAX && trySyncFileSystem(work.fs, root)) return
  for (const file of files) work.fs.sync(file)
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
