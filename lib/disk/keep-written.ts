import type { RelativePath } from '../core/model/path.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { codeOf, fatalOf } from './problem.js'
import { trySyncFileSystem } from './ready.js'
import { siblingsIn } from './siblings.js'
import { MissingDirectory, SYNC_EACH_MAX, withDirectory } from './walk.js'

/** What may have become of a path meanwhile: then there is nothing of it to be synced. */
const GONE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM', 'ENXIO'])

/**
 * Makes durable what a user wrote at these paths, and that something is gone from them: programs rarely sync what they save, and nobody may
 * be told of a version that a power loss would take back, or leave as an empty file which then looks like the user's next one.
 * Throws FILE_SYSTEM where the disk fails. Source: nextcloud/desktop issue 10547.
 */
export function keepWritten(fs: FileSystem, root: DirectoryHandle, paths: readonly RelativePath[]): void {
  try {
    if (paths.length > SYNC_EACH_MAX && trySyncFileSystem(fs, root)) return
    for (const { parent, names } of siblingsIn(paths))
      unlessGone(() =>
        withDirectory(fs, root, parent, directory => {
          for (const name of names) unlessGone(() => syncFile(fs, directory, name))
          fs.syncDirectory(directory)
        })
      )
  } catch (error) {
    throw fatalOf(error)
  }
}

function syncFile(fs: FileSystem, directory: DirectoryHandle, name: string): void {
  if (fs.lstat(directory, name)?.kind !== 'file') return
  const file = fs.openRead(directory, name)
  try {
    fs.sync(file)
  } finally {
    fs.close(file)
  }
}

function unlessGone(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof MissingDirectory) && !GONE.has(codeOf(error))) throw error
  }
}
