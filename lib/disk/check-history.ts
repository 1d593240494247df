import { ChunkList } from '../core/chunk/content-tree.js'
import { hashFromKey, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import { joinPath, nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import { DamagedFiles } from './damaged-files.js'
import { decodeChunkFile, encodeChunkFile } from './chunk-file.js'
import type { DirectoryHandle } from './filesystem.js'
import { NewFiles, namesIn, openIfThere, readFile, type HistoryPlace } from './history-files.js'
import { isListOf, listRevisions } from './history-list.js'
import type { CheckedHistory, HistoryMend, Manifest } from './kept.js'
import { CHUNKS, chunkPath, contentPath, CONTENTS } from './pack-revisions.js'
import { codeOf } from './problem.js'
import { keepRevision, type RevisionNaming } from './revisions.js'

/** The directory below `.backer/damaged` for what the history consists of. */
const ASIDE = 'history'

/** Reads what the history keeps under hashes that begin with `group` (two hexadecimal digits), and finds what is not what it should be. */
export function checkGroup(place: HistoryPlace, group: string): CheckedHistory {
  const checked = { count: 0, bytes: 0, chunks: [] as Hash[], lists: [] as Hash[] }
  for (const [kind, damaged] of [
    [CHUNKS, checked.chunks],
    [CONTENTS, checked.lists]
  ] as const) {
    for (const name of namesIn(place.fs, place.files, joinPath(kind as RelativePath, group))) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue
      const hash = hashFromKey(name as HashKey)
      const bytes = readIfReadable(place, kind === CHUNKS ? chunkPath(hash) : contentPath(hash))
      checked.count++
      checked.bytes += bytes?.byteLength ?? 0
      const isSound =
        bytes !== undefined && (kind === CHUNKS ? decodeChunkFile(bytes, hash) !== undefined : isListOf(bytes, hash))
      if (!isSound) damaged.push(hash)
    }
  }
  return checked
}

/** As `readFile`, from the disk itself; undefined also where the disk can't read it, which is as good as changed. */
function readIfReadable(place: HistoryPlace, path: RelativePath): Uint8Array | undefined {
  try {
    dropCached(place, path)
    return readFile(place, path)
  } catch (error) {
    if (codeOf(error) === 'EIO') return undefined
    throw error
  }
}

function dropCached({ fs, files }: HistoryPlace, path: RelativePath): void {
  const directory = openIfThere(files, parentOf(path))
  if (directory === undefined || fs.lstat(directory, nameOf(path))?.kind !== 'file') return
  const file = fs.openRead(directory, nameOf(path))
  try {
    fs.dropCached(file, 0, fs.fstat(file).size)
  } finally {
    fs.close(file)
  }
}

/** The lengths of chunks, told by the revisions that need them; none for those that no revision needs. */
export function chunkLengths(place: HistoryPlace, wanted: readonly Hash[]): Map<HashKey, number> {
  const keys = new Set(wanted.map(hashKey))
  const lengths = new Map<HashKey, number>()
  for (const manifest of manifestsOf(place)) {
    if (manifest?.kind !== 'file') continue
    const { root, height } = manifest.content
    if (height === 0 && keys.has(hashKey(root))) lengths.set(hashKey(root), manifest.size)
    const bytes = height === 0 ? undefined : readIfReadable(place, contentPath(root))
    if (bytes === undefined || !isListOf(bytes, root)) continue
    const list = new ChunkList(bytes)
    for (let i = 0; i < list.count; i++)
      if (keys.has(hashKey(list.hash(i)))) lengths.set(hashKey(list.hash(i)), list.length(i))
  }
  return lengths
}

function* manifestsOf(place: HistoryPlace): Generator<Manifest | undefined> {
  const waiting: (RelativePath | undefined)[] = [undefined]
  while (waiting.length > 0) {
    const { revisions, directories } = listRevisions(place, waiting.pop())
    for (const { manifest } of revisions) yield manifest
    waiting.push(...directories)
  }
}

/** Puts the damaged file aside, and a good one in its place. Throws the system's error. */
export function mendHistory(
  place: HistoryPlace,
  own: DirectoryHandle,
  { kind, hash, bytes }: HistoryMend,
  naming: RevisionNaming
): void {
  const path = kind === 'chunk' ? chunkPath(hash) : contentPath(hash)
  const aside = new DamagedFiles(place.fs, own)
  try {
    const directory = place.files.open(parentOf(path))
    const from = { directory, name: nameOf(path) }
    keepRevision(place.fs, aside.open(), from, joinPath(ASIDE as RelativePath, nameOf(path)), naming)
    place.files.markChanged(parentOf(path))
    aside.sync()
    NewFiles.use(place, files => {
      files.add(path, kind === 'chunk' ? encodeChunkFile(bytes) : bytes)
      files.settle()
    })
  } finally {
    aside.close()
  }
}
