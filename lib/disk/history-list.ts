import { contentFromChunkList } from '../core/chunk/content-tree.js'
import { isBackerError } from '../core/error.js'
import { hashesEqual, type Hash } from '../core/model/hash.js'
import { joinPath, parentOf, type RelativePath } from '../core/model/path.js'
import { decodeChunkFile } from './chunk-file.js'
import { namesIn, openIfThere, readFile, type HistoryPlace } from './history-files.js'
import type { KeptRevision, Manifest, RevisionListing } from './kept.js'
import { pinnedIds } from './pins.js'
import { decodeManifest } from './manifest.js'
import { chunkPath, contentPath, MANIFESTS } from './pack-revisions.js'
import { idOfRevision, parseRevisionName, toldPath } from './revisions.js'

/** The bytes of a chunk, verified; undefined where the history does not have it. */
export function readChunk(place: HistoryPlace, hash: Hash): Uint8Array | undefined {
  const file = readFile(place, chunkPath(hash))
  return file === undefined ? undefined : decodeChunkFile(file, hash)
}

/** The chunk list of a content that has several chunks, verified. */
export function readChunkList(place: HistoryPlace, root: Hash): Uint8Array | undefined {
  const bytes = readFile(place, contentPath(root))
  return bytes !== undefined && isListOf(bytes, root) ? bytes : undefined
}

/** True where the bytes are the chunk list of the content with this root. */
export function isListOf(bytes: Uint8Array, root: Hash): boolean {
  try {
    return hashesEqual(contentFromChunkList(bytes).root, root)
  } catch (error) {
    if (isBackerError(error, 'MALFORMED') || isBackerError(error, 'LIMIT')) return false
    throw error
  }
}

/** The revisions of one directory's items, packed or not. */
export function listRevisions(place: HistoryPlace, directory: RelativePath | undefined): RevisionListing {
  const pinned = pinnedIds(place)
  const revisions = new Map<RelativePath, KeptRevision>()
  const directories = new Set<RelativePath>()
  const damaged: RelativePath[] = []
  for (const storedAt of looseIn(place, directory, revisions, pinned)) directories.add(storedAt)
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
      const isPinned = pinned.has(idOfRevision(storedAt))
      revisions.set(storedAt, { path, storedAt, atMs: parsed.atMs, manifest, size, mtimeNs, isPinned })
    }
  }
  return { revisions: [...revisions.values()], directories: [...directories], damaged }
}

/** Adds the revisions of a directory that are not packed yet; gives the directories below it. */
function looseIn(
  place: HistoryPlace,
  directory: RelativePath | undefined,
  revisions: Map<RelativePath, KeptRevision>,
  pinned: ReadonlySet<string>
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
    const isPinned = pinned.has(idOfRevision(storedAt))
    if (stamp.kind === 'file' || stamp.kind === 'symlink')
      revisions.set(storedAt, { path, storedAt, atMs: parsed.atMs, manifest: undefined, size, mtimeNs, isPinned })
  }
  return directories
}

function manifestAt(place: HistoryPlace, storedAt: RelativePath): Manifest | undefined {
  const bytes = readFile(place, joinPath(MANIFESTS, storedAt))
  return bytes === undefined ? undefined : decodeManifest(bytes)
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
