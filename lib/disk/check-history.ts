import { ChunkList } from '../core/chunk/content-tree.js'
import { hashFromKey, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import { joinPath, nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import { decodeWinner } from '../core/model/record.js'
import { childOf } from '../core/tree/child.js'
import { parseNode } from '../core/tree/node.js'
import { DamagedFiles } from './damaged-files.js'
import { decodeChunkFile, encodeChunkFile } from './chunk-file.js'
import type { DirectoryHandle } from './filesystem.js'
import { NewFiles, namesIn, openIfThere, readFile, type HistoryPlace } from './history-files.js'
import { isListOf, listRevisions } from './history-list.js'
import { NODES, nodePath, readNode } from './history-tree.js'
import type { CheckedHistory, HistoryMend, Manifest } from './kept.js'
import { CHUNKS, chunkPath, contentPath, CONTENTS } from './pack-revisions.js'
import { codeOf } from './problem.js'
import { keepRevision, type RevisionNaming } from './revisions.js'
import { listSnapshots } from './snapshot-files.js'

/** The directory below `.backer/damaged` for what the history consists of. */
const ASIDE = 'history'

/** Where each kind of file of the history lies, and whether its bytes are what its hash says. */
const KINDS = {
  chunk: { directory: CHUNKS, pathOf: chunkPath, isSound: isChunkFile },
  list: { directory: CONTENTS, pathOf: contentPath, isSound: isListOf },
  node: { directory: NODES, pathOf: nodePath, isSound: isChunkFile }
} as const

function isChunkFile(bytes: Uint8Array, hash: Hash): boolean {
  return decodeChunkFile(bytes, hash) !== undefined
}

/** Reads what the history keeps under hashes that begin with `group` (two hexadecimal digits), and finds what is not what it should be. */
export function checkGroup(place: HistoryPlace, group: string): CheckedHistory {
  const checked = { count: 0, bytes: 0, chunks: [] as Hash[], lists: [] as Hash[], nodes: [] as Hash[] }
  for (const [kind, damaged] of [
    ['chunk', checked.chunks],
    ['list', checked.lists],
    ['node', checked.nodes]
  ] as const) {
    const { directory, pathOf, isSound } = KINDS[kind]
    for (const name of namesIn(place.fs, place.files, joinPath(directory as RelativePath, group))) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue
      const hash = hashFromKey(name as HashKey)
      const bytes = readIfReadable(place, pathOf(hash))
      checked.count++
      checked.bytes += bytes?.byteLength ?? 0
      if (bytes === undefined || !isSound(bytes, hash)) damaged.push(hash)
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

/** The lengths of chunks, told by the revisions and snapshots that need them, and by chunk lists; none for those that nothing names. */
export function chunkLengths(place: HistoryPlace, wanted: readonly Hash[]): Map<HashKey, number> {
  const keys = new Set(wanted.map(hashKey))
  const lengths = new Map<HashKey, number>()
  const note = (hash: Hash, length: number): void => {
    if (keys.has(hashKey(hash))) lengths.set(hashKey(hash), length)
  }
  for (const manifest of manifestsOf(place))
    if (manifest?.kind === 'file' && manifest.content.height === 0) note(manifest.content.root, manifest.size)
  for (const bytes of listsIn(place)) {
    const list = new ChunkList(bytes)
    for (let i = 0; i < list.count; i++) note(list.hash(i), list.length(i))
  }
  if (lengths.size < keys.size) for (const [hash, size] of smallFilesIn(place)) note(hash, size)
  return lengths
}

/** The chunk lists of the history that are sound. */
function* listsIn(place: HistoryPlace): Generator<Uint8Array> {
  for (const group of namesIn(place.fs, place.files, CONTENTS as RelativePath)) {
    for (const name of namesIn(place.fs, place.files, joinPath(CONTENTS as RelativePath, group))) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue
      const root = hashFromKey(name as HashKey)
      const bytes = readIfReadable(place, contentPath(root))
      if (bytes !== undefined && isListOf(bytes, root)) yield bytes
    }
  }
}

/** The files of snapshots that have one chunk: its hash, and their size. What is damaged of a tree is passed over. */
function* smallFilesIn(place: HistoryPlace): Generator<readonly [Hash, number]> {
  const visited = new Set<HashKey>()
  const waiting = listSnapshots(place).snapshots.map(({ root }) => root)
  for (let hash = waiting.pop(); hash !== undefined; hash = waiting.pop()) {
    const bytes = visited.has(hashKey(hash)) ? undefined : readNode(place, hash)
    visited.add(hashKey(hash))
    if (bytes === undefined) continue
    const { height, entries } = parseNode(bytes)
    for (const entry of entries) {
      const payload = height > 0 ? undefined : decodeWinner(entry.value)
      if (payload === undefined) waiting.push(childOf(entry).hash)
      else if (payload.kind === 'file' && payload.content.height === 0) yield [payload.content.root, payload.size]
    }
  }
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
  const path = KINDS[kind].pathOf(hash)
  const aside = new DamagedFiles(place.fs, own)
  try {
    const directory = place.files.open(parentOf(path))
    const from = { directory, name: nameOf(path) }
    keepRevision(place.fs, aside.open(), from, joinPath(ASIDE as RelativePath, nameOf(path)), naming)
    place.files.markChanged(parentOf(path))
    aside.sync()
    NewFiles.use(place, files => {
      files.add(path, kind === 'list' ? bytes : encodeChunkFile(bytes))
      files.settle()
    })
  } finally {
    aside.close()
  }
}
