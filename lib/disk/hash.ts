import { encodeChunkList, contentOf, type Chunk } from '../core/chunk/content-tree.js'
import { CHUNK_BYTES_MAX, nextBoundary } from '../core/chunk/fastcdc.js'
import { hashBytes, type Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import type { Content } from '../core/model/record.js'
import { sameStamp } from '../core/model/stamp.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import type { Hashed } from './disk.js'
import { codeOf, problemOf } from './problem.js'
import { MissingDirectory, withParent } from './walk.js'

/** How often a file that changes while it is read is read again before the caller is told to come back later. */
const TRIES = 3
/** How much is read at once: several of the largest chunks. */
const BUFFER_BYTES = 4 * 1024 * 1024

let shared: Uint8Array | undefined

/**
 * Reads a file whole and cuts it into chunks. What is given was read in one pass during which nothing showed that the file was
 * touched (invariant S5): the stamps before and after are equal, and the name still leads to it.
 */
export function hashFile(fs: FileSystem, root: DirectoryHandle, path: RelativePath): Hashed {
  try {
    return withParent(fs, root, path, (parent, name) => hashName(fs, parent, name))
  } catch (error) {
    if (error instanceof MissingDirectory || ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(codeOf(error) ?? ''))
      return { kind: 'absent' }
    const problem = problemOf(error, 'reading')
    if (problem === undefined) throw error
    return { kind: 'failed', problem }
  }
}

function hashName(fs: FileSystem, parent: DirectoryHandle, name: string): Hashed {
  if (fs.lstat(parent, name)?.kind !== 'file') return { kind: 'absent' }
  const file = fs.openRead(parent, name)
  try {
    for (let i = 0; i < TRIES; i++) {
      const before = fs.fstat(file)
      if (before.kind !== 'file') return { kind: 'absent' }
      const chunks = readChunks(fs, file)
      const after = fs.fstat(file)
      if (!sameStamp(before, after) || before.size !== lengthOf(chunks)) continue
      const there = fs.lstat(parent, name)
      if (there === undefined || !sameStamp(there, after)) return { kind: 'absent' }
      const { content } = contentOf(chunks)
      return {
        kind: 'hashed',
        stamp: after,
        content,
        chunks: content.height === 0 ? new Uint8Array(0) : encodeChunkList(chunks)
      }
    }
  } finally {
    fs.close(file)
  }
  return {
    kind: 'failed',
    problem: { code: 'changing', message: 'It keeps changing while it is read: it will be read again.' }
  }
}

/** The content of an open file as it is; undefined where it can't be read. */
export function contentRootOf(fs: FileSystem, file: FileHandle): Hash | undefined {
  try {
    return contentOfOpen(fs, file).root
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined
  }
}

function contentOfOpen(fs: FileSystem, file: FileHandle): Content {
  return contentOf(readChunks(fs, file)).content
}

function readChunks(fs: FileSystem, file: FileHandle): Chunk[] {
  shared ??= new Uint8Array(BUFFER_BYTES)
  const buffer = shared
  const chunks: Chunk[] = []
  let position = 0
  let start = 0
  let end = 0
  for (;;) {
    const read = fs.read(file, buffer, end, buffer.byteLength - end, position)
    const isFinal = read === 0
    position += read
    end += read
    if (!isFinal && end - start < CHUNK_BYTES_MAX && end < buffer.byteLength) continue
    for (
      let cut = nextBoundary(buffer, start, end, isFinal);
      cut !== undefined;
      cut = nextBoundary(buffer, start, end, isFinal)
    ) {
      chunks.push({ hash: hashBytes(buffer.subarray(start, cut)), length: cut - start })
      start = cut
    }
    if (isFinal) return chunks
    buffer.copyWithin(0, start, end)
    end -= start
    start = 0
  }
}

function lengthOf(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0)
}
