import { hashKey, type Hash } from '../core/model/hash.js'
import { joinPath, nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import { sameStamp, type Stamp } from '../core/model/stamp.js'
import { encodeChunkFile } from './chunk-file.js'
import type { DirectoryHandle } from './filesystem.js'
import { readContent } from './hash.js'
import { namesIn, NewFiles, openIfThere, readFile, spread, type HistoryPlace } from './history-files.js'
import type { Manifest, Packed } from './kept.js'
import { decodeManifest, encodeManifest } from './manifest.js'
import { codeOf } from './problem.js'
import { parseRevisionName } from './revisions.js'

/** Where the history keeps the bytes of chunks, the chunk lists of contents, and what revisions were. */
export const CHUNKS = 'chunks'
export const CONTENTS = 'contents'
export const MANIFESTS = 'revisions' as RelativePath

/** One call packs about this much: a thread that is to end is not waited for any longer. */
const FILES_AT_ONCE = 256
const BYTES_AT_ONCE = 32 * 1024 * 1024
/** So much of the disk stays free: what does not fit stays as it was. */
export const FREE_BYTES_MIN = 64 * 1024 * 1024

interface Loose {
  readonly path: RelativePath
  readonly stamp: Stamp
}

/**
 * Moves revisions that were kept whole into the history, where equal chunks are kept once: those that stand behind `after` in the order of
 * their names, about 32 MiB of them. Each is gone from where it was only when all that it consists of is durable. Throws the system's error where
 * the history can't be written.
 */
export function packRevisions(place: HistoryPlace, after: RelativePath | undefined): Packed {
  const { fs, base, loose } = place
  const batch: Loose[] = []
  const left: RelativePath[] = []
  let bytes = 0
  let next: RelativePath | undefined
  for (const found of looseBelow(place, undefined, after?.split('/') ?? [])) {
    if (batch.length >= FILES_AT_ONCE || bytes >= BYTES_AT_ONCE) {
      next = batch.at(-1)?.path
      break
    }
    if (fs.space(base).freeBytes - bytes - found.stamp.size < FREE_BYTES_MIN) left.push(found.path)
    else {
      batch.push(found)
      bytes += found.stamp.size
    }
  }
  const packed = NewFiles.use(place, files => packAll(place, files, batch))
  for (const { path, stamp } of batch) {
    const directory = loose.open(parentOf(path))
    const now = fs.lstat(directory, nameOf(path))
    // Somebody may have written to it: then it is another one.
    if (!packed.has(path) || now === undefined || !sameStamp(now, stamp)) left.push(path)
    else fs.unlink(directory, nameOf(path))
  }
  return { count: packed.size, next, left }
}

/** Writes what the revisions consist of, and then what they are. Gives the paths of those that are in the history now. */
function packAll(place: HistoryPlace, files: NewFiles, batch: readonly Loose[]): ReadonlySet<RelativePath> {
  const manifests = new Map<RelativePath, Manifest>()
  for (const { path, stamp } of batch) {
    const directory = openIfThere(place.loose, parentOf(path))
    const manifest = directory === undefined ? undefined : readManifest(place, files, directory, nameOf(path), stamp)
    if (manifest !== undefined) manifests.set(path, manifest)
  }
  files.settle()
  for (const [path, manifest] of manifests) files.add(joinPath(MANIFESTS, path), encodeManifest(manifest))
  files.settle()
  for (const [path, manifest] of manifests) if (!isWritten(place, path, manifest)) manifests.delete(path)
  return new Set(manifests.keys())
}

/** True where the history says of the revision what it was: one of the same name may be another, or damaged. */
function isWritten(place: HistoryPlace, path: RelativePath, manifest: Manifest): boolean {
  const bytes = readFile(place, joinPath(MANIFESTS, path))
  const written = bytes === undefined ? undefined : decodeManifest(bytes)
  return written !== undefined && Buffer.from(encodeManifest(written)).equals(encodeManifest(manifest))
}

/**
 * Adds the chunks of a file (or what a symlink says), and gives what it is; undefined where it can't be read, or changes.
 */
function readManifest(
  { fs }: HistoryPlace,
  files: NewFiles,
  directory: DirectoryHandle,
  name: string,
  stamp: Stamp
): Manifest | undefined {
  const { mtimeNs, mode, size } = stamp
  if (stamp.kind === 'symlink')
    return { kind: 'symlink', mtimeNs, target: Buffer.from(fs.readlink(directory, name)).toString() }
  const file = openIfReadable(fs, directory, name)
  if (file === undefined) return undefined
  try {
    if (!sameStamp(fs.fstat(file), stamp)) return undefined
    const read = readContent(fs, file, stamp, (hash, bytes) => {
      files.add(chunkPath(hash), encodeChunkFile(bytes))
    })
    if (read === undefined || !sameStamp(fs.fstat(file), stamp)) return undefined
    if (read.content.height > 0) files.add(contentPath(read.content.root), read.chunks)
    return { kind: 'file', size, mtimeNs, mode, content: read.content }
  } finally {
    fs.close(file)
  }
}

/** Opens a file for reading; undefined where it is not there, or can't be read. */
export function openIfReadable(fs: HistoryPlace['fs'], directory: DirectoryHandle, name: string): number | undefined {
  try {
    return fs.openRead(directory, name)
  } catch (error) {
    if (['EACCES', 'ENOENT', 'ELOOP', 'EIO'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

/** The file that keeps a chunk. */
export function chunkPath(hash: Hash): RelativePath {
  return spread(CHUNKS, hashKey(hash))
}

/** The file that keeps the chunk list of a content. */
export function contentPath(root: Hash): RelativePath {
  return spread(CONTENTS, hashKey(root))
}

/** Revisions that are not packed, in the order of their names, behind the path of these names. Directories that became revisions stay as they are. */
function* looseBelow(
  place: HistoryPlace,
  directory: RelativePath | undefined,
  [first, ...rest]: readonly string[]
): Generator<Loose> {
  for (const name of namesIn(place.fs, place.loose, directory).sort()) {
    const isPassed = first !== undefined && (name < first || (name === first && rest.length === 0))
    const handle = isPassed ? undefined : openIfThere(place.loose, directory)
    const stamp = handle === undefined ? undefined : place.fs.lstat(handle, name)
    const path = joinPath(directory, name)
    const isRevision = parseRevisionName(name) !== undefined
    if (stamp?.kind === 'directory' && !isRevision) yield* looseBelow(place, path, name === first ? rest : [])
    else if (isRevision && (stamp?.kind === 'file' || stamp?.kind === 'symlink')) yield { path, stamp }
  }
}
