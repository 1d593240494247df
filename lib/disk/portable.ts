import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync
} from 'node:fs'
import { join } from 'node:path'
import type { Stamp } from '../core/model/stamp.js'
import { copyByReading, writeAll } from './copy.js'
import type { Space } from './disk.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { renameByPath } from './rename.js'
import { stampOf } from './stats.js'

/**
 * The file system of any other system, by plain paths. A directory is its real path and what stood there when it was
 * opened; every call first looks whether it stands there still.
 *
 * RACE: between that look and the call, a local user who swaps a directory of the folder for a symlink can lead one call
 * outside. Nothing a peer sends can do that. Worst consequence: one name is made, or a file of the expected stamp moved,
 * where the symlink leads.
 */
export class PortableFileSystem implements FileSystem {
  readonly canExchange = false

  openRoot(path: string): DirectoryHandle {
    return openAt(realpathSync.native(path))
  }

  openDirectory(parent: DirectoryHandle, name: string): DirectoryHandle {
    return openAt(inside(parent, name))
  }

  closeDirectory(): void {
    // A path holds nothing open.
  }

  names(directory: DirectoryHandle): readonly Uint8Array[] {
    return readdirSync(pathOf(directory), 'buffer')
  }

  lstat(directory: DirectoryHandle, name: string): Stamp | undefined {
    const stats = lstatSync(inside(directory, name), { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? undefined : stampOf(stats)
  }

  readlink(directory: DirectoryHandle, name: string): Uint8Array {
    return readlinkSync(inside(directory, name), 'buffer')
  }

  openRead(directory: DirectoryHandle, name: string): FileHandle {
    return openFile(inside(directory, name), constants.O_RDONLY)
  }

  create(directory: DirectoryHandle, name: string): FileHandle {
    return openSync(inside(directory, name), constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  }

  openWrite(directory: DirectoryHandle, name: string): FileHandle {
    return openFile(inside(directory, name), constants.O_RDWR)
  }

  fstat(file: FileHandle): Stamp {
    return stampOf(fstatSync(file, { bigint: true }))
  }

  read(file: FileHandle, into: Uint8Array, offset: number, length: number, position: number): number {
    return readSync(file, into, offset, length, position)
  }

  write(file: FileHandle, bytes: Uint8Array, position: number): void {
    writeAll(file, bytes, position)
  }

  truncate(file: FileHandle, size: number): void {
    ftruncateSync(file, size)
  }

  copyRange(from: FileHandle, fromPosition: number, to: FileHandle, toPosition: number, length: number): number {
    return copyByReading(from, fromPosition, to, toPosition, length)
  }

  clone(): void {
    throw Object.assign(new Error('ENOTSUP: no descriptor can be cloned here'), { code: 'ENOTSUP' })
  }

  setFileMetadata(file: FileHandle, mode: number | undefined, mtimeNs: bigint | undefined): void {
    if (mode !== undefined) fchmodSync(file, mode & 0o777)
    if (mtimeNs === undefined) return
    const time = secondsOf(mtimeNs)
    futimesSync(file, time, time)
  }

  sync(file: FileHandle): void {
    fsyncSync(file)
  }

  syncData(file: FileHandle): void {
    fdatasyncSync(file)
  }

  /** LIMIT: there is no such call here: what the system remembers of a file is what is read. */
  dropCached(): void {
    return
  }

  /** LIMIT: it can't be told here. */
  isInUse(): boolean {
    return false
  }

  startWriting(): void {
    // Node has no such call.
  }

  close(file: FileHandle): void {
    closeSync(file)
  }

  isLinked(directory: DirectoryHandle, name: string): boolean {
    return lstatSync(inside(directory, name)).nlink > 1
  }

  setMetadata(directory: DirectoryHandle, name: string, mode: number | undefined, mtimeNs: bigint | undefined): void {
    const path = inside(directory, name)
    // chmod follows symlinks, which have no mode of their own.
    if (mode !== undefined && !lstatSync(path).isSymbolicLink()) chmodSync(path, mode & 0o777)
    if (mtimeNs === undefined) return
    const time = secondsOf(mtimeNs)
    lutimesSync(path, time, time)
  }

  mkdir(directory: DirectoryHandle, name: string, mode: number): void {
    mkdirSync(inside(directory, name), { mode: mode & 0o777 })
  }

  rmdir(directory: DirectoryHandle, name: string): void {
    rmdirSync(inside(directory, name))
  }

  unlink(directory: DirectoryHandle, name: string): void {
    unlinkSync(inside(directory, name))
  }

  symlink(directory: DirectoryHandle, name: string, target: string): void {
    symlinkSync(target, inside(directory, name))
  }

  exchange(): void {
    throw errorOf('ENOSYS', 'exchange')
  }

  renameNoReplace(from: DirectoryHandle, fromName: string, to: DirectoryHandle, toName: string): void {
    renameByPath(inside(from, fromName), inside(to, toName))
  }

  syncDirectory(directory: DirectoryHandle): void {
    // Windows has no such thing: its directories are journalled.
    if (process.platform === 'win32') return
    const file = openSync(pathOf(directory), constants.O_RDONLY)
    try {
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  syncFileSystem(): void {
    throw errorOf('ENOSYS', 'syncfs')
  }

  canSyncFileSystem(): boolean {
    return false
  }

  space(directory: DirectoryHandle): Space {
    const stats = statfsSync(pathOf(directory))
    return { freeBytes: stats.bavail * stats.bsize, totalBytes: stats.blocks * stats.bsize }
  }
}

interface OpenDirectory {
  readonly path: string
  readonly device: bigint
  readonly inode: bigint
}

function openAt(path: string): DirectoryHandle {
  const stats = lstatSync(path, { bigint: true })
  if (!stats.isDirectory()) throw errorOf('ENOTDIR', 'open')
  const directory: OpenDirectory = { path, device: stats.dev, inode: stats.ino }
  return directory as unknown as DirectoryHandle
}

/** The path of a directory that still stands where it was opened. */
function pathOf(directory: DirectoryHandle): string {
  const { path, device, inode } = directory as unknown as OpenDirectory
  const stats = lstatSync(path, { bigint: true })
  if (!stats.isDirectory() || stats.ino !== inode || stats.dev !== device) throw errorOf('ENOTDIR', 'lstat')
  return path
}

function inside(directory: DirectoryHandle, name: string): string {
  return join(pathOf(directory), name)
}

/** Opens what is there, not following a symlink. O_NOFOLLOW and O_NONBLOCK are missing where there are no symlinks or FIFOs. */
function openFile(path: string, flags: number): number {
  const unfollowed = (constants.O_NOFOLLOW as number | undefined) ?? 0
  const unwaiting = (constants.O_NONBLOCK as number | undefined) ?? 0
  if (unfollowed === 0 && lstatSync(path).isSymbolicLink()) throw errorOf('ELOOP', 'open')
  return openSync(path, flags | unfollowed | unwaiting)
}

/** Seconds as text: Node takes a negative number for "now". Precise to about a microsecond, which a stamp read back shows. */
function secondsOf(mtimeNs: bigint): string {
  const seconds = Number(mtimeNs / 1000n) / 1e6
  return String(seconds)
}

function errorOf(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: ${syscall}`), { code, syscall })
}
