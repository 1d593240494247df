import { bounded, fixed, list, text, uint, type Codec, type CodecState } from '../lib/core/codec.js'
import { BackerError } from '../lib/core/error.js'
import { hashCodec, type Hash } from '../lib/core/model/hash.js'
import { REPLICA_BYTES, replicaFromBytes, type ReplicaId } from '../lib/core/model/version.js'
import { pathCodec, type RelativePath } from '../lib/core/model/path.js'
import { payloadCodec, type Payload } from '../lib/core/model/record.js'
import * as limits from './limits.js'

const PROOF_BYTES = 32
const NONCE_BYTES = 32
const RELAY_KEY_BYTES = 32

/** What each side says when it opens a folder's channel. Nothing else counts before its proof has been checked. */
export interface Opening {
  readonly proof: Uint8Array
}

/** What a device says of itself, only to who has proven that it knows the key. */
export interface HelloMessage {
  readonly name: string
  readonly role: 'writer' | 'reader'
  readonly replica: ReplicaId
}

/** What a device holds now. `head`: the same under its signature; absent on a reader. */
export interface HeadMessage {
  readonly root: Hash
  /** The root of the tree of those records whose content is not on the device's disk. */
  readonly lacks: Hash
  readonly sequence: number
  readonly idle: boolean
  readonly head: Uint8Array | undefined
}

export interface NodesRequest {
  readonly id: number
  /** undefined: nodes of the tree of records; else of the content tree with this root. */
  readonly content: Hash | undefined
  readonly hashes: readonly Hash[]
}

/** A part of the answer to a request: the nodes from `offset` on; an absent one is empty bytes. */
export interface NodesAnswer {
  readonly id: number
  readonly offset: number
  readonly nodes: readonly Uint8Array[]
}

export interface HaveMessage {
  readonly content: Hash
  /** Ranges of chunk indexes: first index, count. */
  readonly ranges: readonly (readonly [number, number])[]
}

/** A chunk that is asked for. */
export interface AskedChunk {
  readonly hash: Hash
  readonly length: number
}

/** Chunks that are wanted together: a large one alone, or many small ones, of which each would cost more as a message than as bytes. */
export interface ChunkRequest {
  readonly id: number
  readonly chunks: readonly AskedChunk[]
}

/** Each chunk's bytes, in the order of the request; empty: the peer does not have it. */
export interface ChunkAnswer {
  readonly id: number
  readonly chunks: readonly Uint8Array[]
}

export interface CloseMessage {
  readonly code: string
  readonly message: string
}

/** How else a device can be reached. */
export interface RoadsMessage {
  /** `host:port` at which it takes TCP, the host being an IP address. */
  readonly addresses: readonly string[]
  /** The public key under which it relays for the folder's devices. */
  readonly relay: Uint8Array | undefined
}

/** What a peer keeps: of the whole folder, or of one path. */
export interface PastRequest {
  readonly id: number
  /** undefined: its snapshots; else its kept versions of what stood there. */
  readonly path: RelativePath | undefined
}

/** A kept state of the folder: the signed head of the device that made it, then. */
export interface ToldSnapshot {
  readonly head: Uint8Array
  /** Whoever tells keeps it until somebody says otherwise. */
  readonly isPinned: boolean
}

/** A kept version of a path. */
export interface ToldRevision {
  /** When it was replaced: milliseconds since 1970. */
  readonly atMs: number
  /** A file or a symlink. */
  readonly payload: Extract<Payload, { readonly kind: 'file' | 'symlink' }>
}

export interface PastAnswer {
  readonly id: number
  readonly snapshots: readonly ToldSnapshot[]
  readonly revisions: readonly ToldRevision[]
}

/** Asks a device to prove that it holds the content of a file at its path: see `hold-proof.ts`. */
export interface HoldRequest {
  readonly id: number
  readonly path: RelativePath
  readonly content: Hash
  /** Bytes of the file. */
  readonly size: number
  readonly nonce: Uint8Array
}

/** `proof`: undefined where it does not hold it, or is about to let go of it. */
export interface HoldAnswer {
  readonly id: number
  readonly proof: Uint8Array | undefined
}

/** Why a device does not have an item that others have; without a path: any item. */
export interface Obstacle {
  readonly path: RelativePath | undefined
  /** A code of an error or a problem, or another word: letters, `-` and `_`. To be shown, not interpreted. */
  readonly code: string
}

/** What whoever follows to the head that comes next would have to ask for. Its parts are known by their hashes. */
export interface NewsMessage {
  /** Nodes of the tree. */
  readonly nodes: readonly Uint8Array[]
  /** Whole contents of files of one chunk. */
  readonly files: readonly Uint8Array[]
}

/** A codec put together from the codecs of an object's fields, in this order. */
function struct<T extends object>(fields: { readonly [K in keyof T]-?: Codec<T[K]> }): Codec<T> {
  const names = Object.keys(fields) as (keyof T)[]
  return {
    preencode(state, value) {
      for (const name of names) fields[name].preencode(state, value[name])
    },
    encode(state, value) {
      for (const name of names) fields[name].encode(state, value[name])
    },
    decode(state) {
      const value: Partial<T> = {}
      for (const name of names) value[name] = fields[name].decode(state)
      return value as T
    }
  }
}

/** A codec of values that stand for others on the wire. */
function mapped<T, U>(codec: Codec<U>, out: (value: T) => U, back: (value: U) => T): Codec<T> {
  return {
    preencode: (state: CodecState, value: T) => codec.preencode(state, out(value)),
    encode: (state: CodecState, value: T) => codec.encode(state, out(value)),
    decode: state => back(codec.decode(state))
  }
}

/** A yes or no: 1 or 0. */
const flag: Codec<boolean> = mapped(uint, Number, value => {
  if (value > 1) throw new BackerError('MALFORMED', 'a flag is neither 0 nor 1')
  return value === 1
})

function optional<T>(codec: Codec<T>): Codec<T | undefined> {
  return {
    preencode(state, value) {
      flag.preencode(state, value !== undefined)
      if (value !== undefined) codec.preencode(state, value)
    },
    encode(state, value) {
      flag.encode(state, value !== undefined)
      if (value !== undefined) codec.encode(state, value)
    },
    decode: state => (flag.decode(state) ? codec.decode(state) : undefined)
  }
}

const replica: Codec<ReplicaId> = mapped(fixed(REPLICA_BYTES), id => Buffer.from(id, 'hex'), replicaFromBytes)
const role: Codec<'writer' | 'reader'> = mapped(
  flag,
  value => value === 'writer',
  value => (value ? 'writer' : 'reader')
)
/** Bytes that hold on to no frame. */
const owned = (codec: Codec<Uint8Array>): Codec<Uint8Array> =>
  mapped(
    codec,
    value => value,
    value => Uint8Array.from(value)
  )
const copied = (maximum: number, what: string): Codec<Uint8Array> => owned(bounded(maximum, what))
const hashes = list(hashCodec, limits.NODES_PER_REQUEST, 'a request for nodes')
const range: Codec<readonly [number, number]> = {
  preencode(state, [start, count]) {
    uint.preencode(state, start)
    uint.preencode(state, count)
  },
  encode(state, [start, count]) {
    uint.encode(state, start)
    uint.encode(state, count)
  },
  decode(state) {
    const start = uint.decode(state)
    const count = uint.decode(state)
    if (count < 1 || start + count > 2 ** 32) throw new BackerError('LIMIT', 'a range of chunks is empty or too large')
    return [start, count]
  }
}

export const openingCodec = struct<Opening>({ proof: owned(fixed(PROOF_BYTES)) })

export const helloCodec = struct<HelloMessage>({
  name: text(limits.NAME_BYTES, "a device's name"),
  role,
  replica
})

export const headCodec = struct<HeadMessage>({
  root: hashCodec,
  lacks: hashCodec,
  sequence: uint,
  idle: flag,
  head: optional(copied(limits.HEAD_BYTES, 'a head'))
})

export const relayedHeadsCodec: Codec<readonly Uint8Array[]> = list(
  copied(limits.HEAD_BYTES, 'a head'),
  limits.RELAYED_HEADS,
  'heads'
)

export const nodesRequestCodec = struct<NodesRequest>({ id: uint, content: optional(hashCodec), hashes })

export const nodesAnswerCodec = struct<NodesAnswer>({
  id: uint,
  offset: uint,
  nodes: list(copied(limits.NODE_BYTES, 'a node'), limits.NODES_PER_REQUEST, 'an answer')
})

export const haveCodec = struct<HaveMessage>({
  content: hashCodec,
  ranges: list(range, limits.HAVE_RANGES, 'the chunks that a peer has')
})

export const chunkRequestCodec = struct<ChunkRequest>({
  id: uint,
  chunks: list(struct<AskedChunk>({ hash: hashCodec, length: uint }), limits.CHUNKS_PER_REQUEST, 'a request for chunks')
})

export const chunkAnswerCodec = struct<ChunkAnswer>({
  id: uint,
  chunks: list(bounded(limits.CHUNK_BYTES, 'a chunk'), limits.CHUNKS_PER_REQUEST, 'an answer with chunks')
})

export const cancelCodec: Codec<number> = uint

export const closeCodec = struct<CloseMessage>({
  code: text(64, 'a code'),
  message: text(limits.REASON_BYTES, 'a reason')
})

/** A number that the pong gives back. */
export const pingCodec: Codec<number> = uint

export const pongCodec: Codec<number> = uint

export const roadsCodec = struct<RoadsMessage>({
  addresses: list(text(limits.ADDRESS_BYTES, 'an address'), limits.ADDRESSES_MAX, 'addresses'),
  relay: optional(owned(fixed(RELAY_KEY_BYTES)))
})

const keptPayload: Codec<ToldRevision['payload']> = {
  preencode: payloadCodec.preencode,
  encode: payloadCodec.encode,
  decode(state) {
    const payload = payloadCodec.decode(state)
    if (payload.kind !== 'file' && payload.kind !== 'symlink')
      throw new BackerError('MALFORMED', 'a kept version is neither a file nor a symlink')
    return payload
  }
}

export const pastRequestCodec = struct<PastRequest>({ id: uint, path: optional(pathCodec) })

export const pastAnswerCodec = struct<PastAnswer>({
  id: uint,
  snapshots: list(
    struct<ToldSnapshot>({ head: copied(limits.HEAD_BYTES, 'a snapshot'), isPinned: flag }),
    limits.SNAPSHOTS_TOLD,
    'snapshots'
  ),
  revisions: list(
    struct<ToldRevision>({ atMs: uint, payload: keptPayload }),
    limits.REVISIONS_TOLD,
    'kept versions of a path'
  )
})

export const holdRequestCodec = struct<HoldRequest>({
  id: uint,
  path: pathCodec,
  content: hashCodec,
  size: uint,
  nonce: owned(fixed(NONCE_BYTES))
})

export const holdAnswerCodec = struct<HoldAnswer>({ id: uint, proof: optional(owned(fixed(PROOF_BYTES))) })

const obstacleCode: Codec<string> = mapped(
  text(limits.OBSTACLE_BYTES, 'a reason'),
  code => code,
  code => {
    if (!/^[A-Za-z][A-Za-z_-]*$/.test(code)) throw new BackerError('MALFORMED', 'a reason is no word')
    return code
  }
)

/** All that there are now: they take the place of those that were told before. */
export const obstaclesCodec: Codec<readonly Obstacle[]> = list(
  struct<Obstacle>({ path: optional(pathCodec), code: obstacleCode }),
  limits.OBSTACLES_TOLD,
  'reasons'
)

const newsPart = copied(limits.NEWS_BYTES, 'news')

export const newsCodec: Codec<NewsMessage> = mapped(
  struct<NewsMessage>({
    nodes: list(newsPart, limits.NEWS_NODES, 'news'),
    files: list(newsPart, limits.NEWS_FILES, 'news')
  }),
  news => news,
  news => {
    const bytes = [...news.nodes, ...news.files].reduce((sum, part) => sum + part.byteLength, 0)
    if (bytes > limits.NEWS_BYTES) throw new BackerError('LIMIT', `news is over ${limits.NEWS_BYTES} bytes`)
    return news
  }
)
