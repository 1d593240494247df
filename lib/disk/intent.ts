import { hashBytes, hashesEqual, asHash, HASH_BYTES } from '../core/model/hash.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { codeOf, problemOf } from './problem.js'
import { readStaged } from './stage.js'

/**
 * What a batch of changes means is written to `.backer/tmp/intent` before any of them is made, and stays there until the next batch: so what was
 * done, and not put down in the index before a crash, is known for what it is. To the disk it is bytes of somebody else's, behind their hash.
 */
export const INTENT_NAME = 'intent'
/** Far more than a batch takes. */
export const INTENT_BYTES_MAX = 4 * 1024 * 1024
/** Before the intent stand its hash and its length. */
const HEAD_BYTES = HASH_BYTES + 4
/** It is written over the one before, which means nothing any more, in whole blocks: then the file seldom grows, and its sync is nothing for the file system's journal. */
const BLOCK_BYTES = 4096

/** Writes an intent and gives the open file, for the caller to sync and close; undefined where there is no room for it: it can be done without. */
export function writeIntent(fs: FileSystem, tmp: DirectoryHandle, intent: Uint8Array): FileHandle | undefined {
  const file = openToWrite(fs, tmp)
  if (file === undefined) return undefined
  try {
    const bytes = Buffer.alloc(Math.ceil((HEAD_BYTES + intent.byteLength) / BLOCK_BYTES) * BLOCK_BYTES)
    bytes.set(hashBytes(intent))
    bytes.writeUInt32LE(intent.byteLength, HASH_BYTES)
    bytes.set(intent, HEAD_BYTES)
    fs.write(file, bytes, 0)
    return file
  } catch (error) {
    if (problemOf(error, 'writing') === undefined) {
      fs.close(file)
      throw error
    }
    forget(fs, file)
    return undefined
  }
}

/** The one before says nothing of what is done without one. */
function forget(fs: FileSystem, file: FileHandle): void {
  try {
    fs.truncate(file, 0)
  } finally {
    fs.close(file)
  }
}

/** The last intent; undefined where there is none, or none that is whole. Throws the system's error. */
export function readIntent(fs: FileSystem, tmp: DirectoryHandle): Uint8Array | undefined {
  if (fs.lstat(tmp, INTENT_NAME)?.kind !== 'file') return undefined
  const file = fs.openRead(tmp, INTENT_NAME)
  try {
    const head = Buffer.from(readStaged(fs, file, 0, HEAD_BYTES))
    if (head.byteLength < HEAD_BYTES) return undefined
    const length = head.readUInt32LE(HASH_BYTES)
    if (length > INTENT_BYTES_MAX) return undefined
    const intent = readStaged(fs, file, HEAD_BYTES, length)
    return hashesEqual(hashBytes(intent), asHash(head.subarray(0, HASH_BYTES))) ? intent : undefined
  } finally {
    fs.close(file)
  }
}

function openToWrite(fs: FileSystem, tmp: DirectoryHandle): FileHandle | undefined {
  try {
    if (fs.lstat(tmp, INTENT_NAME) !== undefined) return fs.openWrite(tmp, INTENT_NAME)
    return create(fs, tmp)
  } catch (error) {
    if (codeOf(error) === 'EIO' || problemOf(error, 'writing') === undefined) throw error
    return undefined
  }
}

function create(fs: FileSystem, tmp: DirectoryHandle): FileHandle {
  const file = fs.create(tmp, INTENT_NAME)
  try {
    fs.syncDirectory(tmp)
    return file
  } catch (error) {
    fs.close(file)
    throw error
  }
}
