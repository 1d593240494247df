import { BackerError, messageOf } from '../lib/core/error.js'
import { hashBytes, hashesEqual, type Hash } from '../lib/core/model/hash.js'
import { CHUNK_BYTES, CHUNK_REQUESTS_OPEN, HAVE_RANGES, SERVE_BYTES } from './limits.js'
import {
  cancelCodec,
  chunkAnswerCodec,
  chunkRequestCodec,
  haveCodec,
  type ChunkAnswer,
  type ChunkRequest,
  type HaveMessage
} from './messages.js'
import type { ChunkRanges, PeerHandlers } from './peer-link.js'
import type { Wire } from './session.js'

/** Chunks up to this size are answered before larger ones, so that small files are not held up by a large one. */
const SMALL_BYTES = 64 * 1024
/** After how many small ones a large one has its turn. */
const SMALL_IN_A_ROW = 16
/** How many chunks are read at once for one peer: each may have the largest size. */
const READERS = Math.floor(SERVE_BYTES / CHUNK_BYTES)

interface Asked {
  readonly hash: Hash
  readonly length: number
  readonly resolve: (bytes: Uint8Array) => void
  readonly reject: (error: BackerError) => void
}

/** The chunk channel of one folder with one peer: which chunks of half-finished files are here, and chunks by their hashes. */
export class ChunkChannel {
  readonly #wire: Wire
  readonly #handlers: () => PeerHandlers
  readonly #asked = new Map<number, Asked>()
  /** Requests that were called off: an answer to one may still be on its way. */
  readonly #calledOff = new Map<number, Asked>()
  readonly #small: ChunkRequest[] = []
  readonly #large: ChunkRequest[] = []
  #smallInARow = 0
  #readers = 0
  #outstandingBytes = 0
  #nextId = 1
  readonly #have: (message: HaveMessage) => boolean
  readonly #request: (request: ChunkRequest) => boolean
  readonly #answer: (answer: ChunkAnswer) => boolean
  readonly #cancel: (id: number) => boolean

  constructor(wire: Wire, handlers: () => PeerHandlers) {
    this.#wire = wire
    this.#handlers = handlers
    this.#have = wire.message(haveCodec, 'what a peer has', ({ content, ranges }) =>
      this.#handlers().onHave(content, ranges)
    )
    this.#request = wire.message(chunkRequestCodec, 'a request for a chunk', request => this.#requested(request))
    this.#answer = wire.message(chunkAnswerCodec, 'a chunk', answer => this.#answered(answer))
    this.#cancel = wire.message(cancelCodec, 'a cancel', id => this.#cancelled(id))
  }

  get outstandingBytes(): number {
    return this.#outstandingBytes
  }

  get waiting(): number {
    return this.#asked.size
  }

  announceHave(content: Hash, ranges: ChunkRanges): void {
    for (let start = 0; start < ranges.length; start += HAVE_RANGES)
      this.#have({ content, ranges: ranges.slice(start, start + HAVE_RANGES) })
  }

  request(hash: Hash, length: number, signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(notWanted())
      const id = this.#nextId++
      const abort = (): void => this.#callOff(id)
      const settle = <T>(how: (value: T) => void) => {
        return (value: T): void => {
          signal.removeEventListener('abort', abort)
          this.#outstandingBytes -= length
          how(value)
        }
      }
      this.#asked.set(id, { hash, length, resolve: settle(resolve), reject: settle(reject) })
      this.#outstandingBytes += length
      signal.addEventListener('abort', abort)
      this.#request({ id, hash, length })
      this.#wire.expectAnswer()
    })
  }

  /** Rejects whatever waits. */
  fail(error: BackerError): void {
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    this.#calledOff.clear()
    this.#small.length = this.#large.length = 0
    for (const { reject } of asked) reject(error)
  }

  #callOff(id: number): void {
    const asked = this.#asked.get(id)
    if (asked === undefined) return
    this.#asked.delete(id)
    this.#calledOff.set(id, asked)
    this.#cancel(id)
    asked.reject(notWanted())
  }

  #answered({ id, bytes }: ChunkAnswer): void {
    this.#wire.answerCame()
    if (this.#calledOff.delete(id)) return
    const asked = this.#asked.get(id)
    if (asked === undefined) throw new BackerError('PEER_MISBEHAVED', 'the peer gave a chunk that nobody asked for')
    this.#asked.delete(id)
    if (bytes.byteLength === 0) return asked.reject(new BackerError('UNAVAILABLE', 'the peer does not have the chunk'))
    if (bytes.byteLength !== asked.length || !hashesEqual(hashBytes(bytes), asked.hash)) {
      const error = new BackerError('PEER_MISBEHAVED', 'the peer gave a chunk that is not the one that was asked for')
      asked.reject(error)
      throw error
    }
    asked.resolve(bytes)
  }

  #requested(request: ChunkRequest): void {
    if (request.length < 1 || request.length > CHUNK_BYTES)
      throw new BackerError('PEER_MISBEHAVED', 'the peer asked for a chunk of a size that there is not')
    if (this.#small.length + this.#large.length >= CHUNK_REQUESTS_OPEN) {
      throw new BackerError('PEER_MISBEHAVED', 'the peer asked for more chunks than it may at once')
    }
    if (request.length <= SMALL_BYTES) this.#small.push(request)
    else this.#large.push(request)
    if (this.#readers < READERS) void this.#serve()
  }

  #cancelled(id: number): void {
    for (const queue of [this.#small, this.#large]) {
      const at = queue.findIndex(request => request.id === id)
      if (at < 0) continue
      queue.splice(at, 1)
      this.#answer({ id, bytes: new Uint8Array(0) })
    }
  }

  /** Reads and sends until nothing waits; several at once, and none further while the stream is full. */
  async #serve(): Promise<void> {
    this.#readers++
    for (let request = this.#next(); request !== undefined && !this.#wire.closed; request = this.#next()) {
      const bytes = await this.#read(request)
      if (this.#wire.closed) break
      if (!this.#answer({ id: request.id, bytes })) await this.#wire.drained()
    }
    this.#readers--
  }

  async #read({ hash, length }: ChunkRequest): Promise<Uint8Array> {
    try {
      const bytes = await this.#handlers().onChunk(hash)
      return bytes?.byteLength === length ? bytes : new Uint8Array(0)
    } catch (error) {
      this.#wire.trace(`could not read a chunk: ${messageOf(error)}`)
      return new Uint8Array(0)
    }
  }

  #next(): ChunkRequest | undefined {
    const isLargesTurn = this.#small.length === 0 || (this.#smallInARow >= SMALL_IN_A_ROW && this.#large.length > 0)
    this.#smallInARow = isLargesTurn ? 0 : this.#smallInARow + 1
    return isLargesTurn ? this.#large.shift() : this.#small.shift()
  }
}

function notWanted(): BackerError {
  return new BackerError('UNAVAILABLE', 'no longer wanted')
}
