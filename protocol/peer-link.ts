import type { BackerError } from '../lib/core/error.js'
import type { Hash } from '../lib/core/model/hash.js'
import type { ReplicaId } from '../lib/core/model/version.js'
import type { RelativePath } from '../lib/core/model/path.js'
import type { Road } from './line.js'
import type { AskedChunk, HoldRequest, NewsMessage, Obstacle, PastAnswer } from './messages.js'
import type { FolderSecret } from './proof.js'

/** What a device says of itself when a folder's channel opens. */
export interface Hello {
  /** At most 64 bytes are sent. */
  readonly name: string
  readonly role: 'writer' | 'reader'
  readonly replica: ReplicaId
}

/** What a device holds now. `head`: the same under its signature, in wire bytes; absent on a reader. */
export interface HeadUpdate {
  readonly root: Hash
  /** The root of the tree of those records whose content is not on its disk. */
  readonly lacks: Hash
  readonly sequence: number
  /** It has nothing to do. */
  readonly idle: boolean
  /** Signed; undefined from a reader, and where the connection had this one last. */
  readonly head: Uint8Array | undefined
}

export type ChunkRanges = readonly (readonly [start: number, count: number])[]

/** What a device keeps of what the folder was. */
export type Past = Pick<PastAnswer, 'snapshots' | 'revisions'>

/** What a device is asked to prove that it holds. */
export type HoldQuestion = Omit<HoldRequest, 'id'>

/** What is sent along with a head: see NewsMessage. */
export type News = NewsMessage

export type { AskedChunk, Obstacle }

/** A peer of one folder that has proven that it knows the key: what the engine can tell it and ask of it. */
export interface PeerLink {
  /** The peer's Noise static key, in hexadecimal. */
  readonly deviceId: string
  readonly hello: Hello
  /** The peer's address, where the stream tells it. */
  readonly remoteHost: string | undefined
  /** Where the connection runs now: it may change while it lives. */
  readonly road: Road
  /** Milliseconds; undefined until it was measured. */
  readonly roundTripMs: number | undefined
  /** Bytes of chunks, and requests for them, that are asked for and not answered. */
  readonly outstandingBytes: number
  readonly requestsInFlight: number
  /** How many bytes of chunks to ask for at once: what keeps its line full. */
  readonly windowBytes: number

  sendHead(update: HeadUpdate): void
  /** What the peer would have to ask for to follow to the next head; nothing where its line allows no more now. */
  sendNews(news: News): void
  /** Other writers' signed heads whose trees this device holds whole. */
  relayHeads(heads: readonly Uint8Array[]): void
  /** Chunks that are here already of a file that is still being fetched. */
  announceHave(content: Hash, ranges: ChunkRanges): void
  /** Tree nodes by hash, at most NODES_PER_REQUEST, verified; undefined for those that the peer lacks. Rejects with PEER_GONE or TIMEOUT. */
  requestNodes(hashes: readonly Hash[]): Promise<readonly (Uint8Array | undefined)[]>
  /** As `requestNodes`, of the content tree with this root. */
  requestContentNodes(content: Hash, hashes: readonly Hash[]): Promise<readonly (Uint8Array | undefined)[]>
  /**
   * Chunks, in one message: at most CHUNKS_PER_REQUEST, of at most CHUNK_BYTES together. In order, verified, undefined for those that the peer does not
   * have; they may be views of one buffer. Rejects with UNAVAILABLE (`signal` aborted), PEER_GONE or TIMEOUT.
   */
  requestChunks(chunks: readonly AskedChunk[], signal: AbortSignal): Promise<readonly (Uint8Array | undefined)[]>
  /** What the peer keeps: its snapshots, or its kept versions of what stood at `path`. Nothing of it is verified. Rejects with PEER_GONE or TIMEOUT. */
  requestPast(path: RelativePath | undefined): Promise<Past>
  /** Has the peer prove that it holds the content of a file; undefined where it does not. The caller checks the proof. Rejects with PEER_GONE or TIMEOUT. */
  requestHold(question: HoldQuestion): Promise<Uint8Array | undefined>
  /** Why this device does not have what the peer has: at most OBSTACLES_TOLD, in place of what was told before. */
  sendObstacles(obstacles: readonly Obstacle[]): void
  /** Ends the connection and tells the peer why. */
  close(reason: BackerError): void
}

/** What the engine gives a peer. Whatever throws a BackerError ends the connection for that reason. */
export interface PeerHandlers {
  onHead(update: HeadUpdate): void
  onNews(news: News): void
  onRelayedHeads(heads: readonly Uint8Array[]): void
  onHave(content: Hash, ranges: ChunkRanges): void
  onNodes(hashes: readonly Hash[]): readonly (Uint8Array | undefined)[] | Promise<readonly (Uint8Array | undefined)[]>
  onContentNodes(
    content: Hash,
    hashes: readonly Hash[]
  ): readonly (Uint8Array | undefined)[] | Promise<readonly (Uint8Array | undefined)[]>
  /** Chunks by hash, in order; undefined for those that are not here. Of several no more may be read at once than they are said to have. */
  onChunks(asked: readonly AskedChunk[]): Promise<readonly (Uint8Array | undefined)[]>
  /** Rejects only with what ends the connection. */
  onPast(path: RelativePath | undefined): Promise<Past>
  /** The proof that this device holds a content, made for that peer; undefined where it can't be relied upon for it. Rejects only with what ends the connection. */
  onHold(question: HoldQuestion): Promise<Uint8Array | undefined>
  onObstacles(obstacles: readonly Obstacle[]): void
  /** The peer is gone; called once. `reason`: what this side, or the peer in its own words, ended it for. */
  onClose(reason: BackerError | undefined): void
}

/** A folder as its connections see it. */
export interface FolderLink extends FolderSecret {
  readonly hello: Hello
  onpeer(peer: PeerLink): PeerHandlers
  /** Some connection's road has become better or worse. */
  onroads?(): void
}
