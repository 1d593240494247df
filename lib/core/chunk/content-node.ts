import { bytesOf, decodeWith, need, uint, type CodecState } from '../codec.js'
import { BackerError } from '../error.js'
import { HASH_BYTES, hashCodec, type Hash } from '../model/hash.js'
import { CONTENT_HEIGHT_MAX } from '../model/record.js'
import { CHUNK_BYTES_MAX } from './fastcdc.js'

/** The first byte of every content node: what it is, and the version of its format. Nodes of the tree of records begin with 1. */
export const CONTENT_NODE_VERSION = 0x81
/** A content node is cut behind this many entries. The usual is 64. */
export const CONTENT_NODE_ENTRIES_MAX = 512
/** No content node has more bytes. */
export const CONTENT_NODE_BYTES_MAX = 32 * 1024
/** No file has more chunks: 8 TiB of the usual ones. */
export const CHUNKS_MAX = 2 ** 26

/** A chunk (in a node of height 0) or a child, and how much of the file is below it. */
export interface ContentEntry {
  readonly hash: Hash
  readonly bytes: number
  /** 1 for a chunk. */
  readonly chunks: number
}

/** A node of a file's content tree: its parts in the file's order, never none. */
export interface ContentNode {
  readonly height: number
  readonly entries: readonly ContentEntry[]
}

/**
 * The bytes of a content node: version, height, how many entries, then for each entry the hash, the bytes and, where the
 * height is above 0, the chunks.
 */
export function encodeContentNode({ height, entries }: ContentNode): Uint8Array {
  const state: CodecState = { buffer: null, start: 0, end: 2 }
  uint.preencode(state, entries.length)
  for (const entry of entries) {
    state.end += HASH_BYTES
    uint.preencode(state, entry.bytes)
    if (height > 0) uint.preencode(state, entry.chunks)
  }
  const bytes = new Uint8Array(state.end)
  bytes[0] = CONTENT_NODE_VERSION
  bytes[1] = height
  state.buffer = bytes
  state.start = 2
  uint.encode(state, entries.length)
  for (const entry of entries) {
    hashCodec.encode(state, entry.hash)
    uint.encode(state, entry.bytes)
    if (height > 0) uint.encode(state, entry.chunks)
  }
  return bytes
}

/** The content node in `bytes`. Throws MALFORMED, or LIMIT where something is over its bound, before allocating for it. */
export function decodeContentNode(bytes: Uint8Array): ContentNode {
  if (bytes.byteLength > CONTENT_NODE_BYTES_MAX)
    throw new BackerError('LIMIT', `a content node is over ${CONTENT_NODE_BYTES_MAX} bytes`)
  return decodeWith({ decode: decodeNode }, bytes, 'a content node')
}

function decodeNode(state: CodecState): ContentNode {
  need(state, 2)
  const bytes = bytesOf(state)
  if (bytes[0] !== CONTENT_NODE_VERSION)
    throw new BackerError('MALFORMED', 'not a content node of a version that is known')
  const height = bytes[1] ?? 0
  if (height >= CONTENT_HEIGHT_MAX) throw new BackerError('LIMIT', 'a content tree is too high')
  state.start = 2
  const count = uint.decode(state)
  if (count > CONTENT_NODE_ENTRIES_MAX)
    throw new BackerError('LIMIT', `a content node has over ${CONTENT_NODE_ENTRIES_MAX} entries`)
  if (count === 0) throw new BackerError('MALFORMED', 'a content node is empty')
  const entries: ContentEntry[] = []
  for (let i = 0; i < count; i++) entries.push(height === 0 ? decodeChunk(state) : decodeChild(state))
  return { height, entries }
}

function decodeChunk(state: CodecState): ContentEntry {
  const hash = hashCodec.decode(state)
  const bytes = uint.decode(state)
  checkChunkLength(bytes)
  return { hash, bytes, chunks: 1 }
}

/** Throws LIMIT unless a chunk can have so many bytes. */
export function checkChunkLength(length: number): void {
  if (length < 1 || length > CHUNK_BYTES_MAX) throw new BackerError('LIMIT', `a chunk has ${length} bytes`)
}

function decodeChild(state: CodecState): ContentEntry {
  const hash = hashCodec.decode(state)
  const bytes = uint.decode(state)
  const chunks = uint.decode(state)
  if (chunks > CHUNKS_MAX) throw new BackerError('LIMIT', `a file has over ${CHUNKS_MAX} chunks`)
  if (chunks < 1 || bytes < chunks) throw new BackerError('MALFORMED', 'a part of a file has no bytes')
  return { hash, bytes, chunks }
}

/** How much of the file is below a node, by what its entries say. */
export function sumsOfContentNode({ entries }: ContentNode): { readonly bytes: number; readonly chunks: number } {
  let bytes = 0
  let chunks = 0
  for (const entry of entries) {
    bytes += entry.bytes
    chunks += entry.chunks
  }
  return { bytes, chunks }
}
