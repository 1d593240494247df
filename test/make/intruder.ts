import type { KeyPair } from 'hypercore-crypto'
import { encodeWith } from '../../lib/core/codec.js'
import type { BackerError } from '../../lib/core/error.js'
import { hashBytes, hashKey, type Hash } from '../../lib/core/model/hash.js'
import { EMPTY_ROOT } from '../../lib/core/tree/node.js'
import { parseKey } from '../../lib/core/model/key-text.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import { recordCodec, type Record } from '../../lib/core/model/record.js'
import { asKey } from '../../lib/core/tree/key.js'
import { encodeNode } from '../../lib/core/tree/node.js'
import { makeIdentity } from '../../lib/folder/identity.js'
import type { Backer } from '../../lib/index.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { Connection } from '../../protocol/connection.js'
import { secureStream } from '../../protocol/handshake.js'
import type { HeadUpdate, PeerHandlers, PeerLink } from '../../protocol/peer-link.js'
import { until, type Scope } from './backers.js'
import { makeNodes, plant, type Nodes, type Records } from './nodes.js'
import { recordOf, replica, type RecordParts } from './record.js'
import { helloOf, keyPairOf, type SomeHandlers } from './wire.js'

/** What an intruder may be told; the rest is filled in. */
export interface IntruderOptions {
  readonly keyPair?: KeyPair
  readonly handlers?: SomeHandlers
  /** What it says of itself. */
  readonly role?: 'writer' | 'reader'
}

/** A device that has a folder's key, speaks the protocol with the project's own libraries, and means no good. */
export interface Intruder {
  readonly connection: Connection
  /** The device that it talks to. */
  readonly victim: PeerLink
  /** What it answers with when it is asked. */
  readonly nodes: Nodes
  readonly chunks: Map<string, Uint8Array>
  /** Every head that it was told. */
  readonly heads: HeadUpdate[]
  readonly relayed: Uint8Array[]
  /** For what the victim ended the connection, in the victim's words; undefined while it goes on. */
  readonly closedFor: () => BackerError | undefined
  readonly isClosed: () => boolean
  /** The record of a file that it can give. */
  readonly file: (content: string | Uint8Array, parts?: RecordParts) => Record
  /** Says, under its signature where its key allows one, that its folder is this. */
  readonly show: (root: Hash) => void
  /** As `show`, of honest nodes over these records. */
  readonly showRecords: (records: Records) => void
  /** As `show`, of one leaf with a name that may be anything. */
  readonly showRaw: (key: Uint8Array, value: Uint8Array) => void
  /** A head of its own, signed as well as its key allows. */
  readonly sign: (root: Hash, sequence: number) => Uint8Array | undefined
}

let devices = 100

/** Connects somebody who holds `keyText` (a key's text form) to a device, and waits until both know each other. */
export async function intrude(
  t: Scope,
  device: Backer,
  keyText: string,
  { keyPair = keyPairOf(devices++ % 250), handlers = {}, role = 'writer' }: IntruderOptions = {}
): Promise<Intruder> {
  const runtime = realRuntime()
  const key = parseKey(keyText)
  if (key.kind === 'store') throw new Error('nobody gets in with a store key')
  const identity = makeIdentity(key, keyPair, 'intruder', Date.now())
  const noise = await secureStream(device.createStream(), { keyPair, runtime })
  const connection = Connection.over(noise, { runtime })
  t.teardown(() => connection.destroy(), { order: 5 })
  const state = makeState(handlers)
  connection.offer(
    {
      folderPublicKey: key.folderPublicKey,
      readSecret: key.readSecret,
      hello: { ...helloOf('intruder'), role },
      onpeer: state.onpeer
    },
    { initiate: true }
  )
  await until('the intruder is let in', () => state.peers.length > 0)
  const { nodes, chunks, heads, relayed, peers } = state
  const victim = peers[0]!
  let sequence = 0
  const sign = (root: Hash, at: number): Uint8Array | undefined =>
    identity.signHead({ root, sequence: at, replica: replica(99), timeMs: Date.now() })
  const show = (root: Hash): void => {
    sequence++
    victim.sendHead({ root, lacks: EMPTY_ROOT, sequence, idle: true, head: sign(root, sequence) })
  }
  return {
    connection,
    victim,
    nodes,
    chunks,
    heads,
    relayed,
    closedFor: () => state.reason(),
    isClosed: () => state.isClosed(),
    file(content, parts = { replica: replica(99) }) {
      const bytes = Buffer.from(content)
      const root = hashBytes(bytes)
      chunks.set(hashKey(root), bytes)
      const payload = { kind: 'file', size: bytes.length, mtimeNs: 10n ** 18n, mode: 0o644 } as const
      return recordOf({ ...payload, content: { height: 0, root } }, parts)
    },
    sign,
    show,
    showRecords: records => show(plant(nodes, records)),
    showRaw(name, value) {
      const bytes = encodeNode(0, [{ key: asKey(name), value }])
      const root = hashBytes(bytes)
      nodes.kept.set(hashKey(root), bytes)
      show(root)
    }
  }
}

function makeState(handlers: SomeHandlers): {
  readonly nodes: Nodes
  readonly chunks: Map<string, Uint8Array>
  readonly heads: HeadUpdate[]
  readonly relayed: Uint8Array[]
  readonly peers: PeerLink[]
  readonly onpeer: (peer: PeerLink) => PeerHandlers
  readonly reason: () => BackerError | undefined
  readonly isClosed: () => boolean
} {
  const nodes = makeNodes()
  const chunks = new Map<string, Uint8Array>()
  const heads: HeadUpdate[] = []
  const relayed: Uint8Array[] = []
  const peers: PeerLink[] = []
  const { onChunk = (hash: Hash) => Promise.resolve(chunks.get(hashKey(hash))), ...others } = handlers
  let reason: BackerError | undefined
  let isClosed = false
  const onpeer = (peer: PeerLink): PeerHandlers => {
    peers.push(peer)
    return {
      onHead: update => void heads.push({ ...update, head: update.head && Uint8Array.from(update.head) }),
      onRelayedHeads: many => void relayed.push(...many.map(head => Uint8Array.from(head))),
      onHave: () => undefined,
      onObstacles: () => undefined,
      onNews: () => undefined,
      onNodes: hashes => hashes.map(hash => nodes.source(hash)),
      onContentNodes: (_content, hashes) => hashes.map(hash => nodes.source(hash)),
      onChunks: asked => Promise.all(asked.map(({ hash }) => onChunk(hash))),
      onPast: () => Promise.resolve({ snapshots: [], revisions: [] }),
      onHold: () => Promise.resolve(undefined),
      onClose(why) {
        reason = why
        isClosed = true
      },
      ...others
    }
  }
  return { nodes, chunks, heads, relayed, peers, onpeer, reason: () => reason, isClosed: () => isClosed }
}

/** The bytes of a record that may hold what no codec of ours writes, once `change` has been at it. */
export function recordBytes(record: Record, change: (bytes: Uint8Array) => Uint8Array = bytes => bytes): Uint8Array {
  return change(encodeWith(recordCodec, record))
}

/** Records by their paths' texts, whatever they are. */
export function recordsAt(entries: Readonly<{ [path: string]: Record }>): Records {
  return new Map(Object.entries(entries).map(([path, record]) => [path as RelativePath, record]))
}
