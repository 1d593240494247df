import b4a from 'b4a'
import { BackerError } from '../core/error.js'
import { RESERVED_NAME } from '../core/model/path.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { MARKER_NAME, openOrMake, openOwn, REVISIONS_NAME, TMP_NAME } from './own.js'
import { codeOf } from './problem.js'

/** What the file `.backer/marker` says: that this is the right disk, and which copy of the folder it is. */
export interface Marker {
  /** The folder's id, as the folder writes it. */
  readonly folder: string
  /** A random id of this copy of the folder: it tells a disk that was cloned from the one that is known. */
  readonly instance: string
}

const TEXT = `This directory is backer's. Please leave it alone.

It shows backer that this disk is the right one. If it is deleted, backer stops syncing this folder: it can't
tell a deleted file from a disk that is not there. "revisions" keeps what was replaced or deleted: to have an
old version back, copy it from there.

`
const MARKER_BYTES_MAX = 4096
const VALUE = /^[\x21-\x7e]{1,200}$/

/**
 * Makes `.backer` (0700) with its directories and its marker, durably. Throws MARKER where there is a marker already; the
 * system's error where it can't be made.
 */
export function createMarker(fs: FileSystem, root: DirectoryHandle, marker: Marker): void {
  if (!VALUE.test(marker.folder) || !VALUE.test(marker.instance))
    throw new BackerError('MARKER', 'The id of a folder or of a copy has letters that no id has.')
  const own = openOrMake(fs, root, RESERVED_NAME)
  try {
    const tmp = openOrMake(fs, own, TMP_NAME)
    try {
      fs.closeDirectory(openOrMake(fs, own, REVISIONS_NAME))
      placeMarker(fs, { own, tmp }, marker)
    } finally {
      fs.closeDirectory(tmp)
    }
  } finally {
    fs.closeDirectory(own)
  }
}

function placeMarker(
  fs: FileSystem,
  directories: { readonly own: DirectoryHandle; readonly tmp: DirectoryHandle },
  marker: Marker
): void {
  const { own, tmp } = directories
  const name = 'marker-new'
  // What an earlier try left.
  if (fs.lstat(tmp, name)?.kind === 'file') fs.unlink(tmp, name)
  const file = fs.create(tmp, name)
  try {
    fs.write(file, b4a.from(`${TEXT}folder: ${marker.folder}\ninstance: ${marker.instance}\n`), 0)
    fs.sync(file)
  } finally {
    fs.close(file)
  }
  try {
    fs.renameNoReplace(tmp, name, own, MARKER_NAME)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    fs.unlink(tmp, name)
    throw new BackerError('MARKER', 'This directory is a folder of backer already.', { cause: error })
  }
  fs.syncDirectory(tmp)
  fs.syncDirectory(own)
}

/**
 * What the marker says, or undefined where there is none: no `.backer`, or no marker in it. Throws MARKER where it can't be
 * understood; the system's error where it can't be read.
 */
export function readMarker(fs: FileSystem, root: DirectoryHandle): Marker | undefined {
  const text = readText(fs, root)
  if (text === undefined) return undefined
  const folder = /^folder: (\S+)$/m.exec(text)?.[1]
  const instance = /^instance: (\S+)$/m.exec(text)?.[1]
  if (folder === undefined || instance === undefined)
    throw new BackerError('MARKER', `${RESERVED_NAME}/${MARKER_NAME} can't be understood.`)
  return { folder, instance }
}

/** True where the marker is there and says just this. Never throws MARKER; the system's error where it can't be read. */
export function checkMarker(fs: FileSystem, root: DirectoryHandle, expected: Marker): boolean {
  try {
    const found = readMarker(fs, root)
    return found?.folder === expected.folder && found.instance === expected.instance
  } catch (error) {
    if (error instanceof BackerError && error.code === 'MARKER') return false
    throw error
  }
}

function readText(fs: FileSystem, root: DirectoryHandle): string | undefined {
  try {
    return readSmall(fs, root)
  } catch (error) {
    const absent = codeOf(error) === 'ENOENT' || (error instanceof BackerError && codeOf(error.cause) === 'ENOENT')
    if (absent) return undefined
    throw error
  }
}

function readSmall(fs: FileSystem, root: DirectoryHandle): string {
  const own = openOwn(fs, root)
  try {
    const file = fs.openRead(own, MARKER_NAME)
    try {
      const bytes = Buffer.allocUnsafe(MARKER_BYTES_MAX)
      return b4a.toString(bytes.subarray(0, fs.read(file, bytes, 0, bytes.byteLength, 0)))
    } finally {
      fs.close(file)
    }
  } finally {
    fs.closeDirectory(own)
  }
}
