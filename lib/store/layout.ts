import { bytesOf, encodeShort, decodeWith, need, type Codec, type CodecState } from '../core/codec.js'
import { BackerError } from '../core/error.js'
import { asHash, HASH_BYTES, hashCodec, type Hash } from '../core/model/hash.js'
import { decodeWinner, decodeWinnerKind, recordCodec } from '../core/model/record.js'
import type { RelativePath } from '../core/model/path.js'
import { hashOfPath } from '../core/model/path-hash.js'
import { skipStamp, stampCodec } from '../core/model/stamp-codec.js'
import type { Span } from '../core/span.js'
import type { Entry } from './store.js'

/** The format of the index: another one is set aside and built anew. */
export const FORMAT = 4

/** LMDB's bound on a key, less room for what stands before a path. Longer paths are keyed by their hash. Source: lmdb's README, `maxKeySize`. */
export const PATH_KEY_BYTES_MAX = 1900

function putByte(state: CodecState, value: number): void {
  bytesOf(state)[state.start++] = value
}

function takeByte(state: CodecState): number {
  need(state, 1)
  return bytesOf(state)[state.start++] ?? 0
}

/** What an entry begins with: whether it has a stamp, and why its content is not here. */
const SHAPES = ['absent', 'present', 'dropped', 'damaged', 'unreadable', 'dropping'] as const

function shapeOf({ stamp, lack }: Entry): (typeof SHAPES)[number] {
  if (lack?.kind === 'dropped') return stamp === undefined ? 'dropped' : 'dropping'
  if (stamp === undefined) return 'absent'
  if (lack === undefined) return 'present'
  return lack.found === undefined ? 'unreadable' : 'damaged'
}

const entryCodec: Codec<Entry> = {
  preencode(state, entry) {
    state.end += 1
    const shape = shapeOf(entry)
    if (entry.stamp !== undefined) stampCodec.preencode(state, entry.stamp)
    if (shape === 'damaged') state.end += HASH_BYTES
    recordCodec.preencode(state, entry.record)
  },
  encode(state, entry) {
    const { record, stamp, lack } = entry
    const shape = shapeOf(entry)
    putByte(state, SHAPES.indexOf(shape))
    if (stamp !== undefined) stampCodec.encode(state, stamp)
    if (lack?.kind === 'damaged' && lack.found !== undefined) hashCodec.encode(state, lack.found)
    recordCodec.encode(state, record)
  },
  decode(state) {
    const shape = SHAPES[takeByte(state)]
    if (shape === undefined) throw new BackerError('STORE_CORRUPT', 'an entry of an unknown shape')
    if (shape === 'dropped') return { stamp: undefined, lack: { kind: shape }, record: recordCodec.decode(state) }
    const stamp = shape === 'absent' ? undefined : stampCodec.decode(state)
    if (shape === 'dropping') return { stamp, lack: { kind: 'dropped' }, record: recordCodec.decode(state) }
    if (shape === 'absent' || shape === 'present') return { stamp, record: recordCodec.decode(state) }
    const found = shape === 'damaged' ? hashCodec.decode(state) : undefined
    return { stamp, lack: { kind: 'damaged', found }, record: recordCodec.decode(state) }
  }
}

/** For bytes that are soon copied: see `encodeShort`. */
export function encodeEntry(entry: Entry): Uint8Array {
  return encodeShort(entryCodec, entry)
}

/** Throws STORE_CORRUPT or MALFORMED. */
export function decodeEntry(bytes: Uint8Array): Entry {
  return decodeWith(entryCodec, bytes, 'an entry of the index')
}

/**
 * Has `stamp` be where in an entry its stamp stands, if what stands at its path need only look like that for all to be well; nowhere (no bytes) where it has
 * to be held against the whole entry. False where nothing stands there, and nothing should. Throws MALFORMED.
 */
export function findStampToExpect({ bytes, start, end }: Readonly<Span>, stamp: Span): boolean {
  stamp.bytes = bytes
  stamp.start = start + 1
  stamp.end = start + 1
  const shape = SHAPES[start < end ? (bytes[start] ?? SHAPES.length) : SHAPES.length]
  if (shape !== 'absent' && shape !== 'present') return true
  const state: CodecState = { buffer: bytes, start: start + 1, end }
  if (shape === 'absent') return decodeWinnerKind(state) !== 'deleted'
  const kind = skipStamp(state)
  const stampEnd = state.start
  if (decodeWinnerKind(state) === kind) stamp.end = stampEnd
  return true
}

/** The root of the content that stands at the path of an entry, by the entry's bytes; undefined where none does, or where it was dropped. Throws MALFORMED. */
export function contentHere(bytes: Uint8Array): Hash | undefined {
  const shape = SHAPES[bytes[0] ?? SHAPES.length]
  if (shape === 'dropped' || shape === 'dropping') return undefined
  const state: CodecState = { buffer: bytes, start: 1, end: bytes.byteLength }
  if (shape !== 'absent') skipStamp(state)
  if (shape === 'damaged') state.start += HASH_BYTES
  const payload = decodeWinner(bytes.subarray(state.start))
  return payload.kind === 'file' ? payload.content.root : undefined
}

/** A path as a key: `/` becomes the lowest byte, so that keys have the order of `comparePaths`. undefined: too long for a key. */
export function pathKey(path: RelativePath): Uint8Array | undefined {
  const bytes = Buffer.from(path)
  if (bytes.byteLength > PATH_KEY_BYTES_MAX) return undefined
  for (let i = bytes.indexOf(0x2f); i >= 0; i = bytes.indexOf(0x2f, i + 1)) bytes[i] = 0
  return bytes
}

export function pathOfKey(key: Uint8Array): RelativePath {
  return Buffer.from(key).toString().replaceAll('\0', '/') as RelativePath
}

/** What is stored for a path that is too long for a key: the path, then the entry. */
export function encodeLongEntry(path: RelativePath, entry: Entry): Uint8Array {
  const name = Buffer.from(path)
  const head = Buffer.alloc(4)
  head.writeUInt32LE(name.byteLength)
  return Buffer.concat([head, name, encodeEntry(entry)])
}

export function decodeLongEntry(bytes: Uint8Array): readonly [RelativePath, Entry] {
  const buffer = Buffer.from(bytes)
  const length = buffer.readUInt32LE()
  return [buffer.subarray(4, 4 + length).toString() as RelativePath, decodeEntry(buffer.subarray(4 + length))]
}

/** The row that says that a path has a content: all rows of one content stand together. */
export function contentPathKey(root: Hash, path: RelativePath): Uint8Array {
  return Buffer.concat([root, hashOfPath(path).subarray(0, 16)])
}

/** The row that says that a content has a chunk: all rows of one chunk stand together. */
export function chunkPlaceKey(chunk: Uint8Array, root: Hash): Uint8Array {
  return Buffer.concat([chunk, root])
}

export function encodePlace(offset: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(12)
  bytes.writeDoubleLE(offset)
  bytes.writeUInt32LE(length, 8)
  return bytes
}

export function decodePlace(bytes: Uint8Array): { readonly offset: number; readonly length: number } {
  const buffer = Buffer.from(bytes)
  return { offset: buffer.readDoubleLE(), length: buffer.readUInt32LE(8) }
}

/** What is kept of a commit: its number, and the root that it led to. */
export function encodeRootAt(sequence: number, root: Hash): Uint8Array {
  const number = Buffer.alloc(8)
  number.writeDoubleLE(sequence)
  return Buffer.concat([number, root])
}

export function decodeRootAt(bytes: Uint8Array): { readonly sequence: number; readonly root: Hash } {
  const buffer = Buffer.from(bytes)
  return { sequence: buffer.readDoubleLE(), root: asHash(Uint8Array.from(buffer.subarray(8))) }
}

/** The first key after all that begin with `prefix`. */
export function afterPrefix(prefix: Uint8Array): Uint8Array {
  const end = Buffer.from(prefix)
  for (let i = end.byteLength - 1; i >= 0; i--) {
    if (end[i] === 0xff) continue
    end[i] = (end[i] ?? 0) + 1
    return end.subarray(0, i + 1)
  }
  return Buffer.concat([prefix, Buffer.alloc(64, 0xff)])
}
