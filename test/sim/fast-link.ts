import { BackerError, messageOf } from '../../lib/core/error.js'
import type { Road } from '../../protocol/line.js'
import type { Hash } from '../../lib/core/model/hash.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import type {
  AskedChunk,
  ChunkRanges,
  FolderLink,
  HeadUpdate,
  Hello,
  HoldQuestion,
  News,
  Obstacle,
  Past,
  PeerHandlers,
  PeerLink
} from '../../protocol/peer-link.js'
import type { Lane } from './lane.js'

type Nodes = readonly (Uint8Array | undefined)[]

/** What a connection counts: content bytes that were asked of peers and came. */
export interface Traffic {
  chunkCount: number
  /** Goes up when counting begins anew: what was asked for before is not in `freshCount`. */
  epoch: number
  freshCount: number
}

/** One end of a connection that carries calls instead of bytes: what the wire's session does, without the wire. */
export class FastLink implements PeerLink {
  readonly deviceId: string
  readonly remoteHost = undefined
  readonly road: Road = { transport: 'pipe', rank: 0, isRelayed: false }
  readonly roundTripMs = undefined
  readonly #folder: FolderLink
  readonly #out: Lane
  readonly #traffic: Traffic
  readonly #onend: () => void
  readonly #waiting = new Set<(error: BackerError) => void>()
  #other: FastLink | undefined
  #hello: Hello | undefined
  #handlers: PeerHandlers | undefined
  #isClosed = false
  readonly windowBytes = 4 * 1024 * 1024
  outstandingBytes = 0

  /** `deviceId`: of the device at the other end. */
  constructor(
    folder: FolderLink,
    parts: { readonly deviceId: string; readonly out: Lane; readonly traffic: Traffic; readonly onend: () => void }
  ) {
    this.#folder = folder
    this.deviceId = parts.deviceId
    this.#out = parts.out
    this.#traffic = parts.traffic
    this.#onend = parts.onend
  }

  /** Says hello to the other end. */
  begin(other: FastLink): void {
    this.#other = other
    this.#tell(peer => peer.#greeted(this.#folder.hello))
  }

  get hello(): Hello {
    if (this.#hello === undefined) throw new BackerError('PEER_GONE', 'the peer has not said who it is')
    return this.#hello
  }

  get requestsInFlight(): number {
    return this.#waiting.size
  }

  sendHead(update: HeadUpdate): void {
    this.#tell(peer => peer.#guard(handlers => handlers.onHead(update)))
  }

  sendNews(news: News): void {
    this.#tell(peer => peer.#guard(handlers => handlers.onNews(news)))
  }

  relayHeads(heads: readonly Uint8Array[]): void {
    this.#tell(peer => peer.#guard(handlers => handlers.onRelayedHeads(heads)))
  }

  announceHave(content: Hash, ranges: ChunkRanges): void {
    this.#tell(peer => peer.#guard(handlers => handlers.onHave(content, ranges)))
  }

  requestNodes(hashes: readonly Hash[]): Promise<Nodes> {
    return this.#ask(handlers => Promise.resolve(handlers.onNodes(hashes)))
  }

  requestContentNodes(content: Hash, hashes: readonly Hash[]): Promise<Nodes> {
    return this.#ask(handlers => Promise.resolve(handlers.onContentNodes(content, hashes)))
  }

  async requestChunks(
    chunks: readonly AskedChunk[],
    signal: AbortSignal
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    this.outstandingBytes += length
    const { epoch } = this.#traffic
    try {
      const found = await this.#ask(handlers => handlers.onChunks(chunks), signal)
      const given = chunks.map((chunk, i) => (found[i]?.byteLength === chunk.length ? found[i] : undefined))
      this.#count(given.filter(bytes => bytes !== undefined).length, epoch)
      return given
    } finally {
      this.outstandingBytes -= length
    }
  }

  #count(chunks: number, epoch: number): void {
    this.#traffic.chunkCount += chunks
    if (epoch === this.#traffic.epoch) this.#traffic.freshCount += chunks
  }

  requestPast(path: RelativePath | undefined): Promise<Past> {
    return this.#ask(handlers => handlers.onPast(path))
  }

  requestHold(question: HoldQuestion): Promise<Uint8Array | undefined> {
    return this.#ask(handlers => handlers.onHold(question))
  }

  /** It arrives at once: nothing is decided by it, and no seed runs otherwise because of it. */
  sendObstacles(obstacles: readonly Obstacle[]): void {
    const other = this.#other
    if (!this.#isClosed && other !== undefined) other.#guard(handlers => handlers.onObstacles(obstacles))
  }

  close(reason: BackerError): void {
    this.#tell(peer => peer.end(new BackerError('PEER_GONE', `the peer ended the connection: ${reason.message}`)))
    this.end(reason)
    this.#onend()
  }

  /** The connection is over for this end. */
  end(reason: BackerError | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const reject of [...this.#waiting]) reject(goneFor(reason))
    this.#handlers?.onClose(reason)
  }

  #greeted(hello: Hello): void {
    if (this.#isClosed) return
    this.#hello = hello
    this.#handlers = this.#folder.onpeer(this)
  }

  #tell(arrive: (peer: FastLink) => void): void {
    const other = this.#other
    if (this.#isClosed || other === undefined) return
    this.#out.send(() => arrive(other))
  }

  #ask<T>(answer: (handlers: PeerHandlers) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#isClosed) return Promise.reject(goneFor(undefined))
    return new Promise<T>((resolve, reject) => {
      const finish = (): void => {
        this.#waiting.delete(fail)
        signal?.removeEventListener('abort', abort)
      }
      const fail = (error: BackerError): void => {
        finish()
        reject(error)
      }
      const abort = (): void => fail(new BackerError('UNAVAILABLE', 'no longer wanted'))
      if (signal?.aborted === true) {
        abort()
        return
      }
      signal?.addEventListener('abort', abort)
      this.#waiting.add(fail)
      const succeed = (value: T): void => {
        if (!this.#waiting.has(fail)) return
        finish()
        resolve(value)
      }
      this.#tell(peer => peer.#guard(handlers => void peer.#serve(answer(handlers), succeed)))
    })
  }

  async #serve<T>(answer: Promise<T>, resolve: (value: T) => void): Promise<void> {
    try {
      const value = await answer
      this.#tell(() => resolve(value))
    } catch (error) {
      this.close(new BackerError('INTERNAL', messageOf(error), { cause: error }))
    }
  }

  /** Whatever a peer causes ends its connection, and nothing else. */
  #guard(action: (handlers: PeerHandlers) => void): void {
    if (this.#isClosed || this.#handlers === undefined) return
    try {
      action(this.#handlers)
    } catch (error) {
      this.close(error instanceof BackerError ? error : new BackerError('INTERNAL', messageOf(error), { cause: error }))
    }
  }
}

function goneFor(reason: BackerError | undefined): BackerError {
  return new BackerError('PEER_GONE', reason?.message ?? 'the connection ended')
}
