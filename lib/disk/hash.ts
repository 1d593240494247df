import { makeContentBuilder } from '../core/chunk/content-builder.js'
import { encodeChunkList, type Chunk } from '../core/chunk/content-tree.js'
import { CHUNK_BYTES_MAX, nextBoundary } from '../core/chunk/fastcdc.js'
import { zeroChunkAt } from '../core/chunk/zeros.js'
import { isBackerError } from '../core/error.js'
import { hashBytes, type Hash } from '../core/model/hash.js'
import { nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import type { Content } from '../core/model/record.js'
import { sameStamp, type Stamp } from '../core/model/stamp.js'
import type { Hashed, ItemProblem } from './disk.js'
import type { DirectoryHandle, FileHandle, FileSystem } from './filesystem.js'
import { isAbsence } from './list.js'
import { codeOf } from './problem.js'
import { readingProblemOf } from './reading.js'
import { siblingsIn } from './siblings.js'
import { withDirectory } from './walk.js'

/** How often a file that changes while it is read is read again before the caller is told to come back later. */
export const TRIES = 3
/** So few files, where they are asked for together, are given whole if they have at most so many bytes: peers get them before they ask. */
export const FEW = 4
const GIVEN_BYTES_MAX = 16 * 1024
/** How much is read at once: several of the largest chunks. */
const BUFFER_BYTES = 4 * 1024 * 1024
/** After how many bytes a file that is being written is found out, and not read to its end for nothing. */
const CHECK_BYTES = 64 * 1024 * 1024
/** How many chunks are held as objects until they become bytes. */
const CHUNKS_HELD = 4096

/**
 * Waits, where it must, until a write that comes later gets another time than `stamp` has. Returns true if it waited. File
 * systems take the time from a clock that stands still for some milliseconds: two writes within one of its ticks look the same.
 */
export type Settle = (stamp: Stamp) => boolean

/** For file systems whose every write has a time of its own. */
export const SETTLED: Settle = () => false

/** A file that is too large to be read at one go, as it was when it had settled. */
export interface Large {
  readonly kind: 'large'
  readonly stamp: Stamp
}

/** The chunks of a file from `start` on: they end at a boundary behind the beginning of the next segment, or with the file. */
export interface Segment {
  readonly kind: 'segment'
  readonly start: number
  /** A chunk list. */
  readonly chunks: Uint8Array
}

/** What came of reading a part of a file: not what it should have been, or why not. */
export type SegmentRead = Segment | Exclude<Hashed, { kind: 'hashed' }> | { readonly kind: 'moved' }

let shared: Uint8Array | undefined

/**
 * Reads files whole and cuts them into chunks; the answers are in the order of the paths. What is given of a file was read in one
 * pass during which nothing showed that it was touched (invariant S5): the stamps before and after are equal, and the name
 * still leads to it. Only plain files are ever opened, unless one becomes something else in that very moment; then nothing is read of it.
 */
export function hashFiles(
  fs: FileSystem,
  root: DirectoryHandle,
  paths: readonly RelativePath[],
  settle: Settle
): Hashed[] {
  return hashFilesUpTo(fs, root, paths, { settle, largeBytes: Infinity }) as Hashed[]
}

/** As `hashFiles`, but files from `largeBytes` on are only looked at. */
export function hashFilesUpTo(
  fs: FileSystem,
  root: DirectoryHandle,
  paths: readonly RelativePath[],
  { settle, largeBytes }: { readonly settle: Settle; readonly largeBytes: number }
): (Hashed | Large)[] {
  const how: How = { settle, largeBytes, givenBytes: paths.length <= FEW ? GIVEN_BYTES_MAX : 0 }
  return [...siblingsIn(paths)].flatMap(({ parent, names }) => {
    try {
      return withDirectory(fs, root, parent, directory => names.map(name => hashName(fs, directory, name, how)))
    } catch (error) {
      const outcome = whyNotHashed(error)
      return names.map(() => outcome)
    }
  })
}

/** The chunks of the file at `path`, which must look as `stamp` says before and after, from `start` to the first boundary at or behind `stop` (see segments.ts). */
export function hashSegment(
  fs: FileSystem,
  root: DirectoryHandle,
  path: RelativePath,
  { stamp, start, stop }: { readonly stamp: Stamp; readonly start: number; readonly stop: number }
): SegmentRead {
  try {
    return withDirectory(fs, root, parentOf(path), directory => {
      const file = fs.openRead(directory, nameOf(path))
      try {
        if (!sameStamp(stamp, fs.fstat(file))) return { kind: 'moved' }
        const chunks: Chunk[] = []
        const isWhole = cutFile(fs, file, stamp, { start, stop, keep: chunk => void chunks.push(chunk) })
        const there = fs.lstat(directory, nameOf(path))
        if (!isWhole || !sameStamp(stamp, fs.fstat(file)) || there === undefined || !sameStamp(stamp, there))
          return { kind: 'moved' }
        return { kind: 'segment', start, chunks: encodeChunkList(chunks) }
      } finally {
        fs.close(file)
      }
    })
  } catch (error) {
    return whyNotHashed(error)
  }
}

interface How {
  readonly settle: Settle
  readonly largeBytes: number
  /** Files up to this size are given whole. */
  readonly givenBytes: number
}

function hashName(fs: FileSystem, parent: DirectoryHandle, name: string, how: How): Hashed | Large {
  try {
    for (let i = 0; i < TRIES; i++) {
      const outcome = tryToHash(fs, parent, name, how)
      if (outcome !== 'moved') return outcome
    }
    return { kind: 'failed', problem: CHANGING }
  } catch (error) {
    return whyNotHashed(error)
  }
}

function tryToHash(fs: FileSystem, parent: DirectoryHandle, name: string, how: How): Hashed | Large | 'moved' {
  if (fs.lstat(parent, name)?.kind !== 'file') return { kind: 'absent' }
  const file = fs.openRead(parent, name)
  try {
    const first = fs.fstat(file)
    const before = how.settle(first) ? fs.fstat(file) : first
    if (before.kind !== 'file') return { kind: 'absent' }
    if (before.size >= how.largeBytes) return { kind: 'large', stamp: before }
    const given: Uint8Array[] = []
    const give = (...[, chunk]: readonly [Hash, Uint8Array]): void => void given.push(Uint8Array.from(chunk))
    const read = readContent(fs, file, before, before.size <= how.givenBytes ? give : undefined)
    if (read === undefined || !sameStamp(before, fs.fstat(file))) return 'moved'
    const there = fs.lstat(parent, name)
    if (there === undefined || !sameStamp(before, there)) return 'moved'
    const [bytes] = given
    return { kind: 'hashed', stamp: before, ...read, ...(bytes === undefined ? {} : { bytes }) }
  } finally {
    fs.close(file)
  }
}

function whyNotHashed(error: unknown): Exclude<Hashed, { kind: 'hashed' }> {
  // ENXIO: a socket, or a FIFO that nobody reads, came to stand there.
  if (isAbsence(error) || codeOf(error) === 'ENXIO') return { kind: 'absent' }
  if (isBackerError(error, 'LIMIT')) return { kind: 'failed', problem: TOO_LARGE }
  return { kind: 'failed', problem: readingProblemOf(error) }
}

/** The content root of an open file as it is; undefined where it can't be read, or changes meanwhile. */
export function contentRootOf(fs: FileSystem, file: FileHandle): Hash | undefined {
  try {
    return readContent(fs, file, fs.fstat(file))?.content.root
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined
  }
}

/** What reading a file whole gives: `chunks` is its chunk list, empty where height is 0. */
export interface Read {
  readonly content: Content
  readonly chunks: Uint8Array
}

/**
 * The content of an open file of the size that `before` says; undefined where it turns out to be shorter, longer or changing. `onchunk` is
 * given each chunk's bytes in order: a view that holds no longer than the call. Throws the system's error, and LIMIT.
 */
export function readContent(
  fs: FileSystem,
  file: FileHandle,
  before: Stamp,
  onchunk: (hash: Hash, bytes: Uint8Array) => void = () => undefined
): Read | undefined {
  const builder = makeContentBuilder(() => undefined)
  const lists: Uint8Array[] = []
  let held: Chunk[] = []
  const keep = (chunk: Chunk, bytes: Uint8Array): void => {
    onchunk(chunk.hash, bytes)
    builder.push(chunk.hash, chunk.length)
    if (held.push(chunk) < CHUNKS_HELD) return
    lists.push(encodeChunkList(held))
    held = []
  }
  if (!cutFile(fs, file, before, { start: 0, stop: before.size, keep })) return undefined
  const content = builder.finish()
  if (content.height === 0) return { content, chunks: new Uint8Array(0) }
  return { content, chunks: joined([...lists, encodeChunkList(held)]) }
}

/** What of a file is cut: from `start` to the first boundary at or behind `stop`, or to the end. */
interface Cut {
  readonly start: number
  readonly stop: number
  readonly keep: (chunk: Chunk, bytes: Uint8Array) => void
}

/** Calls `keep` with each chunk of an open file, in order. False where the file is not, or no longer, what `before` says. */
function cutFile(fs: FileSystem, file: FileHandle, before: Stamp, { start: first, stop, keep }: Cut): boolean {
  shared ??= new Uint8Array(BUFFER_BYTES)
  const buffer = shared
  // What says that it is empty is believed only if it is: some file systems say so where they don't know.
  if (before.size === 0) return fs.read(file, buffer, 0, 1, 0) === 0
  let position = first
  let checked = first
  let end = 0
  for (;;) {
    const read = fs.read(file, buffer, end, Math.min(buffer.byteLength - end, before.size - position), position)
    if (read === 0) return false
    position += read
    end += read
    const isFinal = position === before.size
    if (!isFinal && end < buffer.byteLength) continue
    const start = cutBuffer(buffer, end, { isFinal, until: stop - (position - end), keep })
    if (isFinal || position - (end - start) >= stop) return true
    buffer.copyWithin(0, start, end)
    end -= start
    if (position - checked < CHECK_BYTES) continue
    if (!sameStamp(before, fs.fstat(file))) return false
    checked = position
  }
}

interface BufferCut {
  /** The file ends with the buffer. */
  readonly isFinal: boolean
  /** No chunk that would begin here, or behind, is wanted. */
  readonly until: number
  readonly keep: Cut['keep']
}

/** Cuts what lies in the buffer. Returns where the first byte that belongs to no chunk yet lies. */
function cutBuffer(buffer: Uint8Array, end: number, { isFinal, until, keep }: BufferCut): number {
  let start = 0
  while (start < until && (isFinal ? start < end : end - start >= CHUNK_BYTES_MAX)) {
    const zeros = zeroChunkAt(buffer, start, end)
    const cut = zeros === undefined ? (nextBoundary(buffer, start, end, isFinal) ?? end) : start + CHUNK_BYTES_MAX
    const bytes = buffer.subarray(start, cut)
    keep({ hash: zeros ?? hashBytes(bytes), length: cut - start }, bytes)
    start = cut
  }
  return start
}

function joined(lists: readonly Uint8Array[]): Uint8Array {
  const [first] = lists
  if (lists.length === 1 && first !== undefined) return first
  const bytes = new Uint8Array(lists.reduce((sum, list) => sum + list.byteLength, 0))
  let at = 0
  for (const list of lists) {
    bytes.set(list, at)
    at += list.byteLength
  }
  return bytes
}

export const CHANGING: ItemProblem = {
  code: 'changing',
  message: 'It keeps changing while it is read: it will be read again.'
}
export const TOO_LARGE: ItemProblem = {
  code: 'unreadable',
  message: 'It is larger than backer can sync: it has too many chunks.'
}
