import { hashBytes, hashFromKey, hashKey, type HashKey } from '../core/model/hash.js'
import { joinPath, type RelativePath } from '../core/model/path.js'
import { isKeptId, type Snapshot } from '../core/model/snapshot.js'
import { namesIn, NewFiles, readFile, removeFile, type HistoryPlace } from './history-files.js'
import type { KeptSnapshot, SnapshotListing } from './kept.js'
import { pin, pinnedIds } from './pins.js'

/** Where the history says which states of the folder are kept: a file for each, under its id. */
const SNAPSHOTS = 'snapshots' as RelativePath

interface Written {
  readonly root?: unknown
  readonly atMs?: unknown
  readonly device?: unknown
  readonly kind?: unknown
  readonly head?: unknown
}

/** One line of JSON, and a line with its hash. */
export function encodeSnapshot({ root, atMs, device, kind, head }: Snapshot): Uint8Array {
  const written: Written = {
    root: hashKey(root),
    atMs,
    device,
    kind,
    ...(head === undefined ? {} : { head: Buffer.from(head).toString('base64') })
  }
  const text = `${JSON.stringify(written)}\n`
  return Buffer.from(`${text}${hashKey(hashBytes(Buffer.from(text)))}\n`)
}

/** The snapshot in these bytes; undefined where they are damaged. */
export function decodeSnapshot(id: string, bytes: Uint8Array): Snapshot | undefined {
  const text = Buffer.from(bytes).toString()
  const end = text.indexOf('\n') + 1
  const line = text.slice(0, end)
  if (end === 0 || text.slice(end).trim() !== hashKey(hashBytes(Buffer.from(line)))) return undefined
  const { root, atMs, device, kind, head } = JSON.parse(line) as Written
  if (typeof root !== 'string' || typeof atMs !== 'number' || typeof device !== 'string') return undefined
  if (kind !== 'automatic' && kind !== 'manual') return undefined
  const signed = typeof head === 'string' ? Buffer.from(head, 'base64') : undefined
  return { id, root: hashFromKey(root as HashKey), atMs, device, kind, head: signed }
}

/** All snapshots of the history, the latest first. */
export function listSnapshots(place: HistoryPlace): SnapshotListing {
  const pinned = pinnedIds(place)
  const pinnedByMakers = pinnedIds(place, 'maker')
  const snapshots: KeptSnapshot[] = []
  const damaged: string[] = []
  for (const id of namesIn(place.fs, place.files, SNAPSHOTS).filter(isKeptId)) {
    const bytes = readFile(place, joinPath(SNAPSHOTS, id))
    const snapshot = bytes === undefined ? undefined : decodeSnapshot(id, bytes)
    if (snapshot === undefined) damaged.push(id)
    else snapshots.push({ ...snapshot, isPinned: pinned.has(id), isPinnedByMaker: pinnedByMakers.has(id) })
  }
  return { snapshots: snapshots.sort((a, b) => b.atMs - a.atMs || (a.id < b.id ? 1 : -1)), damaged }
}

/** Keeps a snapshot whose tree is in the history. Durable when it returns. */
export function keepSnapshot(place: HistoryPlace, snapshot: Snapshot): void {
  NewFiles.use(place, files => {
    files.add(joinPath(SNAPSHOTS, snapshot.id), encodeSnapshot(snapshot))
    files.settle()
  })
}

/** Removes snapshots, and what pins them. Returns how many there were. */
export function dropSnapshots(place: HistoryPlace, ids: readonly string[]): number {
  const count = ids.filter(id => removeFile(place, joinPath(SNAPSHOTS, id))).length
  place.files.sync()
  for (const id of ids) for (const whom of ['user', 'maker'] as const) pin(place, id, false, whom)
  return count
}
