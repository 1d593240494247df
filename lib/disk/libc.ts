import { getSystemErrorName } from 'node:util'
import koffi, { type LibraryHandle } from 'koffi'
import type { Stamp } from '../core/model/stamp.js'

/** Calls of the C library that Node lacks, or takes a long way to. Each throws an Error with `code` and `errno` as Node's do. */
export interface Libc {
  /**
   * openat(2), closed on exec: the descriptor, to be closed by `close`: Node keeps count of those that its own calls opened in a thread. Half of the
   * time that Node's open takes through `/proc/self/fd`. Without a directory the name is a path. `mode` counts where a file is made.
   */
  openat(directory: number | undefined, name: string, flags: number, mode: number): number
  /** close(2) of what `openat` gave. */
  close(descriptor: number): void
  /** renameat2(2). The directories are descriptors; flags are RENAME_NOREPLACE and RENAME_EXCHANGE. */
  renameat2(from: number, fromName: string, to: number, toName: string, flags: number): void
  /** futimens(3): sets the mtime, leaves the atime. */
  futimens(file: number, mtimeNs: bigint): void
  /** utimensat(2) without following a symlink: sets the mtime, leaves the atime. */
  utimensat(directory: number, name: string, mtimeNs: bigint): void
  /** The clock that file times are taken from: nanoseconds since 1970, standing still for a tick. Source: clock_gettime(2), CLOCK_REALTIME_COARSE. */
  fileClockNs(): bigint
  /** syncfs(2). */
  syncfs(file: number): void
  /** posix_fadvise(2) with POSIX_FADV_DONTNEED: only advice, so that it never fails. */
  dropCached(file: number, offset: number, length: number): void
  /** madvise(2) with MADV_DONTNEED, of a mapping of a file that is only read: only advice, so that it never fails. */
  dropMapped(address: number, length: number): void
  /** True where more than this descriptor has the file open: asks for a lease, and gives it back. Source: fcntl(2), F_SETLEASE. */
  isInUse(file: number): boolean
  /** sync_file_range(2) with SYNC_FILE_RANGE_WRITE: a hint, which may fail. Missing where the library is. */
  readonly startWriting: ((file: number, position: number, length: number) => void) | undefined
  /** copy_file_range(2), which clones blocks where the file system can. Bytes copied. ENOSYS where the library lacks it. */
  copyFileRange(from: number, fromPosition: number, to: number, toPosition: number, length: number): number
  /** Where data begin at or behind a position of a file, Infinity where none do any more: lseek(2) with SEEK_DATA. It moves the descriptor's own position. */
  nextData(file: number, position: number): number
  /** As `nextData`, of a hole, as which the end of the file counts: SEEK_HOLE. */
  nextHole(file: number, position: number): number
  /** fallocate(2) with FALLOC_FL_PUNCH_HOLE: a part of a file reads as zeros, and takes no space any more. EOPNOTSUPP where the file system can't. */
  punchHole(file: number, position: number, length: number): void
  /**
   * statx(2) of a name in an open directory, not following a symlink: the stamp, or undefined for ENOENT. Missing where the library has no
   * such call. A third of the time that Node's lstat takes through `/proc/self/fd`.
   */
  readonly statx: ((directory: number, name: string) => Stamp | undefined) | undefined
  /** statx(2) of an open file: its stamp. Missing where `statx` is. A third of the time that Node's fstat takes. */
  readonly fstatx: ((file: number) => Stamp) | undefined
}

export const RENAME_NOREPLACE = 1
export const RENAME_EXCHANGE = 2

const AT_SYMLINK_NOFOLLOW = 0x100
const AT_NO_AUTOMOUNT = 0x800
const AT_EMPTY_PATH = 0x1000
/** The same on all of RENAMEAT2_NUMBER's systems. Source: the kernel's asm/fcntl.h. */
const O_CLOEXEC = 0o2000000
const AT_FDCWD = -100
/** Type, mode, mtime, ctime, inode and size. */
const STATX_MASK = 0x3c3
const STATX_BYTES = 256
const CLOCK_REALTIME_COARSE = 5
const SYNC_FILE_RANGE_WRITE = 2
const UTIME_OMIT = 0x3ffffffen
const SECOND_NS = 1_000_000_000n
const ENOSYS = 38
const POSIX_FADV_DONTNEED = 4
const SEEK_DATA = 3
const SEEK_HOLE = 4
const FALLOC_FL_KEEP_SIZE = 1
const FALLOC_FL_PUNCH_HOLE = 2
const MADV_DONTNEED = 4
const F_SETLEASE = 1024
const F_WRLCK = 1
const F_UNLCK = 2

/** The number of renameat2 where the library has no wrapper for it (glibc before 2.28, musl). Source: the kernel's tables. */
const RENAMEAT2_NUMBER: Readonly<Record<string, number>> = { x64: 316, arm64: 276, riscv64: 276, loong64: 276 }

type Function = (...values: readonly unknown[]) => number

/**
 * The C library of this process, or undefined where it can't be had: no prebuilt `koffi` for this system, a 32-bit one
 * (whose `timespec` is another), or a library that lacks the calls.
 */
export function loadLibc(): Libc | undefined {
  if (RENAMEAT2_NUMBER[process.arch] === undefined) return undefined
  try {
    return bind(koffi.load(null))
  } catch {
    // koffi throws plain errors only: for a library or a function that is not there.
    return undefined
  }
}

function bind(library: LibraryHandle): Libc {
  const openat = library.func('openat', 'int', ['int', 'str', 'int', 'uint']) as Function
  const close = library.func('close', 'int', ['int']) as Function
  const renameat2 = bindRenameat2(library)
  const futimens = library.func('futimens', 'int', ['int', 'const void *']) as Function
  const utimensat = library.func('utimensat', 'int', ['int', 'str', 'const void *', 'int']) as Function
  const clockGettime = library.func('clock_gettime', 'int', ['int', 'void *']) as Function
  const now = new BigInt64Array(2)
  const syncfs = library.func('syncfs', 'int', ['int']) as Function
  const fadvise = library.func('posix_fadvise', 'int', ['int', 'int64_t', 'int64_t', 'int']) as Function
  const madvise = library.func('madvise', 'int', ['uintptr_t', 'size_t', 'int']) as Function
  const fcntl = library.func('int fcntl(int fd, int command, ...)') as Function
  const copyFileRange = bindCopyFileRange(library)
  return {
    openat(directory, name, flags, mode) {
      for (;;) {
        const descriptor = openat(directory ?? AT_FDCWD, name, flags | O_CLOEXEC, mode)
        if (descriptor >= 0) return descriptor
        const error = lastError('openat', `'${name}'`)
        if (error.code !== 'EINTR') throw error
      }
    },
    close(descriptor) {
      if (close(descriptor) === 0) return
      const error = lastError('close')
      // It is closed all the same. Source: close(2), "Dealing with error returns from close()".
      if (error.code !== 'EINTR') throw error
    },
    renameat2(from, fromName, to, toName, flags) {
      const result = renameat2(from, fromName, to, toName, flags)
      if (result !== 0) throw lastError('renameat2', `'${fromName}' -> '${toName}'`)
    },
    futimens(file, mtimeNs) {
      if (futimens(file, timesOf(mtimeNs)) !== 0) throw lastError('futimens')
    },
    utimensat(directory, name, mtimeNs) {
      const result = utimensat(directory, name, timesOf(mtimeNs), AT_SYMLINK_NOFOLLOW)
      if (result !== 0) throw lastError('utimensat', `'${name}'`)
    },
    fileClockNs() {
      if (clockGettime(CLOCK_REALTIME_COARSE, now) !== 0) throw lastError('clock_gettime')
      return (now[0] ?? 0n) * SECOND_NS + (now[1] ?? 0n)
    },
    syncfs(file) {
      if (syncfs(file) !== 0) throw lastError('syncfs')
    },
    dropCached(file, offset, length) {
      fadvise(file, offset, length, POSIX_FADV_DONTNEED)
    },
    dropMapped(address, length) {
      madvise(address, length, MADV_DONTNEED)
    },
    isInUse(file) {
      if (fcntl(file, F_SETLEASE, 'int', F_WRLCK) === 0) {
        fcntl(file, F_SETLEASE, 'int', F_UNLCK)
        return false
      }
      return lastError('fcntl').code === 'EAGAIN'
    },
    copyFileRange(from, fromPosition, to, toPosition, length) {
      const positions = new BigInt64Array([BigInt(fromPosition), BigInt(toPosition)])
      const copied = copyFileRange(from, positions.subarray(0, 1), to, positions.subarray(1), length, 0)
      if (copied < 0) throw lastError('copy_file_range')
      return copied
    },
    ...bindHoles(library),
    startWriting: bindStartWriting(library),
    ...bindStatx(library)
  }
}

function bindHoles(library: LibraryHandle): Pick<Libc, 'nextData' | 'nextHole' | 'punchHole'> {
  const lseek = library.func('lseek', 'int64_t', ['int', 'int64_t', 'int']) as Function
  const fallocate = library.func('fallocate', 'int', ['int', 'int', 'int64_t', 'int64_t']) as Function
  const seek = (file: number, position: number, whence: number): number => {
    const found = lseek(file, position, whence)
    if (found >= 0) return found
    const error = lastError('lseek')
    if (error.code === 'ENXIO') return Infinity
    throw error
  }
  return {
    nextData: (file, position) => seek(file, position, SEEK_DATA),
    nextHole: (file, position) => seek(file, position, SEEK_HOLE),
    punchHole(file, position, length) {
      if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, position, length) !== 0)
        throw lastError('fallocate')
    }
  }
}

const NO_STATX: Pick<Libc, 'statx' | 'fstatx'> = { statx: undefined, fstatx: undefined }

function bindStatx(library: LibraryHandle): Pick<Libc, 'statx' | 'fstatx'> {
  let statx: Function
  try {
    statx = library.func('statx', 'int', ['int', 'str', 'int', 'uint', 'void *']) as Function
  } catch {
    // glibc before 2.28, musl before 1.2.
    return NO_STATX
  }
  const buffer = Buffer.alloc(STATX_BYTES)
  // Old kernels lack it, and old containers forbid it.
  if (statx(AT_FDCWD, '/', AT_SYMLINK_NOFOLLOW, STATX_MASK, buffer) !== 0) return NO_STATX
  return {
    statx(directory, name) {
      if (statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MASK, buffer) === 0)
        return stampOfStatx(buffer)
      const error = lastError('statx', `'${name}'`)
      if (error.code === 'ENOENT') return undefined
      throw error
    },
    fstatx(file) {
      if (statx(file, '', AT_EMPTY_PATH, STATX_MASK, buffer) !== 0) throw lastError('statx')
      return stampOfStatx(buffer)
    }
  }
}

/** The stamp in a `struct statx`. Source: statx(2), linux/stat.h. */
function stampOfStatx(buffer: Buffer): Stamp {
  const mode = buffer.readUInt16LE(28)
  const kind = KIND_OF_TYPE[mode >> 12] ?? 'special'
  return {
    kind,
    device: deviceOf(buffer.readUInt32LE(136), buffer.readUInt32LE(140)),
    inode: buffer.readBigInt64LE(32),
    size: kind === 'file' ? Number(buffer.readBigUInt64LE(40)) : 0,
    mtimeNs: timeAt(buffer, 112),
    ctimeNs: timeAt(buffer, 96),
    mode: mode & 0o777
  }
}

const KIND_OF_TYPE: Readonly<Record<number, Stamp['kind']>> = { 0o10: 'file', 0o4: 'directory', 0o12: 'symlink' }

/** A device's number as fstat(2) gives it. Source: gnu_dev_makedev(3). */
function deviceOf(major: number, minor: number): bigint {
  if (major < 0x1000 && minor < 0x100000) return BigInt(((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0)
  return (
    BigInt(minor & 0xff) |
    (BigInt(major & 0xfff) << 8n) |
    (BigInt(minor & ~0xff) << 12n) |
    (BigInt(major >>> 12) << 44n)
  )
}

function timeAt(buffer: Buffer, offset: number): bigint {
  return buffer.readBigInt64LE(offset) * SECOND_NS + BigInt(buffer.readUInt32LE(offset + 8))
}

function bindRenameat2(library: LibraryHandle): Function {
  try {
    return library.func('renameat2', 'int', ['int', 'str', 'int', 'str', 'uint']) as Function
  } catch {
    // No wrapper in this library: the kernel is asked by number.
    const number = RENAMEAT2_NUMBER[process.arch]
    const syscall = library.func('syscall', 'long', ['long', 'int', 'str', 'int', 'str', 'uint']) as Function
    return (...values) => syscall(number, ...values)
  }
}

function bindCopyFileRange(library: LibraryHandle): Function {
  const types = ['int', 'void *', 'int', 'void *', 'size_t', 'uint']
  try {
    return library.func('copy_file_range', 'int64_t', types) as Function
  } catch {
    // Older libraries lack it. FileSystem.copyRange then reads and writes.
    return () => {
      throw errorOf(ENOSYS, 'copy_file_range')
    }
  }
}

function bindStartWriting(library: LibraryHandle): Libc['startWriting'] {
  try {
    const call = library.func('sync_file_range', 'int', ['int', 'int64_t', 'int64_t', 'uint']) as Function
    return (file, position, length) => void call(file, position, length, SYNC_FILE_RANGE_WRITE)
  } catch {
    return undefined
  }
}

/** Two `struct timespec`: atime (left as it is) and mtime. Nanoseconds count up from the second below, before 1970 too. */
function timesOf(mtimeNs: bigint): BigInt64Array {
  const nanoseconds = ((mtimeNs % SECOND_NS) + SECOND_NS) % SECOND_NS
  return new BigInt64Array([0n, UTIME_OMIT, (mtimeNs - nanoseconds) / SECOND_NS, nanoseconds])
}

function lastError(syscall: string, about = ''): Error & { readonly code: string } {
  return errorOf(koffi.errno(), syscall, about)
}

function errorOf(errno: number, syscall: string, about = ''): Error & { readonly code: string } {
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`${code}: ${syscall} ${about}`.trimEnd()), { code, errno: -errno, syscall })
}
