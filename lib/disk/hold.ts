import { hashesEqual, hashKey, type Hash } from '../core/model/hash.js'
import { joinPath, nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import type { FilePayload } from '../core/model/record.js'
import { sameStamp } from '../core/model/stamp.js'
import { encodeChunkFile } from './chunk-file.js'
import type { DirectoryHandle, FileHandle } from './filesystem.js'
import { readContent } from './hash.js'
import { hasFile, NewFiles, openIfThere, spread, type HistoryPlace } from './history-files.js'
import type { Held, KeepWorld, Replaced, ToHold } from './kept.js'
import { encodeManifest } from './manifest.js'
import { chunkPath, contentPath, FREE_BYTES_MIN, MANIFESTS, openIfReadable } from './pack-revisions.js'
import { codeOf } from './problem.js'
import { prepareRevision, revisionName, type RevisionNaming } from './revisions.js'
import { Directories } from './walk.js'

/*
 * Copies of what stands in the folder, for devices that keep what a local edit replaces: when the edit is found, the old bytes are gone from the
 * file. A copy shares the file's blocks where the file system can do that; else it is kept as chunks, as revisions are.
 */

/** Where copies that share blocks lie, under the hash of their content. */
export const HELD = 'held' as RelativePath

/** What a file system says that can't share blocks, or not between these files. */
const CANNOT_CLONE: ReadonlySet<string> = new Set([
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EXDEV',
  'EINVAL',
  'ENOTTY',
  'EPERM'
])

/** Takes copies of files of the folder whose open root is `root`. Durable when it returns. Throws the system's error. */
export function holdFiles(place: HistoryPlace, root: DirectoryHandle, files: readonly ToHold[]): Held[] {
  const tree = new Directories(place.fs, root)
  try {
    return NewFiles.use(place, added => files.map(file => holdFile(place, tree, added, file)))
  } finally {
    tree.close()
  }
}

function holdFile(place: HistoryPlace, tree: Directories, added: NewFiles, file: ToHold): Held {
  const { fs, base } = place
  const { root, height } = file.content
  if (file.stamp.size === 0 || isHeld(place, root, height)) return 'held'
  const directory = openIfThere(tree, parentOf(file.path))
  const there = directory === undefined ? undefined : fs.lstat(directory, nameOf(file.path))
  if (directory === undefined || there === undefined || !sameStamp(there, file.stamp)) return 'gone'
  if (tryToClone(place, added, directory, file)) return 'held'
  if (fs.space(base).freeBytes - file.stamp.size < FREE_BYTES_MIN) return 'full'
  return copyChunks(place, added, directory, file) ? 'held' : 'gone'
}

/** Adds the chunks of a file, and then its list. False where it changes meanwhile, or can't be read. */
function copyChunks(
  { fs }: HistoryPlace,
  added: NewFiles,
  directory: DirectoryHandle,
  { path, stamp, content }: ToHold
): boolean {
  const source = openIfReadable(fs, directory, nameOf(path))
  if (source === undefined) return false
  try {
    const read = readContent(fs, source, stamp, (hash, bytes) => added.add(chunkPath(hash), encodeChunkFile(bytes)))
    if (read === undefined || !hashesEqual(read.content.root, content.root)) return false
    added.settle()
    if (content.height > 0) added.add(contentPath(content.root), read.chunks)
    added.settle()
    return true
  } finally {
    fs.close(source)
  }
}

/** True where all of a content is here: its list is named only when its chunks are. */
function isHeld(place: HistoryPlace, root: Hash, height: number): boolean {
  return hasFile(place, heldPath(root)) || hasFile(place, height === 0 ? chunkPath(root) : contentPath(root))
}

/** False where blocks can't be shared. A file that changes meanwhile leaves nothing. */
function tryToClone(place: HistoryPlace, added: NewFiles, directory: DirectoryHandle, file: ToHold): boolean {
  const { fs } = place
  const source = openIfReadable(fs, directory, nameOf(file.path))
  if (source === undefined) return false
  try {
    const isMade = added.make(heldPath(file.content.root), (parent, name) => {
      if (!cloneFile(place, source, parent, name)) return false
      return sameStamp(fs.fstat(source), file.stamp)
    })
    if (isMade) added.settle()
    return isMade
  } finally {
    fs.close(source)
  }
}

/** False where the file system can't. */
function cloneFile({ fs }: HistoryPlace, source: FileHandle, parent: DirectoryHandle, name: string): boolean {
  try {
    fs.clone(source, parent, name)
    return true
  } catch (error) {
    if (!CANNOT_CLONE.has(codeOf(error) ?? '')) throw error
    return false
  }
}

/** Makes revisions out of what is held. Durable when it returns. Gives the paths of which nothing is held. Throws the system's error. */
export function keepHeld(place: HistoryPlace, replaced: readonly Replaced[], world: KeepWorld): RelativePath[] {
  const lost: RelativePath[] = []
  NewFiles.use(place, added => {
    replaced.forEach((one, i) => {
      const bytes = (length: number): Uint8Array => world.randomness.subarray(32 * i, 32 * i + length)
      if (!keepOne(place, added, one, { nowMs: world.nowMs, bytes })) lost.push(one.path)
    })
    added.settle()
  })
  place.loose.sync()
  return lost
}

function keepOne(place: HistoryPlace, added: NewFiles, { path, payload }: Replaced, naming: RevisionNaming): boolean {
  const name = revisionName(nameOf(path), naming)
  const manifestAt = joinPath(MANIFESTS, joinPath(parentOf(path), name))
  if (payload.kind === 'symlink') {
    added.add(manifestAt, encodeManifest(payload))
    return true
  }
  const { root, height } = payload.content
  if (hasFile(place, heldPath(root)) && keepClone(place, path, name, payload)) return true
  if (payload.size > 0 && !hasFile(place, height === 0 ? chunkPath(root) : contentPath(root))) return false
  const { size, mtimeNs, mode, content } = payload
  added.add(manifestAt, encodeManifest({ kind: 'file', size, mtimeNs, mode, content }))
  return true
}

/** Makes a revision that is packed like any other, in no time: it shares the blocks of the copy. */
function keepClone(place: HistoryPlace, path: RelativePath, name: string, payload: FilePayload): boolean {
  const { fs, files, loose } = place
  const held = heldPath(payload.content.root)
  const directory = openIfThere(files, parentOf(held))
  const source = directory === undefined ? undefined : openIfReadable(fs, directory, nameOf(held))
  if (source === undefined) return false
  try {
    const parent = prepareRevision(loose, path)
    const target = loose.open(parent)
    if (!cloneFile(place, source, target, name)) return false
    const made = fs.openWrite(target, name)
    try {
      fs.setFileMetadata(made, payload.mode, payload.mtimeNs)
      fs.sync(made)
    } finally {
      fs.close(made)
    }
    loose.markChanged(parent)
    return true
  } finally {
    fs.close(source)
  }
}

function heldPath(root: Hash): RelativePath {
  return spread(HELD, hashKey(root))
}
