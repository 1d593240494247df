import { ChunkList } from '../core/chunk/content-tree.js'
import { asHash, HASH_BYTES, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import { joinPath, type RelativePath } from '../core/model/path.js'
import { decodeWinner, type Content } from '../core/model/record.js'
import { childOf } from '../core/tree/child.js'
import { parseNode } from '../core/tree/node.js'
import { HELD } from './hold.js'
import { namesIn, openIfThere, type HistoryPlace } from './history-files.js'
import { NODES, readNode } from './history-tree.js'
import type { KeptRevision, KeptSnapshot, SweepOptions, Swept } from './kept.js'
import { listRevisions, readChunkList } from './history-list.js'
import { CHUNKS, CONTENTS } from './pack-revisions.js'
import { listSnapshots } from './snapshot-files.js'
import { FOR_EVER, Stock } from './stock.js'

/** Everything that the history consists of, and who needs it. */
interface Stocks {
  readonly place: HistoryPlace
  readonly chunks: Stock
  readonly contents: Stock
  readonly nodes: Stock
  readonly damaged: string[]
  /** Contents of several chunks that were looked at, and until when they were found to be needed. */
  readonly seen: Map<HashKey, number>
}

/**
 * Removes chunks, chunk lists and tree nodes that no revision, no snapshot and nothing that is held needs; and tells how far back room would have to
 * be made. What is removed goes in an order that leaves nothing that looks whole and is not: lists before the chunks that they name.
 */
export function sweepHistory(place: HistoryPlace, { held, share, untouchableMs }: SweepOptions): Swept {
  const [chunks, contents, nodes] = [CHUNKS, CONTENTS, NODES].map(kind => new Stock(place, kind)) as [
    Stock,
    Stock,
    Stock
  ]
  const stocks: Stocks = { place, chunks, contents, nodes, damaged: [], seen: new Map() }
  const untilOf = (one: KeptRevision | KeptSnapshot): number => {
    const isPinned = one.isPinned || ('isPinnedByMaker' in one && one.isPinnedByMaker)
    return isPinned || one.atMs > untouchableMs ? FOR_EVER : one.atMs
  }
  needRevisions(stocks, untilOf)
  needSnapshots(stocks, untilOf)
  for (const root of rootsIn(held)) holdContent(stocks, root)
  const isSure = stocks.damaged.length === 0
  const all = [contents, nodes, chunks]
  const none = totalOf(all, 'none')
  if (isSure) {
    for (const stock of all) stock.clear()
    clearHeld(place, held)
  }
  const kept = totalOf(all, 'kept')
  const bytes = isSure ? kept.bytes : kept.bytes + none.bytes
  const bytesMax = Math.floor(share * (place.fs.space(place.base).freeBytes + bytes))
  return {
    removed: isSure ? none.count : 0,
    removedBytes: isSure ? none.bytes : 0,
    chunks: isSure ? kept.count : kept.count + none.count,
    bytes,
    heldBytes: totalOf(all, 'held').bytes,
    bytesMax,
    cutoffMs: isSure ? cutoffOf(all, bytes - bytesMax) : undefined,
    damaged: stocks.damaged
  }
}

function totalOf(stocks: readonly Stock[], need: 'kept' | 'held' | 'none'): { count: number; bytes: number } {
  const sums = stocks.map(stock => stock.sum(need))
  return {
    count: sums.reduce((all, { count }) => all + count, 0),
    bytes: sums.reduce((all, { bytes }) => all + bytes, 0)
  }
}

/** The time up to which everything has to go so that `excess` bytes become free; undefined where there is nothing to gain. */
function cutoffOf(stocks: readonly Stock[], excess: number): number | undefined {
  if (excess <= 0) return undefined
  const passing = stocks.flatMap(stock => [...stock.passing()]).sort(([a], [b]) => a - b)
  let freed = 0
  for (const [untilMs, bytes] of passing) {
    freed += bytes
    if (freed >= excess) return untilMs
  }
  return passing.at(-1)?.[0]
}

function needRevisions(stocks: Stocks, untilOf: (one: KeptRevision) => number): void {
  const waiting: (RelativePath | undefined)[] = [undefined]
  while (waiting.length > 0) {
    const { revisions, directories, damaged } = listRevisions(stocks.place, waiting.pop())
    stocks.damaged.push(...damaged)
    waiting.push(...directories)
    for (const one of revisions) {
      if (one.manifest?.kind !== 'file') continue
      if (!needContent(stocks, one.manifest.content, untilOf(one), true)) stocks.damaged.push(one.storedAt)
    }
  }
}

/** Those that stay longest first, so that what they have in common with others is read once. */
function needSnapshots(stocks: Stocks, untilOf: (one: KeptSnapshot) => number): void {
  const { snapshots, damaged } = listSnapshots(stocks.place)
  stocks.damaged.push(...damaged)
  const visited = new Set<HashKey>()
  for (const one of [...snapshots].sort((a, b) => untilOf(b) - untilOf(a)))
    if (!needTree(stocks, one.root, untilOf(one), visited)) stocks.damaged.push(one.id)
}

/** False where a node of the tree, or the list of a content in it, is missing or damaged. */
function needTree(stocks: Stocks, root: Hash, untilMs: number, visited: Set<HashKey>): boolean {
  let isWhole = true
  const waiting = [root]
  for (let hash = waiting.pop(); hash !== undefined; hash = waiting.pop()) {
    if (visited.has(hashKey(hash))) continue
    visited.add(hashKey(hash))
    stocks.nodes.need(hash, untilMs)
    const bytes = readNode(stocks.place, hash)
    if (bytes === undefined) {
      isWhole = false
      continue
    }
    const { height, entries } = parseNode(bytes)
    for (const entry of entries) {
      if (height > 0) waiting.push(childOf(entry).hash)
      else {
        const payload = decodeWinner(entry.value)
        if (payload.kind === 'file' && !needContent(stocks, payload.content, untilMs, false)) isWhole = false
      }
    }
  }
  return isWhole
}

/**
 * Notes that a content is needed. False where its list of chunks is damaged, or, where the content `mustBeHere`, missing: what else stands in a
 * snapshot may lie in the folder or on other devices.
 */
function needContent(
  { place, chunks, contents, seen }: Stocks,
  { root, height }: Content,
  untilMs: number,
  mustBeHere: boolean
): boolean {
  if (height === 0) {
    chunks.need(root, untilMs)
    return true
  }
  if (!contents.has(root)) return !mustBeHere
  const before = seen.get(hashKey(root))
  if (before !== undefined && before >= untilMs) return true
  contents.need(root, untilMs)
  const list = readChunkList(place, root)
  if (list === undefined) return false
  seen.set(hashKey(root), untilMs)
  eachChunk(list, hash => chunks.need(hash, untilMs))
  return true
}

function holdContent({ place, chunks, contents }: Stocks, root: Hash): void {
  chunks.hold(root)
  if (!contents.has(root)) return
  contents.hold(root)
  const list = readChunkList(place, root)
  if (list !== undefined) eachChunk(list, hash => chunks.hold(hash))
}

function eachChunk(list: Uint8Array, look: (hash: Hash) => void): void {
  const chunks = new ChunkList(list)
  for (let i = 0; i < chunks.count; i++) look(chunks.hash(i))
}

function* rootsIn(held: Uint8Array | undefined): Generator<Hash> {
  for (let at = 0; held !== undefined && at < held.byteLength; at += HASH_BYTES)
    yield asHash(held.subarray(at, at + HASH_BYTES))
}

/** Removes copies of files whose content no longer stands in the folder. */
function clearHeld(place: HistoryPlace, held: Uint8Array | undefined): void {
  const { fs, files } = place
  const groups = namesIn(fs, files, HELD)
  if (groups.length === 0) return
  const live = new Set([...rootsIn(held)].map(hashKey))
  for (const group of groups.map(name => joinPath(HELD, name))) {
    const names = namesIn(fs, files, group)
    const directory = openIfThere(files, group)
    if (directory === undefined) continue
    for (const name of names.filter(one => !live.has(one as HashKey))) {
      fs.unlink(directory, name)
      files.markChanged(group)
    }
  }
  files.sync()
}
