import { hashBytes, hashesEqual } from '../core/model/hash.js'
import { nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import type { Piece } from './disk.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { codeOf, fatalOf } from './problem.js'
import { MissingDirectory, withDirectory } from './walk.js'

/** Pieces that lie together, in the same order, where they come from and where they go. */
interface Run {
  readonly path: RelativePath
  readonly from: number
  readonly to: number
  length: number
}

/** How much is copied by one call: what was copied is begun to be written to the disk meanwhile. */
const RUN_BYTES_MAX = 8 * 1024 * 1024
/** Errors that tell of the staged file's disk: those of the source mean no more than that the chunk is not there. */
const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS'])

let shared: Uint8Array | undefined

/**
 * Puts pieces of the folder's files into an open staged file, inside the kernel where it can, and then reads each back: true for
 * those that the staged file has now, whatever the folder's files held meanwhile. Throws the system's error where the staged file can't be
 * written or read.
 */
export function fillStaged(
  fs: FileSystem,
  root: DirectoryHandle,
  staged: FileHandle,
  pieces: readonly Piece[]
): boolean[] {
  for (const run of runsOf(pieces)) {
    copyRun(fs, root, staged, run)
    fs.startWriting(staged, run.to, run.length)
  }
  return pieces.map(piece => isThere(fs, staged, piece))
}

function runsOf(pieces: readonly Piece[]): Run[] {
  const runs: Run[] = []
  for (const { from, to, length } of pieces) {
    if (from === undefined) continue
    const last = runs.at(-1)
    const goesOn =
      last?.path === from.path &&
      last.from + last.length === from.offset &&
      last.to + last.length === to &&
      last.length + length <= RUN_BYTES_MAX
    if (goesOn) last.length += length
    else runs.push({ path: from.path, from: from.offset, to, length })
  }
  return runs
}

function copyRun(fs: FileSystem, root: DirectoryHandle, staged: FileHandle, { path, from, to, length }: Run): void {
  try {
    withDirectory(fs, root, parentOf(path), directory => {
      if (fs.lstat(directory, nameOf(path))?.kind !== 'file') return
      const file = fs.openRead(directory, nameOf(path))
      try {
        fs.copyRange(file, from, staged, to, length)
      } finally {
        fs.close(file)
      }
    })
  } catch (error) {
    if (FULL.has(codeOf(error))) throw fatalOf(error)
    if (!(error instanceof MissingDirectory) && codeOf(error) === undefined) throw error
  }
}

function isThere(fs: FileSystem, staged: FileHandle, { hash, to, length }: Piece): boolean {
  if (shared === undefined || shared.byteLength < length) shared = new Uint8Array(length)
  let done = 0
  for (let read = -1; read !== 0 && done < length; done += read)
    read = fs.read(staged, shared, done, length - done, to + done)
  return done === length && hashesEqual(hashBytes(shared.subarray(0, length)), hash)
}
