import { nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import { sameInode, type Stamp } from '../core/model/stamp.js'
import type { DiskTraits, InstallResult } from './disk.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import type { RevisionNaming } from './revisions.js'
import type { Directories } from './walk.js'

/** What one batch of changes works with. */
export interface Workspace {
  readonly fs: FileSystem
  /** The folder's own directories. */
  readonly tree: Directories
  readonly revisions: Directories
  /** Where damaged files are put aside; made when it is first needed. */
  readonly damaged: () => Directories
  readonly tmp: DirectoryHandle
  readonly naming: RevisionNaming
  readonly traits: DiskTraits
  /** True for junk that the ignore rules let a directory's removal take along. */
  readonly isDeletable: (path: RelativePath) => boolean
  /** Files whose metadata was set and is to be synced. */
  readonly touched: Set<RelativePath>
  /** Directories that were opened for a moment, with the mode that they get back; undefined for those that had no need (see closed.ts). */
  readonly opened: Map<RelativePath, number | undefined>
}

/** Something of ours in `.backer/tmp`, as it was when it was finished. */
export interface Source {
  readonly name: string
  readonly stamp: Stamp
}

/** A name in an open directory of the folder. */
export interface Target {
  readonly directory: DirectoryHandle
  readonly name: string
  readonly path: RelativePath
}

/** What stood at a path did not match: nothing has been done, or all of it undone. */
export const CHANGED: InstallResult = { kind: 'changed' }

/** The place that `path` names. Throws MissingDirectory. */
export function targetAt(work: Workspace, path: RelativePath): Target {
  return { directory: work.tree.open(parentOf(path)), name: nameOf(path), path }
}

/** True where `now` is what `before` was, but for its name and the ctime that a rename sets. Directories: the same one. */
export function isUntouched(now: Stamp, before: Stamp): boolean {
  if (now.kind === 'directory' && before.kind === 'directory')
    return now.inode === before.inode && now.device === before.device
  return sameInode(now, before) && now.mode === before.mode
}
