import { nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import type { InstallStep } from './disk.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { openMarkName } from './names.js'
import { codeOf } from './problem.js'
import { MissingDirectory } from './walk.js'
import { targetAt, type Workspace } from './workspace.js'

/** What an owner needs to change a directory's entries. */
const OWNER_MAY_CHANGE = 0o300
const OWNER_MAY_ALL = 0o700

/**
 * Opens the directories that a step changes and that their owner may not write to (a module cache has such), for as long as the batch works in
 * them: `closeAgain` gives them their mode back, and a mark in `.backer/tmp` lets recovery do so after a crash. Each is looked at once in a batch.
 */
export function openClosed(work: Workspace, step: InstallStep): void {
  if (!work.traits.hasModes) return
  for (const path of [step.path, step.kind === 'move' ? step.from : undefined]) {
    const directory = path === undefined ? undefined : parentOf(path)
    if (directory !== undefined && !work.opened.has(directory)) work.opened.set(directory, openOne(work, directory))
  }
}

/** Opens one directory that is closed and gives the mode that it had. */
function openOne(work: Workspace, path: RelativePath): number | undefined {
  try {
    const target = targetAt(work, path)
    const stamp = work.fs.lstat(target.directory, target.name)
    if (stamp?.kind !== 'directory' || (stamp.mode & OWNER_MAY_CHANGE) === OWNER_MAY_CHANGE) return undefined
    makeMark(work, openMarkName(path, stamp.mode))
    work.fs.setMetadata(target.directory, target.name, stamp.mode | OWNER_MAY_ALL, undefined)
    return stamp.mode
  } catch (error) {
    // It is missing, or another user's: the step will say so.
    if (error instanceof MissingDirectory || codeOf(error) !== undefined) return undefined
    throw error
  }
}

function makeMark({ fs, tmp }: Workspace, name: string): void {
  try {
    fs.close(fs.create(tmp, name))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  fs.syncDirectory(tmp)
}

/** Gives what `openClosed` opened its mode back. */
export function closeAgain(work: Workspace): void {
  for (const [path, mode] of work.opened) {
    if (mode === undefined) continue
    try {
      const target = targetAt(work, path)
      closeDirectory(work.fs, target.directory, nameOf(path), mode)
      work.tree.markChanged(path)
    } catch (error) {
      if (!(error instanceof MissingDirectory)) throw error
    }
    work.fs.unlink(work.tmp, openMarkName(path, mode))
  }
  work.opened.clear()
}

/** Gives an opened directory its mode back, unless somebody has given it another one meanwhile. */
export function closeDirectory(fs: FileSystem, parent: DirectoryHandle, name: string, mode: number): void {
  const stamp = fs.lstat(parent, name)
  if (stamp?.kind === 'directory' && stamp.mode === (mode | OWNER_MAY_ALL))
    fs.setMetadata(parent, name, mode, undefined)
}
