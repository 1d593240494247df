import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ChunkList, contentFromChunkList, encodeChunkList } from '../../lib/core/chunk/content-tree.js'
import { decodeContentNode, encodeContentNode } from '../../lib/core/chunk/content-node.js'
import { decodeWith, encodeWith, type Codec } from '../../lib/core/codec.js'
import { certificateCodec } from '../../lib/core/model/certificate.js'
import { hashBytes } from '../../lib/core/model/hash.js'
import { signedHeadCodec } from '../../lib/core/model/head.js'
import { formatKey, parseKey } from '../../lib/core/model/key-text.js'
import { pathCodec } from '../../lib/core/model/path.js'
import { decodeWinner, recordCodec } from '../../lib/core/model/record.js'
import { vectorCodec } from '../../lib/core/model/version.js'
import { EMPTY_ROOT, encodeNode } from '../../lib/core/tree/node.js'
import { decodeNode } from '../../lib/core/tree/check.js'
import { decodeChunkFile, encodeChunkFile } from '../../lib/disk/chunk-file.js'
import { parseIgnore } from '../../lib/disk/ignore.js'
import { decodeManifest, encodeManifest } from '../../lib/disk/manifest.js'
import { parseTmpName } from '../../lib/disk/names.js'
import { parseRevisionName } from '../../lib/disk/revisions.js'
import { holdingsCodec } from '../../lib/folder/holdings.js'
import { decodeIntent } from '../../lib/folder/intent.js'
import { parseAddress } from '../../lib/net/address.js'
import { decodeEntry, encodeEntry } from '../../lib/store/layout.js'
import type { Entry } from '../../lib/store/store.js'
import * as messages from '../../protocol/messages.js'
import { STAMP } from '../make/entry.js'

/** Something that reads bytes of somebody else's. */
export interface Decoder {
  readonly name: string
  readonly examples: readonly Uint8Array[]
  /** Takes any bytes. Throws a BackerError where they are not what they should be; returns, where it can, what says the same in bytes. */
  readonly decode: (bytes: Uint8Array) => Uint8Array | undefined
}

const vectors = JSON.parse(readFileSync(resolve('protocol/vectors.json'), 'utf8')) as Readonly<
  Record<string, Readonly<Record<string, string | readonly string[]>>>
>

function vectorText(section: string, name: string): string {
  const text = vectors[section]?.[name]
  if (typeof text !== 'string') throw new Error(`no vector ${section}.${name}`)
  return text
}

function vector(section: string, name: string): Uint8Array {
  return Buffer.from(vectorText(section, name), 'hex')
}

/** Decodes what is canonical: what it gives is the bytes that it was given. */
function canonical<T>(name: string, codec: Codec<T>, examples: readonly Uint8Array[]): Decoder {
  return { name, examples, decode: bytes => encodeWith(codec, decodeWith(codec, bytes, name)) }
}

function message<T>(codec: Codec<T>, ...names: readonly string[]): Decoder {
  return canonical(
    names[0] ?? '',
    codec,
    names.map(name => vector('messages', name))
  )
}

const records = ['fileRecord', 'directoryRecord', 'symlinkRecord', 'deletedRecord', 'conflictRecord', 'lostRecord'].map(
  name => vector('records', name)
)
const chunkList = encodeChunkList(
  Array.from({ length: 5 }, (_, i) => ({ hash: hashBytes(Uint8Array.of(i)), length: 40_000 + i }))
)
const fileManifest = encodeManifest({
  kind: 'file',
  size: 5,
  mode: 0o644,
  mtimeNs: -1n,
  content: { root: hashBytes(Buffer.from('hello')), height: 0 }
})
const texts = (...lines: readonly string[]): Uint8Array[] => lines.map(line => Buffer.from(line))

/** The entries that a record may stand in: as it should be, dropped, about to be, and damaged. */
function entriesOf(bytes: Uint8Array): Entry[] {
  const record = decodeWith(recordCodec, bytes, 'a record')
  const dropped = { kind: 'dropped' } as const
  return [
    { record, stamp: STAMP },
    { record, stamp: undefined, lack: dropped },
    { record, stamp: STAMP, lack: dropped },
    { record, stamp: STAMP, lack: { kind: 'damaged', found: hashBytes(bytes) } }
  ]
}

/** Reads a text that says nothing that could be written back. */
function textual(name: string, examples: readonly Uint8Array[], parse: (text: string) => unknown): Decoder {
  return {
    name,
    examples,
    decode: bytes => {
      parse(Buffer.from(bytes).toString())
      return undefined
    }
  }
}

const wire: readonly Decoder[] = [
  message(messages.openingCodec, 'opening'),
  message(messages.helloCodec, 'hello'),
  message(messages.headCodec, 'head'),
  message(messages.relayedHeadsCodec, 'relayedHeads'),
  message(messages.nodesRequestCodec, 'nodesRequest', 'nodesRequestOfContent'),
  message(messages.nodesAnswerCodec, 'nodesAnswer'),
  message(messages.haveCodec, 'have'),
  message(messages.chunkRequestCodec, 'chunkRequest'),
  message(messages.chunkAnswerCodec, 'chunkAnswer'),
  message(messages.cancelCodec, 'cancel'),
  message(messages.closeCodec, 'close'),
  message(messages.pingCodec, 'ping'),
  message(messages.pongCodec, 'pong'),
  message(messages.roadsCodec, 'roads'),
  message(messages.pastRequestCodec, 'pastRequest'),
  message(messages.pastAnswerCodec, 'pastAnswer'),
  message(messages.holdRequestCodec, 'holdRequest'),
  message(messages.holdAnswerCodec, 'holdAnswer'),
  message(messages.obstaclesCodec, 'obstacles'),
  message(messages.newsCodec, 'news')
]

const model: readonly Decoder[] = [
  canonical('certificate', certificateCodec, [vector('identity', 'certificate')]),
  canonical('signedHead', signedHeadCodec, [vector('identity', 'signedHead')]),
  canonical('record', recordCodec, records),
  canonical('vector', vectorCodec, [Uint8Array.of(0), ...records.map(bytes => bytes.subarray(0, 10))]),
  canonical('path', pathCodec, texts('\u0003a/b', '\u0002\u00e9', '\u0005a/b/c')),
  { name: 'treeNode', examples: [vector('records', 'treeNode')], decode: bytes => reencodeNode(bytes) },
  {
    name: 'contentNode',
    examples: Object.values(vectors['chunks']?.['contentNodes'] ?? []).map(hex => Buffer.from(hex, 'hex')),
    decode: bytes => encodeContentNode(decodeContentNode(bytes))
  },
  { name: 'chunkList', examples: [chunkList], decode: readChunkList },
  textual(
    'key',
    texts(vectorText('keys', 'writeKey'), vectorText('keys', 'readKey'), vectorText('keys', 'storeKey')),
    text => formatKey(parseKey(text))
  )
]

const kept: readonly Decoder[] = [
  { name: 'winner', examples: records, decode: readWinner },
  {
    name: 'entry',
    examples: records.flatMap(entriesOf).map(encodeEntry),
    decode: bytes => encodeEntry(decodeEntry(bytes))
  },
  { name: 'manifest', examples: [fileManifest], decode: readManifest },
  { name: 'chunkFile', examples: [encodeChunkFile(Buffer.from('hello '.repeat(50)))], decode: readChunkFile },
  { name: 'intent', examples: [], decode: readIntent },
  canonical('holdings', holdingsCodec, [
    encodeWith(holdingsCodec, [{ device: 'ab'.repeat(32), root: EMPTY_ROOT, lacks: hashBytes(Uint8Array.of(1)) }])
  ]),
  textual(
    'tmpName',
    texts(`swap-${'0'.repeat(64)}-${'1'.repeat(16)}`, `away-${'1'.repeat(16)}-ab`, `open-${'1'.repeat(16)}-755`),
    parseTmpName
  ),
  textual('revisionName', texts('a~20260101-000000~abcdef.txt', 'b~20261231-235959~zzzzzz'), parseRevisionName),
  textual('ignore', texts('*.tmp\n!a\n/b/**\n(?d)*.log\n', '[a-z]?\\ \n#c\n'), text =>
    parseIgnore(text).ignores('a/b' as never, false)
  ),
  textual('address', texts('192.0.2.1:49738', '[2001:db8::1]:1', 'name.example:65535'), parseAddress)
]

export const DECODERS: readonly Decoder[] = [...wire, ...model, ...kept]

function reencodeNode(bytes: Uint8Array): Uint8Array {
  const { height, entries } = decodeNode(bytes)
  return encodeNode(height, entries)
}

function readChunkList(bytes: Uint8Array): undefined {
  contentFromChunkList(bytes)
  const list = new ChunkList(bytes)
  for (let i = 0; i < list.count; i++) list.length(i)
}

/** For bytes that were checked when they came: of others it may give anything, but never reads outside of them. */
function readWinner(bytes: Uint8Array): undefined {
  try {
    decodeWinner(bytes)
  } catch (error) {
    if (!(error instanceof RangeError) && !(error instanceof Error)) throw error
  }
}

function readManifest(bytes: Uint8Array): Uint8Array | undefined {
  const manifest = decodeManifest(bytes)
  return manifest === undefined ? undefined : encodeManifest(manifest)
}

function readChunkFile(bytes: Uint8Array): undefined {
  decodeChunkFile(bytes, hashBytes(Buffer.from('hello '.repeat(50))))
}

function readIntent(bytes: Uint8Array): undefined {
  decodeIntent(bytes)
}
