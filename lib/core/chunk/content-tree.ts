import { BackerError } from '../error.js'
import { HASH_BYTES, hashBytes, hashesEqual, hashKey, type Hash, type HashKey } from '../model/hash.js'
import type { Content } from '../model/record.js'
import { EMPTY_CONTENT, makeContentBuilder, type ContentBuilder, type KeepNode } from './content-builder.js'
import {
  checkChunkLength,
  CHUNKS_MAX,
  decodeContentNode,
  sumsOfContentNode,
  type ContentEntry
} from './content-node.js'
import { CHUNK_BYTES_MIN } from './fastcdc.js'

export type { Content }

/** One chunk of a file, in the file's order. */
export interface Chunk {
  readonly hash: Hash
  /** Bytes, 1 to CHUNK_BYTES_MAX. */
  readonly length: number
}

/** In a chunk list each chunk is its hash, then its length in four bytes, little-endian. */
const CHUNK_ENTRY_BYTES = HASH_BYTES + 4
/** How many content nodes a walk asks for at a time. */
export const CONTENT_BATCH_MAX = 256
/** So many chunks a file may have of any length; of more, most are at least CHUNK_BYTES_MIN long. */
const SMALL_CHUNKS_MAX = 65536

/**
 * The chunks of a file, read out of the bytes of a chunk list: no object for each. Takes the bytes as they are: those from
 * elsewhere go through `decodeChunkList`.
 */
export class ChunkList {
  readonly bytes: Uint8Array
  readonly #view: DataView
  #offsets: Float64Array | undefined

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** How many chunks there are. */
  get count(): number {
    return Math.floor(this.bytes.byteLength / CHUNK_ENTRY_BYTES)
  }

  /** The size of the file, in bytes. */
  get size(): number {
    return this.offsetOf(this.count)
  }

  /** The hash of chunk `i`: a view into the list. */
  hash(i: number): Hash {
    return this.bytes.subarray(i * CHUNK_ENTRY_BYTES, i * CHUNK_ENTRY_BYTES + HASH_BYTES) as Hash
  }

  /** The bytes of chunk `i`. */
  length(i: number): number {
    return this.#view.getUint32(i * CHUNK_ENTRY_BYTES + HASH_BYTES, true)
  }

  /** The bytes of a list of the chunks from `from` to before `to`: a view. */
  slice(from: number, to: number): Uint8Array {
    return this.bytes.subarray(from * CHUNK_ENTRY_BYTES, to * CHUNK_ENTRY_BYTES)
  }

  /** Where chunk `i` begins in the file; for `count`, where the file ends. The first call walks the list. */
  offsetOf(i: number): number {
    this.#offsets ??= this.#sumLengths()
    return this.#offsets[i] ?? 0
  }

  #sumLengths(): Float64Array {
    const offsets = new Float64Array(this.count + 1)
    let offset = 0
    for (let i = 0; i < this.count; i++) {
      offset += this.length(i)
      offsets[i + 1] = offset
    }
    return offsets
  }
}

/** The bytes of a chunk list. Throws LIMIT where there are too many chunks or one has a length that no chunk can have. */
export function encodeChunkList(chunks: Iterable<Chunk>): Uint8Array {
  const all = [...chunks]
  checkCount(all.length)
  const bytes = new Uint8Array(all.length * CHUNK_ENTRY_BYTES)
  const view = new DataView(bytes.buffer)
  all.forEach(({ hash, length }, i) => {
    checkChunkLength(length)
    bytes.set(hash, i * CHUNK_ENTRY_BYTES)
    view.setUint32(i * CHUNK_ENTRY_BYTES + HASH_BYTES, length, true)
  })
  return bytes
}

/** The chunks in the bytes of a chunk list, of which a view is kept. Throws MALFORMED or LIMIT. */
export function decodeChunkList(bytes: Uint8Array): ChunkList {
  if (bytes.byteLength % CHUNK_ENTRY_BYTES !== 0) throw new BackerError('MALFORMED', 'a chunk list is cut short')
  const list = new ChunkList(bytes)
  checkCount(list.count)
  for (let i = 0; i < list.count; i++) checkChunkLength(list.length(i))
  return list
}

function checkCount(chunks: number): void {
  if (chunks > CHUNKS_MAX) throw new BackerError('LIMIT', `a file has over ${CHUNKS_MAX} chunks`)
}

/** A file's content, and the nodes of its tree by their hash: none where it has no more than one chunk. */
export function contentOf(chunks: Iterable<Chunk>): { content: Content; nodes: Map<HashKey, Uint8Array> } {
  const nodes = new Map<HashKey, Uint8Array>()
  const builder = makeContentBuilder((hash, node) => nodes.set(hashKey(hash), node))
  for (const { hash, length } of chunks) builder.push(hash, length)
  return { content: builder.finish(), nodes }
}

/** The content of the file that has the chunks of this list. Takes about 0.2 µs for each. Throws MALFORMED or LIMIT. */
export function contentFromChunkList(bytes: Uint8Array): Content {
  return buildFrom(bytes, () => undefined)
}

/** All nodes of the content tree of the file that has the chunks of this list, by their hash. Throws MALFORMED or LIMIT. */
export function nodesOfContent(bytes: Uint8Array): Map<HashKey, Uint8Array> {
  const nodes = new Map<HashKey, Uint8Array>()
  buildFrom(bytes, (hash, node) => nodes.set(hashKey(hash), node))
  return nodes
}

function buildFrom(bytes: Uint8Array, keep: KeepNode): Content {
  const list = decodeChunkList(bytes)
  const builder = makeContentBuilder(keep)
  for (let i = 0; i < list.count; i++) builder.push(list.hash(i), list.length(i))
  return builder.finish()
}

/**
 * Finds the chunks of a content: returns the bytes of its chunk list.
 *
 * `known` gives a node by its hash, or undefined. Yields the hashes of nodes that are not known, a height at a time and at most
 * CONTENT_BATCH_MAX together: resume once `known` has them; they are not asked for again after the next step. So nodes that an
 * older version of the file has are never fetched. May yield no hashes at all: then nothing is missing, and a caller on an event
 * loop may let others run.
 *
 * Every node is verified by its hash here, and the whole against the one tree that these chunks have. Throws UNAVAILABLE
 * where a node is still not known; MALFORMED, LIMIT or TREE_CORRUPT where content and `size` are not those of any file.
 */
export function* walkContent(
  known: (hash: Hash) => Uint8Array | undefined,
  content: Content,
  size: number
): Generator<readonly Hash[], Uint8Array, undefined> {
  if (content.height === 0) return chunkListOfOne(content, size)
  let row: Part[] = [{ hash: content.root, bytes: size, chunks: undefined }]
  for (let height = content.height - 1; height > 0; height--) {
    const below: Part[] = []
    for (const batch of batchesOf(row)) {
      yield missingFrom(known, batch)
      for (const part of batch) for (const entry of readNode(known, part, height)) below.push(entry)
    }
    checkChunks(below, size)
    row = below
  }
  const lists: Uint8Array[] = []
  const builder = makeContentBuilder(() => undefined)
  for (const batch of batchesOf(row)) {
    yield missingFrom(known, batch)
    for (const part of batch) lists.push(pushChunks(builder, readNode(known, part, 0)))
  }
  const built = builder.finish()
  if (built.height !== content.height || !hashesEqual(built.root, content.root))
    throw new BackerError('TREE_CORRUPT', 'a content tree is not the one that backer builds of its chunks')
  return Buffer.concat(lists)
}

/** A subtree to be read, and what is said of it: nothing yet of the chunks below a root. */
interface Part {
  readonly hash: Hash
  readonly bytes: number
  readonly chunks: number | undefined
}

function chunkListOfOne({ root }: Content, size: number): Uint8Array {
  if (size > 0) return encodeChunkList([{ hash: root, length: size }])
  if (!hashesEqual(root, EMPTY_CONTENT.root)) throw new BackerError('MALFORMED', 'an empty file has a content')
  return new Uint8Array()
}

function* batchesOf(parts: readonly Part[]): Generator<readonly Part[], void, undefined> {
  for (let i = 0; i < parts.length; i += CONTENT_BATCH_MAX) yield parts.slice(i, i + CONTENT_BATCH_MAX)
}

function missingFrom(known: (hash: Hash) => Uint8Array | undefined, parts: readonly Part[]): Hash[] {
  const missing = new Map<HashKey, Hash>()
  for (const { hash } of parts) if (known(hash) === undefined) missing.set(hashKey(hash), hash)
  return [...missing.values()]
}

function readNode(known: (hash: Hash) => Uint8Array | undefined, part: Part, height: number): readonly ContentEntry[] {
  const bytes = known(part.hash)
  if (bytes === undefined)
    throw new BackerError('UNAVAILABLE', `the content node ${hashKey(part.hash)} is not to be had`)
  if (!hashesEqual(hashBytes(bytes), part.hash)) throw new BackerError('MALFORMED', 'a content node has another hash')
  const node = decodeContentNode(bytes)
  const sums = sumsOfContentNode(node)
  if (node.height !== height) throw new BackerError('TREE_CORRUPT', 'a content node is not as high as its place')
  if (sums.bytes !== part.bytes || (part.chunks !== undefined && sums.chunks !== part.chunks))
    throw new BackerError('TREE_CORRUPT', 'a content node does not hold what is said of it')
  return node.entries
}

/** A few equal nodes can stand for very many chunks: so their number is bounded by the size that the file claims. */
function checkChunks(parts: readonly Part[], size: number): void {
  const chunks = parts.reduce((sum, part) => sum + (part.chunks ?? 0), 0)
  if (chunks > Math.min(CHUNKS_MAX, SMALL_CHUNKS_MAX + size / CHUNK_BYTES_MIN))
    throw new BackerError('LIMIT', 'a file has more chunks than its size allows')
}

function pushChunks(builder: ContentBuilder, entries: readonly ContentEntry[]): Uint8Array {
  const chunks = entries.map(({ hash, bytes }) => ({ hash, length: bytes }))
  for (const { hash, length } of chunks) builder.push(hash, length)
  return encodeChunkList(chunks)
}
