import { getSystemErrorName } from 'node:util'
import koffi, { type LibraryHandle } from 'koffi'

/** The calls of the C library that Node lacks. Each throws an Error with `code` and `errno` as Node's do. */
export interface Libc {
  /** renameat2(2). The directories are descriptors; flags are RENAME_NOREPLACE and RENAME_EXCHANGE. */
  renameat2(from: number, fromName: string, to: number, toName: string, flags: number): void
  /** futimens(3): sets the mtime, leaves the atime. */
  futimens(file: number, mtimeNs: bigint): void
  /** utimensat(2) without following a symlink: sets the mtime, leaves the atime. */
  utimensat(directory: number, name: string, mtimeNs: bigint): void
  /** syncfs(2). */
  syncfs(file: number): void
  /** copy_file_range(2), which clones blocks where the file system can. Bytes copied. ENOSYS where the library lacks it. */
  copyFileRange(from: number, fromPosition: number, to: number, toPosition: number, length: number): number
}

export const RENAME_NOREPLACE = 1
export const RENAME_EXCHANGE = 2

const AT_SYMLINK_NOFOLLOW = 0x100
const UTIME_OMIT = 0x3ffffffen
const SECOND_NS = 1_000_000_000n
const ENOSYS = 38

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
  const renameat2 = bindRenameat2(library)
  const futimens = library.func('futimens', 'int', ['int', 'const void *']) as Function
  const utimensat = library.func('utimensat', 'int', ['int', 'str', 'const void *', 'int']) as Function
  const syncfs = library.func('syncfs', 'int', ['int']) as Function
  const copyFileRange = bindCopyFileRange(library)
  return {
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
    syncfs(file) {
      if (syncfs(file) !== 0) throw lastError('syncfs')
    },
    copyFileRange(from, fromPosition, to, toPosition, length) {
      const positions = new BigInt64Array([BigInt(fromPosition), BigInt(toPosition)])
      const copied = copyFileRange(from, positions.subarray(0, 1), to, positions.subarray(1), length, 0)
      if (copied < 0) throw lastError('copy_file_range')
      return copied
    }
  }
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

/** Two `struct timespec`: atime (left as it is) and mtime. Nanoseconds count up from the second below, before 1970 too. */
function timesOf(mtimeNs: bigint): BigInt64Array {
  const nanoseconds = ((mtimeNs % SECOND_NS) + SECOND_NS) % SECOND_NS
  return new BigInt64Array([0n, UTIME_OMIT, (mtimeNs - nanoseconds) / SECOND_NS, nanoseconds])
}

function lastError(syscall: string, about = ''): Error {
  return errorOf(koffi.errno(), syscall, about)
}

function errorOf(errno: number, syscall: string, about = ''): Error {
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`${code}: ${syscall} ${about}`.trimEnd()), { code, errno: -errno, syscall })
}
