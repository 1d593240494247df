import type { Stamp } from '../../lib/core/model/stamp.js'
import type { Space } from '../../lib/disk/disk.js'
import type { DirectoryHandle, FileHandle, FileSystem } from '../../lib/disk/filesystem.js'
import { systemError } from '../disk/watched-filesystem.js'
import type { Metadata } from '../../lib/disk/metadata.js'
import { findDirectory, type Inode, type Volume } from './volume.js'

/** Asked before every call: it may throw in the call's place. */
export type Gate = (call: keyof FileSystem) => void

const NAME_BYTES_MAX = 255
const DISK_BYTES = 2 ** 40

interface OpenDirectory {
  inode: Inode | undefined
}

/** The file system of one process on a volume in memory. What the process has open dies with it. */
export class MemoryFileSystem implements FileSystem {
  readonly canExchange: boolean
  /** Free bytes that it tells. */
  free = DISK_BYTES
  readonly #volume: Volume
  readonly #gate: Gate
  readonly #rootOf: (path: string) => Inode
  readonly #files = new Map<FileHandle, { readonly inode: Inode; readonly isWritable: boolean }>()
  readonly #directories = new Set<OpenDirectory>()
  #lastHandle = 2

  /** `rootOf`: what stands at an absolute path now; without it, what the volume has there. */
  constructor(
    volume: Volume,
    options: { readonly gate?: Gate; readonly canExchange?: boolean; readonly rootOf?: (path: string) => Inode } = {}
  ) {
    this.#volume = volume
    this.#gate = options.gate ?? (() => undefined)
    this.canExchange = options.canExchange ?? true
    this.#rootOf = options.rootOf ?? (path => findDirectory(volume.root, path))
  }

  /** How many files and directories are open. */
  get openCount(): number {
    return this.#files.size + this.#directories.size
  }

  openRoot(path: string): DirectoryHandle {
    this.#gate('openRoot')
    return this.#openDirectory(this.#rootOf(path))
  }

  openDirectory(parent: DirectoryHandle, name: string): DirectoryHandle {
    this.#gate('openDirectory')
    const inode = this.#entry(parent, name)
    if (inode === undefined) throw systemError('ENOENT')
    if (inode.kind !== 'directory') throw systemError('ENOTDIR')
    if (inode.isDenied) throw systemError('EACCES')
    return this.#openDirectory(inode)
  }

  closeDirectory(directory: DirectoryHandle): void {
    const open = directory as unknown as OpenDirectory
    if (!this.#directories.delete(open)) throw systemError('EBADF')
    open.inode = undefined
  }

  names(directory: DirectoryHandle): readonly Uint8Array[] {
    this.#gate('names')
    return [...this.#inode(directory).entries.keys()].map(bytesOfName)
  }

  lstat(directory: DirectoryHandle, name: string): Stamp | undefined {
    this.#gate('lstat')
    const inode = this.#entry(directory, name)
    return inode === undefined ? undefined : this.#volume.stampOf(inode)
  }

  readlink(directory: DirectoryHandle, name: string): Uint8Array {
    this.#gate('readlink')
    const inode = this.#entry(directory, name)
    if (inode === undefined) throw systemError('ENOENT')
    if (inode.kind !== 'symlink') throw systemError('EINVAL')
    return Buffer.from(inode.target)
  }

  openRead(directory: DirectoryHandle, name: string): FileHandle {
    this.#gate('openRead')
    return this.#openFile(directory, name, false)
  }

  create(directory: DirectoryHandle, name: string): FileHandle {
    this.#gate('create')
    const inode = this.#make(directory, name, () => this.#volume.makeInode('file', 0o600))
    return this.#opened(inode, true)
  }

  openWrite(directory: DirectoryHandle, name: string): FileHandle {
    this.#gate('openWrite')
    return this.#openFile(directory, name, true)
  }

  fstat(file: FileHandle): Stamp {
    this.#gate('fstat')
    return this.#volume.stampOf(this.#file(file))
  }

  read(file: FileHandle, into: Uint8Array, offset: number, length: number, position: number): number {
    this.#gate('read')
    const bytes = this.#file(file).bytes.subarray(position, position + length)
    into.set(bytes, offset)
    return bytes.byteLength
  }

  write(file: FileHandle, bytes: Uint8Array, position: number): void {
    this.#gate('write')
    this.#write(this.#file(file), bytes, position)
  }

  truncate(file: FileHandle, size: number): void {
    this.#gate('truncate')
    const inode = this.#file(file)
    const bytes = new Uint8Array(size)
    bytes.set(inode.bytes.subarray(0, size))
    this.#volume.hold(inode, { bytes })
  }

  copyRange(from: FileHandle, fromPosition: number, to: FileHandle, toPosition: number, length: number): number {
    this.#gate('copyRange')
    const bytes = this.#file(from).bytes.subarray(fromPosition, fromPosition + length)
    this.#write(this.#file(to), bytes, toPosition)
    return bytes.byteLength
  }

  clone(): void {
    throw systemError('ENOTSUP')
  }

  setFileMetadata(file: FileHandle, mode: number | undefined, mtimeNs: bigint | undefined): void {
    this.#setMetadata('setFileMetadata', () => this.#file(file), { mode, mtimeNs })
  }

  sync(file: FileHandle): void {
    this.#gate('sync')
    this.#volume.syncInode(this.#file(file))
  }

  syncData(file: FileHandle): void {
    this.sync(file)
  }

  dropCached(): void {
    return
  }

  isInUse(): boolean {
    return false
  }

  startWriting(): void {
    // What is not synced may be on the disk or not: nothing is promised that would have to be simulated.
  }

  close(file: FileHandle): void {
    if (!this.#files.delete(file)) throw systemError('EBADF')
  }

  isLinked(directory: DirectoryHandle, name: string): boolean {
    return (this.#entry(directory, name)?.links.size ?? 0) > 1
  }

  setMetadata(directory: DirectoryHandle, name: string, mode: number | undefined, mtimeNs: bigint | undefined): void {
    const find = (): Inode => {
      const inode = this.#entry(directory, name)
      if (inode === undefined) throw systemError('ENOENT')
      return inode
    }
    this.#setMetadata('setMetadata', find, { mode, mtimeNs })
  }

  mkdir(directory: DirectoryHandle, name: string, mode: number): void {
    this.#gate('mkdir')
    this.#make(directory, name, () => this.#volume.makeInode('directory', mode & 0o777))
  }

  rmdir(directory: DirectoryHandle, name: string): void {
    this.#gate('rmdir')
    const inode = this.#entry(directory, name)
    if (inode === undefined) throw systemError('ENOENT')
    if (inode.kind !== 'directory') throw systemError('ENOTDIR')
    if (inode.entries.size > 0) throw systemError('ENOTEMPTY')
    this.#volume.change([{ directory: this.#inode(directory), name, after: undefined }])
  }

  unlink(directory: DirectoryHandle, name: string): void {
    this.#gate('unlink')
    const inode = this.#entry(directory, name)
    if (inode === undefined) throw systemError('ENOENT')
    if (inode.kind === 'directory') throw systemError('EISDIR')
    this.#volume.change([{ directory: this.#inode(directory), name, after: undefined }])
  }

  symlink(directory: DirectoryHandle, name: string, target: string): void {
    this.#gate('symlink')
    this.#make(directory, name, () => this.#volume.makeInode('symlink', 0o777, target))
  }

  exchange(a: DirectoryHandle, aName: string, b: DirectoryHandle, bName: string): void {
    this.#gate('exchange')
    if (!this.canExchange) throw systemError('ENOSYS')
    const [first, second] = [this.#entry(a, aName), this.#entry(b, bName)]
    if (first === undefined || second === undefined) throw systemError('ENOENT')
    if (isAbove(first, this.#inode(b)) || isAbove(second, this.#inode(a))) throw systemError('EINVAL')
    this.#volume.change([
      { directory: this.#inode(a), name: aName, after: second },
      { directory: this.#inode(b), name: bName, after: first }
    ])
  }

  renameNoReplace(from: DirectoryHandle, fromName: string, to: DirectoryHandle, toName: string): void {
    this.#gate('renameNoReplace')
    const inode = this.#entry(from, fromName)
    if (inode === undefined) throw systemError('ENOENT')
    this.#checkFree(to, toName)
    if (isAbove(inode, this.#inode(to))) throw systemError('EINVAL')
    this.#volume.change([
      { directory: this.#inode(from), name: fromName, after: undefined },
      { directory: this.#inode(to), name: toName, after: inode }
    ])
  }

  syncDirectory(directory: DirectoryHandle): void {
    this.#gate('syncDirectory')
    this.#volume.journal.sync(this.#inode(directory))
  }

  syncFileSystem(): void {
    this.#gate('syncFileSystem')
    this.#volume.syncAll()
  }

  canSyncFileSystem(): boolean {
    return true
  }

  space(): Space {
    this.#gate('space')
    return { freeBytes: this.free, totalBytes: DISK_BYTES }
  }

  #openDirectory(inode: Inode): DirectoryHandle {
    const open: OpenDirectory = { inode }
    this.#directories.add(open)
    return open as unknown as DirectoryHandle
  }

  #inode(directory: DirectoryHandle): Inode {
    const { inode } = directory as unknown as OpenDirectory
    if (inode === undefined) throw systemError('EBADF')
    return inode
  }

  #entry(directory: DirectoryHandle, name: string): Inode | undefined {
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw systemError('ENAMETOOLONG')
    return this.#inode(directory).entries.get(name)
  }

  #checkFree(directory: DirectoryHandle, name: string): void {
    if (this.#entry(directory, name) !== undefined) throw systemError('EEXIST')
    const inode = this.#inode(directory)
    // What was removed while it was open takes nothing new.
    if (inode.links.size === 0 && inode !== this.#volume.root && !this.#isRoot(inode)) throw systemError('ENOENT')
  }

  #isRoot(inode: Inode): boolean {
    return inode === this.#volume.root
  }

  #make(directory: DirectoryHandle, name: string, makeInode: () => Inode): Inode {
    this.#checkFree(directory, name)
    const inode = makeInode()
    this.#volume.change([{ directory: this.#inode(directory), name, after: inode }])
    return inode
  }

  #openFile(directory: DirectoryHandle, name: string, isWritable: boolean): FileHandle {
    const inode = this.#entry(directory, name)
    if (inode === undefined) throw systemError('ENOENT')
    if (inode.kind === 'symlink') throw systemError('ELOOP')
    if (inode.kind === 'directory' && isWritable) throw systemError('EISDIR')
    if (inode.isDenied) throw systemError('EACCES')
    return this.#opened(inode, isWritable)
  }

  #opened(inode: Inode, isWritable: boolean): FileHandle {
    const handle = ++this.#lastHandle
    this.#files.set(handle, { inode, isWritable })
    return handle
  }

  #file(file: FileHandle): Inode {
    const open = this.#files.get(file)
    if (open === undefined) throw systemError('EBADF')
    return open.inode
  }

  #write(inode: Inode, bytes: Uint8Array, position: number): void {
    const held = new Uint8Array(Math.max(inode.bytes.byteLength, position + bytes.byteLength))
    held.set(inode.bytes)
    held.set(bytes, position)
    this.#volume.hold(inode, { bytes: held })
  }

  /** Two calls, as with a real system: much can happen between them. */
  #setMetadata(call: 'setFileMetadata' | 'setMetadata', find: () => Inode, { mode, mtimeNs }: Metadata): void {
    if (mode !== undefined) {
      this.#gate(call)
      const inode = find()
      if (inode.kind !== 'symlink') this.#volume.hold(inode, { mode: mode & 0o777 })
    }
    if (mtimeNs === undefined) return
    this.#gate(call)
    this.#volume.hold(find(), { mtimeNs })
  }
}

function isAbove(inode: Inode, directory: Inode): boolean {
  for (let at: Inode | undefined = directory; at !== undefined; at = [...at.links.values()][0]?.directory)
    if (at === inode) return true
  return false
}

/** A name of any bytes as a text that no other name has: what is not UTF-8 as lone surrogates. */
export function textOfName(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString()
  if (Buffer.from(text).equals(bytes)) return text
  return Array.from(bytes, byte => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)).join('')
}

function bytesOfName(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text)
  return Uint8Array.from(text, char => char.charCodeAt(0) & 0xff)
}
