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

/** Writes an intent and gives the open file, for the caller to sync and close; undefined where there is no room for it: it can be done without. */
export function writeIntent(fs: FileSystem, tmp: DirectoryHandle, intent: Uint8Array): FileHandle | undefined {
  const file = openToWrite(fs, tmp)
  if (file === undefined) return undefined
  try {
    fs.truncate(file, 0)
    fs.write(file, Buffer.concat([hashBytes(intent), intent]), 0)
    return file
  } catch (error) {
    fs.close(file)
    if (problemOf(error, 'writing') === undefined) throw error
    return undefined
  }
}

/** The last intent; undefined where there is none, or none that is whole. Throws the system's error. */
export function readIntent(fs: FileSystem, tmp: DirectoryHandle): Uint8Array | undefined {
  if (fs.lstat(tmp, INTENT_NAME)?.kind !== 'file') return undefined
  const file = fs.openRead(tmp, INTENT_NAME)
  try {
    const { size } = fs.fstat(file)
    if (size < HASH_BYTES || size > HASH_BYTES + INTENT_BYTES_MAX) return undefined
    const bytes = readStaged(fs, file, 0, size)
    const intent = bytes.subarray(HASH_BYTES)
    return hashesEqual(hashBytes(intent), asHash(bytes.subarray(0, HASH_BYTES))) ? intent : undefined
  } finally {
    fs.close(file)
  }
}

function openToWrite(fs: FileSystem, tmp: DirectoryHandle): FileHandle | undefined {
  try {
    if (fs.lstat(tmp, INTENT_NAME) !== undefined) return fs.openWrite(tmp, INTENT_NAME)
    const file = fs.create(tmp, INTENT_NAME)
    fs.syncDirectory(tmp)
    return file
  } catch (error) {
    if (codeOf(error) === 'EIO' || problemOf(error, 'writing') === undefined) throw error
    return undefined
  }
}
