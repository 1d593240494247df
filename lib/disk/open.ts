import { constants, existsSync } from 'node:fs'
import { access, mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BackerError, messageOf } from '../core/error.js'
import { RESERVED_NAME } from '../core/model/path.js'
import type { Runtime } from '../runtime.js'
import type { Disk } from './disk.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { createMarker, readMarker, type Marker } from './marker.js'
import { openFileSystem } from './open-filesystem.js'
import type { OperationsOptions } from './operations.js'
import { MARKER_NAME, withTmp } from './own.js'
import { probeTraits } from './probe.js'
import { fatalOf } from './problem.js'
import { WorkerDisk } from './worker-disk.js'

export interface OpenDiskOptions {
  /** The folder's directory: an absolute path. */
  readonly root: string
  readonly folderId: string
  readonly runtime: Runtime
  /** The directory is a folder already: a marker that is gone is never made anew. */
  readonly isKnown: boolean
}

/**
 * Checks that a directory can be a folder, and changes nothing. Throws NOT_A_DIRECTORY, NOT_WRITABLE or NESTED with one sentence. Gives the id of
 * the folder that it is already; undefined where it is none yet.
 */
export async function checkDirectory(root: string): Promise<string | undefined> {
  const found = await stat(root).catch(() => undefined)
  if (found === undefined)
    throw new BackerError('NOT_A_DIRECTORY', `${root} does not exist`, {
      path: root,
      hint: 'Make the directory first, or check its name.'
    })
  if (!found.isDirectory())
    throw new BackerError('NOT_A_DIRECTORY', `${root} is a file, not a directory`, { path: root })
  const isAllowed = await access(root, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false
  )
  if (!isAllowed)
    throw new BackerError('NOT_WRITABLE', `${root} can't be read and written by this user`, { path: root })
  refuseNested(root)
  return withFileSystem(root, (fs, handle) => readMarker(fs, handle)?.folder)
}

function refuseNested(root: string): void {
  const outer = outerFolder(root)
  if (outer !== undefined)
    throw new BackerError('NESTED', `${root} lies in ${outer}, which is a synced folder already`, { path: root })
}

/** The nearest directory above that is a folder. */
function outerFolder(root: string): string | undefined {
  for (let directory = dirname(root); ; directory = dirname(directory)) {
    if (existsSync(join(directory, RESERVED_NAME, MARKER_NAME))) return directory
    if (directory === dirname(directory)) return undefined
  }
}

/** Makes a folder's directory, with those above it. Throws NOT_WRITABLE, NESTED, or NOT_A_DIRECTORY where something else is in the way. */
export async function makeDirectory(root: string): Promise<void> {
  refuseNested(root)
  try {
    await mkdir(root, { recursive: true })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST' || code === 'ENOTDIR')
      throw new BackerError('NOT_A_DIRECTORY', `${root} can't be made: a file is in the way`, {
        path: root,
        cause: error
      })
    throw new BackerError('NOT_WRITABLE', `${root} can't be made: ${messageOf(error)}`, { path: root, cause: error })
  }
}

/** Opens a folder's directory for work; makes its marker where it is new. Throws as `checkDirectory` does, and MARKER. */
export function openDisk(options: OpenDiskOptions): Disk {
  return new WorkerDisk(
    withFileSystem(options.root, (fs, handle) => claimDirectory(fs, handle, options)),
    options.runtime
  )
}

/** As `openDisk`, for an open root: what the operations on it need to know. */
export function claimDirectory(
  fs: FileSystem,
  handle: DirectoryHandle,
  { root, folderId, runtime, isKnown }: OpenDiskOptions
): OperationsOptions {
  const instance = Buffer.from(runtime.random.bytes(16)).toString('hex')
  let marker: Marker | undefined = readMarker(fs, handle)
  if (marker === undefined && isKnown) throw markerGone(root)
  if (marker === undefined) {
    createMarker(fs, handle, { folder: folderId, instance })
    marker = { folder: folderId, instance }
  }
  if (marker.folder !== folderId) throw new BackerError('MARKER', `${root} belongs to another folder`, { path: root })
  return { root, marker, traits: withTmp(fs, handle, tmp => probeTraits(fs, tmp)) }
}

function markerGone(root: string): BackerError {
  return new BackerError('MARKER', `the marker of ${root} is gone: it may be the empty mount point of another disk`, {
    path: root,
    hint: 'Mount its disk. If it is the right directory, run backer share or join with --make-marker: nothing is deleted then.'
  })
}

function withFileSystem<T>(root: string, fn: (fs: FileSystem, handle: ReturnType<FileSystem['openRoot']>) => T): T {
  try {
    const fs = openFileSystem()
    const handle = fs.openRoot(root)
    try {
      return fn(fs, handle)
    } finally {
      fs.closeDirectory(handle)
    }
  } catch (error) {
    throw fatalOf(error, root)
  }
}
