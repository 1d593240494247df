import { ChunkList, contentFromChunkList } from '../core/chunk/content-tree.js'
import { isBackerError } from '../core/error.js'
import { hashesEqual, hashFromKey, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import { joinPath, parentOf, type RelativePath } from '../core/model/path.js'
import { decodeChunkFile } from './chunk-file.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { namesIn, openIfThere, readFile, removeFile, withHistory, type HistoryPlace } from './history-files.js'
import type { HistoryOperations, KeptRevision, Manifest, RevisionListing, Swept } from './kept.js'
import { decodeManifest } from './manifest.js'
import { CHUNKS, chunkPath, contentPath, CONTENTS, MANIFESTS, packRevisions } from './pack-revisions.js'
import { parseRevisionName, toldPath } from './revisions.js'

/** The operations on the history of the folder whose open root is `root`. */
export function historyOf(fs: FileSystem, root: DirectoryHandle): HistoryOperations {
  return {
    pack: after => withHistory(fs, root, place => packRevisions(place, after)),
    list: directory => withHistory(fs, root, place => listRevisions(place, directory)),
    drop: storedAt => withHistory(fs, root, place => dropRevisions(place, storedAt)),
    sweep: () => withHistory(fs, root, sweepChunks),
    chunk: hash => withHistory(fs, root, place => readChunk(place, hash)),
    chunkList: hash => withHistory(fs, root, place => readChunkList(place, hash))
  }
}

function readChunk(place: HistoryPlace, hash: Hash): Uint8Array | undefined {
  const file = readFile(place, chunkPath(hash))
  return file === undefined ? undefined : decodeChunkFile(file, hash)
}

function readChunkList(place: HistoryPlace, root: Hash): Uint8Array | undefined {
  const bytes = readFile(place, contentPath(root))
  return bytes !== undefined && isListOf(bytes, root) ? bytes : undefined
}

function isListOf(bytes: Uint8Array, root: Hash): boolean {
  try {
    return hashesEqual(contentFromChunkList(bytes).root, root)
  } catch (error) {
    if (isBackerError(error, 'MALFORMED') || isBackerError(error, 'LIMIT')) return false
    throw error
  }
}

function listRevisions(place: HistoryPlace, directory: RelativePath | undefined): RevisionListing {
  const revisions = new Map<RelativePath, KeptRevision>()
  const directories = new Set<RelativePath>()
  const damaged: RelativePath[] = []
  for (const storedAt of looseIn(place, directory, revisions)) directories.add(storedAt)
  const below = directory === undefined ? MANIFESTS : joinPath(MANIFESTS, directory)
  const handle = openIfThere(place.files, below)
  for (const name of namesIn(place.fs, place.files, below)) {
    const storedAt = joinPath(directory, name)
    const parsed = parseRevisionName(name)
    const kind = handle === undefined ? undefined : place.fs.lstat(handle, name)?.kind
    if (kind === 'directory') directories.add(storedAt)
    if (kind !== 'file' || parsed === undefined) continue
    const manifest = manifestAt(place, storedAt)
    if (manifest === undefined) damaged.push(storedAt)
    else {
      const size = manifest.kind === 'file' ? manifest.size : 0
      const { mtimeNs } = manifest
      const path = joinPath(directory, parsed.name)
      revisions.set(storedAt, { path, storedAt, atMs: parsed.atMs, manifest, size, mtimeNs })
    }
  }
  return { revisions: [...revisions.values()], directories: [...directories], damaged }
}

/** Adds the revisions of a directory that are not packed yet; gives the directories below it. */
function looseIn(
  place: HistoryPlace,
  directory: RelativePath | undefined,
  revisions: Map<RelativePath, KeptRevision>
): RelativePath[] {
  const handle = openIfThere(place.loose, directory)
  const directories: RelativePath[] = []
  for (const name of namesIn(place.fs, place.loose, directory)) {
    const stamp = handle === undefined ? undefined : place.fs.lstat(handle, name)
    const storedAt = joinPath(directory, name)
    const parsed = parseRevisionName(name)
    if (stamp === undefined) continue
    if (parsed === undefined) {
      if (stamp.kind === 'directory') directories.push(storedAt)
      continue
    }
    const { size, mtimeNs } = stamp
    const path = joinPath(directory, parsed.name)
    if (stamp.kind === 'file' || stamp.kind === 'symlink')
      revisions.set(storedAt, { path, storedAt, atMs: parsed.atMs, manifest: undefined, size, mtimeNs })
  }
  return directories
}

function manifestAt(place: HistoryPlace, storedAt: RelativePath): Manifest | undefined {
  const bytes = readFile(place, joinPath(MANIFESTS, storedAt))
  return bytes === undefined ? undefined : decodeManifest(bytes)
}

function dropRevisions(place: HistoryPlace, storedAt: readonly RelativePath[]): number {
  let count = 0
  for (const name of storedAt) {
    const isPacked = removeFile(place, joinPath(MANIFESTS, name))
    const isLoose = removeFile({ ...place, files: place.loose }, name)
    if (isPacked || isLoose) count++
  }
  place.files.sync()
  place.loose.sync()
  return count
}

function sweepChunks(place: HistoryPlace): Swept {
  const needed = new Marks()
  const damaged: RelativePath[] = []
  const waiting: (RelativePath | undefined)[] = [undefined]
  while (waiting.length > 0) {
    const listed = listRevisions(place, waiting.pop())
    for (const { manifest, storedAt } of listed.revisions)
      if (manifest?.kind === 'file' && !mark(place, manifest, needed)) damaged.push(storedAt)
    damaged.push(...listed.damaged)
    waiting.push(...listed.directories)
  }
  needed.close()
  const swept = { removed: 0, removedBytes: 0, chunks: 0, bytes: 0 }
  for (const kind of [CHUNKS, CONTENTS]) {
    for (const group of namesIn(place.fs, place.files, kind as RelativePath))
      sweepGroup(place, joinPath(kind as RelativePath, group), hash => damaged.length > 0 || needed.has(hash), swept)
  }
  return { ...swept, damaged }
}

/** Marks what a revision consists of. False where that can't be told any more. */
function mark(place: HistoryPlace, { content }: Extract<Manifest, { kind: 'file' }>, needed: Marks): boolean {
  needed.add(content.root)
  if (content.height === 0) return true
  const bytes = readChunkList(place, content.root)
  if (bytes === undefined) return false
  const list = new ChunkList(bytes)
  for (let i = 0; i < list.count; i++) needed.add(list.hash(i))
  return true
}

function sweepGroup(
  place: HistoryPlace,
  group: RelativePath,
  isNeeded: (hash: Hash) => boolean,
  swept: { removed: number; removedBytes: number; chunks: number; bytes: number }
): void {
  const directory = openIfThere(place.files, group)
  if (directory === undefined) return
  for (const name of namesIn(place.fs, place.files, group)) {
    if (!/^[0-9a-f]{64}$/.test(name)) continue
    const size = place.fs.lstat(directory, name)?.size ?? 0
    if (isNeeded(hashFromKey(name as HashKey))) {
      swept.chunks++
      swept.bytes += size
    } else {
      place.fs.unlink(directory, name)
      swept.removed++
      swept.removedBytes += size
    }
  }
}

/** How many bytes of a hash tell it from the others here: two that look the same keep a chunk that is not needed, no more. */
const MARK_BYTES = 6

/** A set of hashes of which there may be millions: eight bytes each. */
class Marks {
  #marks = new Float64Array(1024)
  #count = 0

  add(hash: Hash): void {
    if (this.#count === this.#marks.length) {
      const larger = new Float64Array(2 * this.#count)
      larger.set(this.#marks)
      this.#marks = larger
    }
    this.#marks[this.#count++] = markOf(hash)
  }

  /** The last one was added; from now on it can be asked. */
  close(): void {
    this.#marks = this.#marks.subarray(0, this.#count).sort()
  }

  has(hash: Hash): boolean {
    const wanted = markOf(hash)
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#marks[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low < this.#count && this.#marks[low] === wanted
  }
}

function markOf(hash: Hash): number {
  return Number.parseInt(hashKey(hash).slice(0, 2 * MARK_BYTES), 16)
}

/** The revisions of one path, the latest first; those of one second by their own times. `list`: what the history tells of a directory. */
export async function revisionsOf(
  list: (directory: RelativePath | undefined) => Promise<RevisionListing>,
  path: RelativePath
): Promise<readonly KeptRevision[]> {
  const { revisions } = await list(parentOf(path))
  const told = toldPath(path)
  return revisions
    .filter(found => found.path === told)
    .sort((a, b) => b.atMs - a.atMs || (a.mtimeNs < b.mtimeNs ? 1 : -1))
}
