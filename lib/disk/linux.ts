import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync
} from 'node:fs'
import { release } from 'node:os'
import type { Stamp } from '../core/model/stamp.js'
import { copyByReading, writeAll } from './copy.js'
import type { Space } from './disk.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { RENAME_EXCHANGE, RENAME_NOREPLACE, type Libc } from './libc.js'
import { codeOf } from './problem.js'
import { renameByPath } from './rename.js'
import { stampOf } from './stats.js'

/**
 * The file system of Linux by descriptors. A directory is an open descriptor N, and a name in it is given to openat(2) or resolved through
 * `/proc/self/fd/N/name`, which gives Node's calls the meaning of openat(2)'s kin: the kernel starts at the open
 * directory itself, whatever has become of the path that led there, and PATH_MAX bounds one step only.
 */
export class LinuxFileSystem implements FileSystem {
  readonly canExchange = true
  readonly #libc: Libc
  readonly #syncfsReportsErrors: boolean

  constructor(libc: Libc) {
    this.#libc = libc
    this.#syncfsReportsErrors = isAtLeast(release(), 5, 8)
  }

  #open(directory: DirectoryHandle, name: string, flags: number): number {
    return this.#libc.openat(descriptorOf(directory), name, flags, OWN_MODE)
  }

  openRoot(path: string): DirectoryHandle {
    return handleOf(this.#libc.openat(undefined, path, DIRECTORY_FLAGS, OWN_MODE))
  }

  openDirectory(parent: DirectoryHandle, name: string): DirectoryHandle {
    return handleOf(this.#open(parent, name, DIRECTORY_FLAGS | constants.O_NOFOLLOW))
  }

  closeDirectory(directory: DirectoryHandle): void {
    this.#libc.close(descriptorOf(directory))
    // A number that is closed twice may by then be somebody else's: -1 never is.
    ;(directory as unknown as OpenDirectory).descriptor = -1
  }

  names(directory: DirectoryHandle): readonly Uint8Array[] {
    return readdirSync(`/proc/self/fd/${descriptorOf(directory)}`, 'buffer')
  }

  lstat(directory: DirectoryHandle, name: string): Stamp | undefined {
    if (this.#libc.statx !== undefined) return this.#libc.statx(descriptorOf(directory), name)
    const stats = lstatSync(inside(directory, name), { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? undefined : stampOf(stats)
  }

  readlink(directory: DirectoryHandle, name: string): Uint8Array {
    return readlinkSync(inside(directory, name), 'buffer')
  }

  openRead(directory: DirectoryHandle, name: string): FileHandle {
    return this.#open(directory, name, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  }

  create(directory: DirectoryHandle, name: string): FileHandle {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    return this.#open(directory, name, flags)
  }

  openWrite(directory: DirectoryHandle, name: string): FileHandle {
    return this.#open(directory, name, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  }

  fstat(file: FileHandle): Stamp {
    return this.#libc.fstatx?.(file) ?? stampOf(fstatSync(file, { bigint: true }))
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
    let done = 0
    try {
      while (done < length) {
        const part = this.#partAt(from, fromPosition + done, length - done)
        if (part.isHole && toPosition + done + part.length <= this.fstat(to).size) {
          this.#libc.punchHole(to, toPosition + done, part.length)
          done += part.length
          continue
        }
        const copied = this.#libc.copyFileRange(from, fromPosition + done, to, toPosition + done, part.length)
        if (copied === 0) break
        done += copied
      }
    } catch (error) {
      if (!CANNOT_COPY.has(codeOf(error) ?? '')) throw error
    }
    // Some file systems say 0 where they can't, so that the end of the file is believed only of a plain read.
    return done + copyByReading(from, fromPosition + done, to, toPosition + done, length - done)
  }

  /** What of a file begins at `position`: a hole or data, and how much of it, up to `length`. */
  #partAt(file: FileHandle, position: number, length: number): { readonly isHole: boolean; readonly length: number } {
    const left = Math.min(length, this.fstat(file).size - position)
    // Nothing is left: the copying finds that out.
    if (left <= 0) return { isHole: false, length }
    const data = this.#libc.nextData(file, position)
    if (data > position) return { isHole: true, length: Math.min(data - position, left) }
    return { isHole: false, length: Math.min(this.#libc.nextHole(file, position) - position, left) }
  }

  clone(from: FileHandle, directory: DirectoryHandle, name: string): void {
    const how = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE
    copyFileSync(`/proc/self/fd/${from}`, inside(directory, name), how)
    changeMode(directory, name, OWN_MODE)
  }

  setFileMetadata(file: FileHandle, mode: number | undefined, mtimeNs: bigint | undefined): void {
    if (mode !== undefined) fchmodSync(file, mode & 0o777)
    if (mtimeNs !== undefined) this.#libc.futimens(file, mtimeNs)
  }

  sync(file: FileHandle): void {
    fsyncSync(file)
  }

  syncData(file: FileHandle): void {
    fdatasyncSync(file)
  }

  dropCached(file: FileHandle, offset: number, length: number): void {
    this.#libc.dropCached(file, offset, length)
  }

  isInUse(file: FileHandle): boolean {
    return this.#libc.isInUse(file)
  }

  startWriting(file: FileHandle, position: number, length: number): void {
    this.#libc.startWriting?.(file, position, length)
  }

  close(file: FileHandle): void {
    this.#libc.close(file)
  }

  isLinked(directory: DirectoryHandle, name: string): boolean {
    return lstatSync(inside(directory, name)).nlink > 1
  }

  setMetadata(directory: DirectoryHandle, name: string, mode: number | undefined, mtimeNs: bigint | undefined): void {
    if (mode !== undefined) changeMode(directory, name, mode)
    if (mtimeNs !== undefined) this.#libc.utimensat(descriptorOf(directory), name, mtimeNs)
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

  exchange(a: DirectoryHandle, aName: string, b: DirectoryHandle, bName: string): void {
    this.#libc.renameat2(descriptorOf(a), aName, descriptorOf(b), bName, RENAME_EXCHANGE)
  }

  renameNoReplace(from: DirectoryHandle, fromName: string, to: DirectoryHandle, toName: string): void {
    try {
      this.#libc.renameat2(descriptorOf(from), fromName, descriptorOf(to), toName, RENAME_NOREPLACE)
    } catch (error) {
      if (!CANNOT_KEEP.has(codeOf(error) ?? '')) throw error
      renameByPath(inside(from, fromName), inside(to, toName))
    }
  }

  syncDirectory(directory: DirectoryHandle): void {
    fsyncSync(descriptorOf(directory))
  }

  syncFileSystem(directory: DirectoryHandle): void {
    if (!this.canSyncFileSystem(directory))
      throw Object.assign(new Error('ENOSYS: syncfs is not to be trusted here'), { code: 'ENOSYS' })
    this.#libc.syncfs(descriptorOf(directory))
  }

  canSyncFileSystem(directory: DirectoryHandle): boolean {
    if (!this.#syncfsReportsErrors) return false
    return SYNCFS_IS_DURABLE.has(statfsSync(`/proc/self/fd/${descriptorOf(directory)}`).type)
  }

  space(directory: DirectoryHandle): Space {
    const stats = statfsSync(`/proc/self/fd/${descriptorOf(directory)}`)
    return { freeBytes: stats.bavail * stats.bsize, totalBytes: stats.blocks * stats.bsize }
  }
}

interface OpenDirectory {
  descriptor: number
}

/** Of files of our own. */
const OWN_MODE = 0o600
const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY
const O_PATH = 0o10000000

/** Other file systems, other kernels, and files that are no plain ones: bytes go through this process then. */
const CANNOT_COPY: ReadonlySet<string> = new Set(['ENOSYS', 'EXDEV', 'EINVAL', 'EOPNOTSUPP', 'ENOTSUP', 'EPERM'])

/** File systems that know no RENAME_NOREPLACE say so by these. */
const CANNOT_KEEP: ReadonlySet<string> = new Set(['EINVAL', 'ENOSYS'])

/**
 * Where syncfs(2) writes everything and flushes the disk's own cache. On FUSE, FAT and network file systems it does less
 * than fsync(2) of each file. Before Linux 5.8 it does not say that writing failed. Source: statfs(2), syncfs(2).
 */
const SYNCFS_IS_DURABLE: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
  0xca451a4e, // bcachefs
  0x01021994 // tmpfs
])

function handleOf(descriptor: number): DirectoryHandle {
  const directory: OpenDirectory = { descriptor }
  return directory as unknown as DirectoryHandle
}

function descriptorOf(directory: DirectoryHandle): number {
  return (directory as unknown as OpenDirectory).descriptor
}

function inside(directory: DirectoryHandle, name: string): string {
  return `/proc/self/fd/${descriptorOf(directory)}/${name}`
}

/** chmod without following a symlink: an O_PATH descriptor is the thing itself, and needs no permission to be opened. */
function changeMode(directory: DirectoryHandle, name: string, mode: number): void {
  const descriptor = openSync(inside(directory, name), O_PATH | constants.O_NOFOLLOW)
  try {
    chmodSync(`/proc/self/fd/${descriptor}`, mode & 0o777)
  } finally {
    closeSync(descriptor)
  }
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [haveMajor = 0, haveMinor = 0] = version.split('.').map(part => Number.parseInt(part, 10))
  return haveMajor > major || (haveMajor === major && haveMinor >= minor)
}
