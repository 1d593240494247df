import crypto from 'hypercore-crypto'
import { encodeWith, type Codec } from '../../lib/core/codec.js'
import { makeContentBuilder } from '../../lib/core/chunk/content-builder.js'
import { nextBoundary } from '../../lib/core/chunk/fastcdc.js'
import { conflictPath, conflictRecord } from '../../lib/core/engine/conflict.js'
import { challengedRanges, holdProof } from '../../lib/core/engine/hold-proof.js'
import { makeRecord, writeVersion } from '../../lib/core/engine/merge.js'
import { certificateCodec, makeCertificate } from '../../lib/core/model/certificate.js'
import { hashBytes } from '../../lib/core/model/hash.js'
import { signedHeadCodec, signHead } from '../../lib/core/model/head.js'
import { formatKey } from '../../lib/core/model/key-text.js'
import { createWriteKey, folderId, topicOf, toReadKey, toStoreKey } from '../../lib/core/model/keys.js'
import { parsePath } from '../../lib/core/model/path.js'
import { recordCodec, type Payload, type Record as FolderRecord } from '../../lib/core/model/record.js'
import type { ReplicaId } from '../../lib/core/model/version.js'
import { buildTree } from '../../lib/core/tree/update.js'
import * as messages from '../../protocol/messages.js'
import { channelId, proofOf } from '../../protocol/proof.js'

/** What `protocol/vectors.json` holds: text, hexadecimal bytes and numbers, by the section's and the vector's name. */
export type Vectors = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const counting = (length: number, from = 0): Buffer => Buffer.from(Array.from({ length }, (_, i) => (from + i) & 255))
const key = createWriteKey(counting(32))
const device = crypto.keyPair(counting(32, 0x20))
const REPLICA = '0001020304050607' as ReplicaId
const OTHER_REPLICA = '08090a0b0c0d0e0f' as ReplicaId
const TIME_MS = 1_700_000_000_000
const root = hashBytes(Buffer.from('root'))
const certificate = makeCertificate({ key, device: device.publicKey, issuedMs: TIME_MS })
const head = { device: device.publicKey, replica: REPLICA, sequence: 3, root, timeMs: TIME_MS + 1 }
const signed = signHead(head, { publicKey: key.folderPublicKey, certificate }, device.secretKey)
const file = (text: string, mtimeNs = 1_700_000_000_000_000_000n): Payload => ({
  kind: 'file',
  size: Buffer.byteLength(text),
  mtimeNs,
  mode: 0o644,
  content: { height: 0, root: hashBytes(Buffer.from(text)) }
})

/** All vectors, as this code makes them. What each is made of is in `protocol/README.md`, "Test vectors". */
export function makeVectors(): Vectors {
  return {
    keys: keyVectors(),
    identity: {
      devicePublicKey: hex(device.publicKey),
      certificate: hex(encodeWith(certificateCodec, certificate)),
      signedHead: hex(encodeWith(signedHeadCodec, signed))
    },
    session: sessionVectors(),
    messages: messageVectors(),
    records: recordVectors(),
    holds: holdVectors(),
    chunks: chunkVectors(),
    names: {
      conflictOfFile: conflictPath(parsePath('docs/report.txt'), file('loser')),
      conflictOfCopy: conflictPath(parsePath('docs/report (conflict 00000000).txt'), file('loser')),
      conflictOfSymlink: conflictPath(parsePath('link'), { kind: 'symlink', target: 'there', mtimeNs: 0n }),
      conflictOfLongName: conflictPath(parsePath('é'.repeat(127)), file('loser'))
    }
  }
}

function keyVectors(): Vectors[string] {
  return {
    seed: hex(key.seed),
    folderPublicKey: hex(key.folderPublicKey),
    readSecret: hex(key.readSecret),
    topic: hex(topicOf(key)),
    id: folderId(key),
    writeKey: formatKey(key),
    readKey: formatKey(toReadKey(key)),
    storeKey: formatKey(toStoreKey(key))
  }
}

function sessionVectors(): Vectors[string] {
  const facts = {
    handshakeHash: counting(64, 0x40),
    initiatorPublicKey: counting(32, 0x80),
    responderPublicKey: counting(32, 0xa0)
  }
  return {
    handshakeHash: hex(facts.handshakeHash),
    initiatorPublicKey: hex(facts.initiatorPublicKey),
    responderPublicKey: hex(facts.responderPublicKey),
    channelId: hex(channelId(key, facts)),
    initiatorProof: hex(proofOf(key, facts, 'initiator')),
    responderProof: hex(proofOf(key, facts, 'responder'))
  }
}

function messageVectors(): Vectors[string] {
  const made: { [Name in keyof typeof messages]: (typeof messages)[Name] extends Codec<infer T> ? T : never } = {
    openingCodec: { proof: counting(32) },
    helloCodec: { name: 'Zoë', role: 'writer', replica: REPLICA },
    headCodec: { root, lacks: root, sequence: 300, idle: true, head: counting(4) },
    relayedHeadsCodec: [counting(2), counting(3)],
    nodesRequestCodec: { id: 1, content: undefined, hashes: [root] },
    nodesAnswerCodec: { id: 1, offset: 0, nodes: [counting(3), new Uint8Array(0)] },
    haveCodec: {
      content: root,
      ranges: [
        [0, 3],
        [70_000, 1]
      ]
    },
    chunkRequestCodec: {
      id: 2,
      chunks: [
        { hash: root, length: 131_072 },
        { hash: root, length: 1 }
      ]
    },
    chunkAnswerCodec: { id: 2, chunks: [counting(5), new Uint8Array(0)] },
    cancelCodec: 2,
    closeCodec: { code: 'LIMIT', message: 'too much' },
    pingCodec: 7,
    pongCodec: 7,
    roadsCodec: { addresses: ['192.0.2.1:49738', '[2001:db8::1]:49738'], relay: counting(32) },
    pastRequestCodec: { id: 3, path: parsePath('a.txt') },
    pastAnswerCodec: {
      id: 3,
      snapshots: [{ head: counting(4), isPinned: true }],
      revisions: [{ atMs: 1_700_000_000_000, payload: { kind: 'symlink', target: 'a.txt', mtimeNs: -1n } }]
    },
    holdRequestCodec: { id: 4, path: parsePath('a.txt'), content: root, size: 2 ** 21, nonce: counting(32) },
    holdAnswerCodec: { id: 4, proof: counting(32) },
    obstaclesCodec: [
      { path: undefined, code: 'send-only' },
      { path: parsePath('a.txt'), code: 'DISK_FLOOR' }
    ],
    newsCodec: { nodes: [counting(3)], files: [counting(2)] }
  }
  const encoded: Record<string, string> = {}
  for (const [name, codec] of Object.entries(messages))
    encoded[name.replace(/Codec$/, '')] = hex(encodeWith(codec as Codec<unknown>, made[name as keyof typeof messages]))
  const ofContent = { ...made.nodesRequestCodec, content: root }
  return { ...encoded, nodesRequestOfContent: hex(encodeWith(messages.nodesRequestCodec, ofContent)) }
}

function holdVectors(): Vectors[string] {
  const nonce = counting(32)
  const bytes = lookingRandom()
  const parties = {
    folderPublicKey: key.folderPublicKey,
    holder: device.publicKey,
    asker: counting(32, 0x80)
  }
  const proofOfSize = (size: number): string => {
    const ranges = challengedRanges({ nonce, size })
    const pieces = ranges.map(({ offset, length }) => bytes.subarray(offset, offset + length))
    return hex(holdProof(parties, { nonce, content: root }, pieces))
  }
  return {
    ranges: challengedRanges({ nonce, size: bytes.length })
      .slice(0, 4)
      .map(({ offset }) => offset),
    proof: proofOfSize(bytes.length),
    proofOfSmall: proofOfSize(5),
    proofOfEmpty: proofOfSize(0)
  }
}

function recordVectors(): Vectors[string] {
  const one = (payload: Payload): FolderRecord => {
    const dots = [{ replica: REPLICA, counter: 1 }]
    return { context: dots, versions: [{ dots, payload }] }
  }
  const later = {
    dots: [{ replica: OTHER_REPLICA, counter: 2 }],
    payload: file('later', 1_700_000_000_000_000_001n)
  }
  const hello = { dots: [{ replica: REPLICA, counter: 300 }], payload: file('hello') }
  const context = [
    { replica: REPLICA, counter: 300 },
    { replica: OTHER_REPLICA, counter: 2 }
  ]
  const link: Payload = { kind: 'symlink', target: 'a.txt', mtimeNs: -1n }
  const oneName = makeRecord(hello.dots, [hello, { dots: hello.dots, payload: link }])
  const records = {
    fileRecord: one(file('hello')),
    directoryRecord: one({ kind: 'directory', mode: 0o755 }),
    symlinkRecord: one(link),
    deletedRecord: one({ kind: 'deleted' }),
    conflictRecord: { context, versions: [later, hello] },
    lostRecord: { context, versions: [hello, { ...later, hasLost: true as const }] },
    copyRecord: conflictRecord({ ...hello, dots: [...hello.dots, ...later.dots] }),
    oneNameRecord: oneName,
    apartRecord: writeVersion(oneName, OTHER_REPLICA, later.payload, () => false, 2)
  }
  const tree = buildTree([
    [parsePath('docs'), records.directoryRecord],
    [parsePath('docs/a.txt'), records.fileRecord],
    [parsePath('docs-old'), records.deletedRecord]
  ])
  const large = buildTree(
    Array.from({ length: 200 }, (_, i) => [parsePath(`file ${String(i).padStart(3, '0')}`), records.fileRecord])
  )
  return {
    ...Object.fromEntries(
      Object.entries(records).map(([name, record]) => [name, hex(encodeWith(recordCodec, record))])
    ),
    emptyTreeRoot: hex(buildTree([]).root),
    treeNode: [...tree.nodes.values()].map(hex).join(),
    treeRoot: hex(tree.root),
    treeOf200Root: hex(large.root),
    treeOf200Nodes: large.nodes.size
  }
}

/** 2 MiB that look random: byte i is the highest byte of s(i + 1), where s(0) = 1 and s(n + 1) = 1664525 s(n) + 1013904223 mod 2^32. */
function lookingRandom(): Buffer {
  const bytes = Buffer.alloc(2 * 1024 * 1024)
  for (let i = 0, state = 1; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

function chunkVectors(): Vectors[string] {
  const bytes = lookingRandom()
  const boundaries: number[] = []
  for (let start = 0; start < bytes.length; start = boundaries.at(-1) ?? bytes.length)
    boundaries.push(nextBoundary(bytes, start, bytes.length, true) ?? bytes.length)
  const nodes: Uint8Array[] = []
  const builder = makeContentBuilder((_hash, node) => nodes.push(node))
  boundaries.forEach((end, i) =>
    builder.push(hashBytes(bytes.subarray(boundaries[i - 1] ?? 0, end)), end - (boundaries[i - 1] ?? 0))
  )
  const content = builder.finish()
  return {
    bufferHash: hex(hashBytes(bytes)),
    boundaries,
    contentRoot: hex(content.root),
    contentHeight: content.height,
    contentNodes: nodes.map(hex),
    emptyContentRoot: hex(makeContentBuilder(() => undefined).finish().root)
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
