import { BackerError } from '../core/error.js'
import { hashBytes, hashesEqual, hashKey, type Hash } from '../core/model/hash.js'
import { parentOf, type RelativePath } from '../core/model/path.js'
import { payloadOf, samePayload, type Record } from '../core/model/record.js'
import { diffTrees } from '../core/tree/diff.js'
import { EMPTY_NODE, EMPTY_ROOT, type NodeSource } from '../core/tree/node.js'
import { getRecord, iterate } from '../core/tree/read.js'
import { decodeChunkFile, encodeChunkFile } from './chunk-file.js'
import { hasFile, NewFiles, readFile, spread, type HistoryPlace } from './history-files.js'
import type { TreeDifference, TreeItem, TreePage, TreeRange } from './kept.js'

/** Where the history keeps the nodes of the trees of snapshots, each once. */
export const NODES = 'nodes'

/** The file that keeps a tree node. */
export function nodePath(hash: Hash): RelativePath {
  return spread(NODES, hashKey(hash))
}

/** A tree node, verified; undefined where the history does not have it, or it is damaged. */
export function readNode(place: HistoryPlace, hash: Hash): Uint8Array | undefined {
  if (hashesEqual(hash, EMPTY_ROOT)) return EMPTY_NODE
  const file = readFile(place, nodePath(hash))
  return file === undefined ? undefined : decodeChunkFile(file, hash)
}

export function lackingNodes(place: HistoryPlace, hashes: readonly Hash[]): Hash[] {
  return hashes.filter(hash => !hashesEqual(hash, EMPTY_ROOT) && !hasFile(place, nodePath(hash)))
}

/** Adds tree nodes. Durable when it returns. */
export function addNodes(place: HistoryPlace, nodes: readonly Uint8Array[]): void {
  NewFiles.use(place, files => {
    for (const bytes of nodes) files.add(nodePath(hashBytes(bytes)), encodeChunkFile(bytes))
    files.settle()
  })
}

function sourceIn(place: HistoryPlace): NodeSource {
  return hash => readNode(place, hash)
}

/** What stood at `path`; undefined where nothing did. Throws TREE_CORRUPT. */
export function itemAt(place: HistoryPlace, root: Hash, path: RelativePath): TreeItem | undefined {
  const record = getRecord(sourceIn(place), root, path)
  return record === undefined ? undefined : itemOf(path, record)
}

/** The items of a directory. Throws TREE_CORRUPT. */
export function childrenIn(place: HistoryPlace, { root, directory, after, limit }: TreeRange): TreePage {
  const source = sourceIn(place)
  const items: TreeItem[] = []
  let from = after === undefined ? undefined : behindSubtree(after)
  for (;;) {
    let deeper: RelativePath | undefined
    for (const [path, record] of iterate(source, root, { below: directory, from })) {
      if (parentOf(path) !== directory) {
        deeper = childAbove(path, directory)
        break
      }
      const item = itemOf(path, record)
      if (item === undefined) continue
      if (items.length === limit) return { items, next: items.at(-1)?.path }
      items.push(item)
    }
    if (deeper === undefined) return { items, next: undefined }
    from = behindSubtree(deeper)
  }
}

/** The items below a directory at any depth. Throws TREE_CORRUPT. */
export function itemsBelow(place: HistoryPlace, { root, directory, after, limit }: TreeRange): TreePage {
  const items: TreeItem[] = []
  const from = after === undefined ? undefined : (`${after}/` as RelativePath)
  for (const [path, record] of iterate(sourceIn(place), root, { below: directory, from })) {
    const item = itemOf(path, record)
    if (item === undefined) continue
    if (items.length === limit) return { items, next: items.at(-1)?.path }
    items.push(item)
  }
  return { items, next: undefined }
}

/** Where two trees show something else, `limit` at most. Throws TREE_CORRUPT. */
export function differencesOf(place: HistoryPlace, a: Hash, b: Hash, limit: number): TreeDifference[] {
  const found: TreeDifference[] = []
  for (const step of diffTrees(sourceIn(place), a, b, { trusted: 'both' })) {
    if (step.kind === 'wanted') throw new BackerError('TREE_CORRUPT', 'a node of a kept tree is missing or damaged')
    if (step.kind !== 'differs') continue
    const before = step.a === undefined ? undefined : itemOf(step.path, step.a)?.payload
    const after = step.b === undefined ? undefined : itemOf(step.path, step.b)?.payload
    if (before === after || (before !== undefined && after !== undefined && samePayload(before, after))) continue
    found.push({ path: step.path, before, after })
    if (found.length === limit) break
  }
  return found
}

function itemOf(path: RelativePath, record: Record): TreeItem | undefined {
  const payload = payloadOf(record)
  return payload.kind === 'deleted' ? undefined : { path, payload }
}

/** What comes behind all that lies below `path` in the tree's order: no name has a NUL, and `/` comes before all else. */
function behindSubtree(path: RelativePath): RelativePath {
  return `${path}\u0001` as RelativePath
}

/** The child of `directory` that `path` lies below. */
function childAbove(path: RelativePath, directory: RelativePath | undefined): RelativePath {
  let child = path
  for (let above = parentOf(child); above !== undefined && above !== directory; above = parentOf(child)) child = above
  return child
}
