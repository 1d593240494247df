import type { SmallFile } from './disk.js'
import { assert } from '../core/invariant.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { isStagedName } from './names.js'
import { codeOf } from './problem.js'

/** The bits of a mode that let a file's owner stage it again. */
const OWNER_WRITES = 0o600

/**
 * Opens the staged file `name` in the open directory `.backer/tmp` for reading and writing; made, 0600, if it is missing.
 * `resumed`: it was there already, and what it holds is to be verified before it is trusted. It is cut to `size` bytes.
 * The caller closes it. Throws the system's error (ENOSPC, EACCES …).
 */
export function openStaged(
  fs: FileSystem,
  tmp: DirectoryHandle,
  name: string,
  size: number
): { readonly file: FileHandle; readonly resumed: boolean } {
  const { file, resumed } = openOrCreate(fs, tmp, name)
  try {
    if (resumed && fs.fstat(file).size > size) fs.truncate(file, size)
  } catch (error) {
    fs.close(file)
    throw error
  }
  return { file, resumed }
}

/** Up to `length` bytes of a staged file at `offset`; shorter at its end. */
export function readStaged(fs: FileSystem, file: FileHandle, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const read = fs.read(file, bytes, done, length - done, offset + done)
    if (read === 0) break
    done += read
  }
  return bytes.subarray(0, done)
}

/** Writes small whole files into `.backer/tmp`, over what stands there under their names. Throws the system's error. */
export function stageSmall(fs: FileSystem, tmp: DirectoryHandle, files: readonly SmallFile[], hasModes: boolean): void {
  for (const { name, bytes, metadata } of files) {
    const { file, resumed } = openOrCreate(fs, tmp, name)
    try {
      if (resumed) fs.truncate(file, 0)
      fs.write(file, bytes, 0)
      // A file that its owner may not write could not be staged anew.
      if (metadata !== undefined && (metadata.mode & OWNER_WRITES) === OWNER_WRITES)
        fs.setFileMetadata(file, hasModes ? metadata.mode & 0o777 : undefined, metadata.mtimeNs)
    } finally {
      fs.close(file)
    }
  }
}

/** Gives a staged file another name. What has that name already stays, and the other one goes; where there is none, nothing happens. */
export function restage(fs: FileSystem, tmp: DirectoryHandle, from: string, to: string): void {
  assert(isStagedName(from) && isStagedName(to), `${from} or ${to} is no name of a staged file`)
  if (fs.lstat(tmp, from) === undefined) return
  if (fs.lstat(tmp, to) === undefined) fs.renameNoReplace(tmp, from, tmp, to)
  else fs.unlink(tmp, from)
}

/** Removes a staged file; it may be gone already. The only files that are ever removed so are our own copies. */
export function discardStaged(fs: FileSystem, tmp: DirectoryHandle, name: string): void {
  assert(isStagedName(name), `${name} is no name of a staged file`)
  if (fs.lstat(tmp, name) !== undefined) fs.unlink(tmp, name)
}

function openOrCreate(
  fs: FileSystem,
  tmp: DirectoryHandle,
  name: string
): { readonly file: FileHandle; readonly resumed: boolean } {
  assert(isStagedName(name), `${name} is no name of a staged file`)
  try {
    return { file: fs.create(tmp, name), resumed: false }
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  return { file: fs.openWrite(tmp, name), resumed: true }
}
