import { parentOf, type RelativePath } from '../core/model/path.js'
import { sameInode, sameStamp, type Stamp } from '../core/model/stamp.js'
import type { DirectoryHandle, FileHandle } from './filesystem.js'
import { targetAt, type Target, type Workspace } from './workspace.js'
import { codeOf } from './problem.js'
import { trySyncFileSystem } from './ready.js'
import { MissingDirectory, SYNC_EACH_MAX } from './walk.js'

/** What is to be changed of a file, directory or symlink; undefined: as it is. */
export interface Metadata {
  readonly mode: number | undefined
  readonly mtimeNs: bigint | undefined
}

/**
 * Gives what stands at the target, and was `before`, the mode and mtime of `wanted`; nothing is set that is so already. Returns
 * the stamp to remember, or undefined where something else stands there by now.
 *
 * Setting the mtime would hide what a user writes to the same file in between. So the stamp that is returned then has
 * no ctime and matches nothing: the next scan reads the file, and sees what is in it.
 */
export function adjust(work: Workspace, target: Target, before: Stamp, wanted: Metadata): Stamp | undefined {
  const hasMode = before.kind !== 'symlink' && work.traits.hasModes
  const mode = hasMode && wanted.mode !== undefined && wanted.mode !== before.mode ? wanted.mode & 0o777 : undefined
  const hasTime = before.kind !== 'directory' && wanted.mtimeNs !== before.mtimeNs
  const mtimeNs = hasTime ? wanted.mtimeNs : undefined
  if (mode === undefined && mtimeNs === undefined) return before
  const after =
    before.kind === 'file'
      ? adjustFile(work, target, before, { mode, mtimeNs })
      : adjustName(work, target, { mode, mtimeNs })
  if (after === undefined) return undefined
  // A mode that a user set in that moment, and that was not to be set, must be told as his.
  if (hasMode && mode === undefined && after.mode !== before.mode) return undefined
  if (before.kind === 'directory') work.tree.markChanged(target.path)
  else work.touched.add(target.path)
  if (mtimeNs !== undefined) return { ...after, ctimeNs: 0n }
  return before.kind === 'directory' || sameInode(after, before) ? after : undefined
}

/** By descriptor, so that what is changed is what was looked at. */
function adjustFile(work: Workspace, target: Target, before: Stamp, wanted: Metadata): Stamp | undefined {
  const file = openIfReadable(work, target)
  if (file === undefined) return adjustName(work, target, wanted)
  try {
    if (!sameStamp(work.fs.fstat(file), before)) return undefined
    return setAndLook(wanted, {
      set: () => work.fs.setFileMetadata(file, wanted.mode, wanted.mtimeNs),
      look: () => work.fs.fstat(file)
    })
  } finally {
    work.fs.close(file)
  }
}

function openIfReadable(work: Workspace, target: Target): FileHandle | undefined {
  try {
    return work.fs.openRead(target.directory, target.name)
  } catch (error) {
    if (codeOf(error) === 'EACCES') return undefined
    throw error
  }
}

/**
 * By name: directories, symlinks, and files that this user may not read.
 * RACE: what a user puts there between the look and the change gets the mode or mtime. Worst consequence: just that.
 */
function adjustName(work: Workspace, target: Target, wanted: Metadata): Stamp | undefined {
  return setAndLook(wanted, {
    set: () => work.fs.setMetadata(target.directory, target.name, wanted.mode, wanted.mtimeNs),
    look: () => work.fs.lstat(target.directory, target.name)
  })
}

/** How often something is set again that a user changes at the same time. */
const SET_MAX = 10

/**
 * Sets what is wanted, and returns how the file system holds it. What shows otherwise is either as near as it can come, or was set by a user in that
 * moment, which must not be remembered as ours: it would never be told to anybody. Setting it again tells them apart.
 */
function setAndLook(
  wanted: Metadata,
  { set, look }: { readonly set: () => void; readonly look: () => Stamp | undefined }
): Stamp | undefined {
  let before: Stamp | undefined
  for (let tries = 0; tries < SET_MAX; tries++) {
    set()
    const now = look()
    if (now === undefined || shows(now, wanted)) return now
    if (before?.mode === now.mode && before.mtimeNs === now.mtimeNs) return now
    before = now
  }
  return undefined
}

function shows(now: Stamp, { mode, mtimeNs }: Metadata): boolean {
  return (mode === undefined || now.mode === mode) && (mtimeNs === undefined || now.mtimeNs === mtimeNs)
}

/**
 * Makes what a batch did durable: the directories whose entries changed, and the files whose metadata was set. Throws the
 * system's error.
 */
export function syncTouched(work: Workspace, root: DirectoryHandle): void {
  const count = work.tree.changedCount + work.revisions.changedCount + work.touched.size
  if (count === 0) return
  if (count > SYNC_EACH_MAX && trySyncFileSystem(work.fs, root)) return
  for (const path of work.touched) syncFile(work, path)
  work.tree.sync()
  work.revisions.sync()
  work.fs.syncDirectory(work.tmp)
}

/** Syncs a file whose metadata was set. One that is gone by now, or can't be opened, is synced with its directory. */
function syncFile(work: Workspace, path: RelativePath): void {
  work.tree.markChanged(parentOf(path))
  try {
    const target = targetAt(work, path)
    const file = work.fs.openRead(target.directory, target.name)
    try {
      work.fs.sync(file)
    } finally {
      work.fs.close(file)
    }
  } catch (error) {
    if (!(error instanceof MissingDirectory) && !['ENOENT', 'ELOOP', 'EACCES'].includes(codeOf(error) ?? ''))
      throw error
  }
}
