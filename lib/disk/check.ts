import { CHUNK_BYTES_MAX } from '../core/chunk/fastcdc.js'
import { hashBytes, hashesEqual } from '../core/model/hash.js'
import { nameOf, parentOf } from '../core/model/path.js'
import { sameStamp } from '../core/model/stamp.js'
import type { Checked, CheckOrder } from './disk.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { isAbsence } from './list.js'
import { codeOf } from './problem.js'
import { readingProblemOf } from './reading.js'
import { MissingDirectory, withDirectory } from './walk.js'

/** Reads parts of files from the disk itself, not from what the system remembers of them, and holds them against their hashes; in order. */
export function checkFiles(fs: FileSystem, root: DirectoryHandle, orders: readonly CheckOrder[]): Checked[] {
  return orders.map(order => {
    try {
      return withDirectory(fs, root, parentOf(order.path), parent => checkName(fs, parent, order))
    } catch (error) {
      if (error instanceof MissingDirectory || isAbsence(error) || codeOf(error) === 'ENXIO') return { kind: 'changed' }
      const isDisk = codeOf(error) === 'EIO'
      return { kind: 'unreadable', message: readingProblemOf(error).message, isDisk }
    }
  })
}

function checkName(fs: FileSystem, parent: DirectoryHandle, { path, stamp, chunks }: CheckOrder): Checked {
  const name = nameOf(path)
  const before = fs.lstat(parent, name)
  if (before === undefined || !sameStamp(before, stamp)) return { kind: 'changed' }
  const file = fs.openRead(parent, name)
  try {
    let isSound = true
    for (const chunk of chunks) isSound &&= isChunk(fs, file, chunk)
    const there = fs.lstat(parent, name)
    const isUntouched = sameStamp(fs.fstat(file), stamp) && there !== undefined && sameStamp(there, stamp)
    if (!isUntouched) return { kind: 'changed' }
    return { kind: isSound ? 'sound' : 'differs' }
  } finally {
    fs.close(file)
  }
}

let shared: Uint8Array | undefined

function isChunk(fs: FileSystem, file: FileHandle, { offset, length, hash }: CheckOrder['chunks'][number]): boolean {
  shared ??= new Uint8Array(CHUNK_BYTES_MAX)
  const into = shared.subarray(0, length)
  fs.dropCached(file, offset, length)
  let done = 0
  for (let read = -1; read !== 0 && done < length; done += read)
    read = fs.read(file, into, done, length - done, offset + done)
  // Nobody is likely to need it soon: what else the system remembers is worth more.
  fs.dropCached(file, offset, length)
  return done === length && hashesEqual(hashBytes(into), hash)
}
