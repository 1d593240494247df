import type { Stamp } from '../core/model/stamp.js'
import type { Space } from './disk.js'

declare const directoryBrand: unique symbol
/** An open directory. What it names stays the same whatever happens to the path that led to it. */
export interface DirectoryHandle {
  readonly [directoryBrand]: true
}

/** An open file: a descriptor. */
export type FileHandle = number

/**
 * The few synchronous calls that everything on disk is built from. A name is always one name inside an open directory, so
 * that no path is ever resolved twice and no symlink is ever followed. It runs in worker threads (the real one) or in
 * the simulator (the one in memory). Every call throws an Error with `code` as Node's do (ENOENT, EEXIST, EACCES …).
 */
export interface FileSystem {
  /** renameat2 with RENAME_EXCHANGE and RENAME_NOREPLACE is there; else `exchange` throws ENOSYS. */
  readonly canExchange: boolean

  /** Opens a folder's root by its absolute path. */
  openRoot(path: string): DirectoryHandle
  /** Opens a directory inside another. A symlink is refused: ENOTDIR or ELOOP. */
  openDirectory(parent: DirectoryHandle, name: string): DirectoryHandle
  closeDirectory(directory: DirectoryHandle): void
  /** The names in a directory as bytes, in no order, without `.` and `..`. */
  names(directory: DirectoryHandle): readonly Uint8Array[]
  /** What stands at a name, not following a symlink; undefined where nothing does (ENOENT only). */
  lstat(directory: DirectoryHandle, name: string): Stamp | undefined
  /** A symlink's target as bytes. */
  readlink(directory: DirectoryHandle, name: string): Uint8Array

  /**
   * Opens a file for reading, without following a symlink (ELOOP) and without ever waiting (a FIFO). What was opened may
   * be no regular file: `fstat` tells.
   */
  openRead(directory: DirectoryHandle, name: string): FileHandle
  /** Makes a new file, 0600, for reading and writing; EEXIST where the name is taken. */
  create(directory: DirectoryHandle, name: string): FileHandle
  /** Opens a file of our own for reading and writing, not following a symlink. */
  openWrite(directory: DirectoryHandle, name: string): FileHandle
  fstat(file: FileHandle): Stamp
  /** Bytes read; 0 at the end. */
  read(file: FileHandle, into: Uint8Array, offset: number, length: number, position: number): number
  /** Writes all of `bytes` at `position`. */
  write(file: FileHandle, bytes: Uint8Array, position: number): void
  truncate(file: FileHandle, size: number): void
  /** Copies bytes between files inside the kernel where it can, else by reading and writing. Bytes copied. */
  copyRange(from: FileHandle, fromPosition: number, to: FileHandle, toPosition: number, length: number): number
  /**
   * Makes a new file, 0600, that shares all blocks of an open one until either is written to; EEXIST where the name is taken, and ENOTSUP, EXDEV or
   * the like where the file system can't: then there is no new file.
   */
  clone(from: FileHandle, directory: DirectoryHandle, name: string): void
  /** Mode (undefined: as it is) and mtime (undefined: as it is) of an open file. */
  setFileMetadata(file: FileHandle, mode: number | undefined, mtimeNs: bigint | undefined): void
  sync(file: FileHandle): void
  /** Makes what was written to a file durable, and its size, but no times: where the file has not grown that is nothing for the file system's journal, which may be busy. */
  syncData(file: FileHandle): void
  /** Lets go of what the system remembers of a part of a file, so that the next read comes from the disk. Does nothing where the system can't, or where it was written and is not on the disk yet. */
  dropCached(file: FileHandle, offset: number, length: number): void
  /** True where anybody else has the open file open or mapped. False also where the system can't tell. */
  isInUse(file: FileHandle): boolean
  /** Begins to bring a range that was written to the disk, so that `sync` finds less to do; promises nothing, and does nothing where the system can't. */
  startWriting(file: FileHandle, position: number, length: number): void
  close(file: FileHandle): void

  /** True for a file that has another name as well. */
  isLinked(directory: DirectoryHandle, name: string): boolean
  /** Mode and mtime of a name, not following a symlink (a symlink has no mode of its own). */
  setMetadata(directory: DirectoryHandle, name: string, mode: number | undefined, mtimeNs: bigint | undefined): void
  mkdir(directory: DirectoryHandle, name: string, mode: number): void
  rmdir(directory: DirectoryHandle, name: string): void
  unlink(directory: DirectoryHandle, name: string): void
  symlink(directory: DirectoryHandle, name: string, target: string): void
  /** Swaps two names in one step. ENOSYS or EINVAL where the file system can't. */
  exchange(a: DirectoryHandle, aName: string, b: DirectoryHandle, bName: string): void
  /** Renames; EEXIST where the new name is taken. On file systems without RENAME_NOREPLACE: link, then unlink. */
  renameNoReplace(from: DirectoryHandle, fromName: string, to: DirectoryHandle, toName: string): void
  /** Makes a directory's entries durable. */
  syncDirectory(directory: DirectoryHandle): void
  /**
   * Makes everything written to the file system that `directory` is on durable: cheaper than many single syncs. ENOSYS
   * where this is not so, or where a failure would not be told: sync each file and directory then.
   */
  syncFileSystem(directory: DirectoryHandle): void
  /** False where `syncFileSystem` throws ENOSYS. */
  canSyncFileSystem(directory: DirectoryHandle): boolean
  space(directory: DirectoryHandle): Space
}
