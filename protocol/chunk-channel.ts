import { BackerError, messageOf } from '../lib/core/error.js'
import { letGo } from '../lib/core/own-bytes.js'
import { hashBytes, hashesEqual, type Hash } from '../lib/core/model/hash.js'
import { CHUNK_BYTES, CHUNKS_OPEN, HAVE_RANGES, SERVE_BYTES } from './limits.js'
import {
  cancelCodec,
  chunkAnswerCodec,
  chunkRequestCodec,
  haveCodec,
  type AskedChunk,
  type ChunkAnswer,
  type ChunkRequest,
  type HaveMessage
} from './messages.js'
import { onAbort } from './on-abort.js'
import type { ChunkRanges, PeerHandlers } from './peer-link.js'
import type { Wire } from './wire.js'

/** Chunks up to this size are answered before larger ones, so that small files are not held up by a large one. */
const SMALL_BYTES = 64 * 1024
/** After how many small ones a large one has its turn. */
const SMALL_IN_A_ROW = 16
/** How many requests of one peer are served at once, besides SERVE_BYTES of their chunks. */
const SERVED_AT_ONCE = 64
/** The answer of one who does not have the chunk. */
const NOTHING = new Uint8Array(0)

type Chunks = readonly (Uint8Array | undefined)[]

interface Asked {
  readonly chunks: readonly AskedChunk[]
  /** Bytes of all of them. */
  readonly length: number
  readonly resolve: (chunks: Chunks) => void
  readonly reject: (error: BackerError) => void
  /** Until when it must have been answered. */
  readonly deadline: number
  isSent: boolean
}

/** Chunks that the peer waits for. */
interface Wanted extends ChunkRequest {
  /** Bytes of all of them. */
  readonly length: number
  /** It waits no longer, but for the empty answer that ends its request. */
  isCalledOff: boolean
}

/** The chunk channel of one folder with one peer: which chunks of half-finished files are here, and chunks by their hashes. */
export class ChunkChannel {
  readonly #wire: Wire
  readonly #handlers: () => PeerHandlers
  readonly #asked = new Map<number, Asked>()
  /** Requests that wait because the peer has as many chunks to give as it takes. */
  readonly #unsent: number[] = []
  /** Requests that were sent and called off, each with the number of its chunks: each is still answered. */
  readonly #calledOff = new Map<number, number>()
  /** Requests wait because the rate allows no more now. */
  #isHeldBack = false
  /** Chunks that the peer has been asked for. */
  #open = 0
  /** What the peer has asked for and has no answer to, by its number. */
  readonly #wanted = new Map<number, Wanted>()
  /** How many chunks that are. */
  #wantedCount = 0
  readonly #small: Wanted[] = []
  readonly #large: Wanted[] = []
  #smallInARow = 0
  /** Chunks that are being read, or were read and wait for their turn to leave, and their bytes. */
  #served = 0
  #servedBytes = 0
  #outstandingBytes = 0
  #nextId = 1
  readonly #have: (message: HaveMessage) => void
  readonly #request: (request: ChunkRequest) => void
  readonly #answer: (answer: ChunkAnswer) => void
  readonly #cancel: (id: number) => void

  constructor(wire: Wire, handlers: () => PeerHandlers) {
    this.#wire = wire
    this.#handlers = handlers
    this.#have = wire.message(haveCodec, 'what a peer has', ({ content, ranges }) =>
      this.#handlers().onHave(content, ranges)
    )
    this.#request = wire.message(chunkRequestCodec, 'a request for chunks', request => this.#requested(request))
    this.#answer = wire.message(chunkAnswerCodec, 'an answer with chunks', answer => this.#answered(answer))
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

  /** See `PeerLink.requestChunks`. */
  request(chunks: readonly AskedChunk[], signal: AbortSignal): Promise<Chunks> {
    const length = bytesOf(chunks)
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(notWanted())
        return
      }
      const id = this.#nextId++
      const ignoreAbort = onAbort(signal, () => this.#callOff(id, notWanted()))
      const settling = <T>(how: (value: T) => void) => {
        return (value: T): void => {
          ignoreAbort()
          this.#outstandingBytes -= length
          how(value)
        }
      }
      const deadline = this.#wire.expectAnswer()
      this.#asked.set(id, {
        chunks,
        length,
        deadline,
        resolve: settling(resolve),
        reject: settling(reject),
        isSent: false
      })
      this.#outstandingBytes += length
      this.#unsent.push(id)
      this.#sendMore()
    })
  }

  /** Rejects whatever waits. */
  fail(error: BackerError): void {
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    this.#calledOff.clear()
    this.#wanted.clear()
    this.#unsent.length = this.#small.length = this.#large.length = 0
    for (const { reject } of asked) reject(error)
  }

  #sendMore(): void {
    for (;;) {
      const id = this.#unsent.shift()
      if (id === undefined) return
      const asked = this.#asked.get(id)
      if (asked === undefined) continue
      if (this.#open + asked.chunks.length > CHUNKS_OPEN) {
        this.#unsent.unshift(id)
        return
      }
      if (!this.#wire.download().tryPass(asked.length)) {
        this.#unsent.unshift(id)
        void this.#sendLater()
        return
      }
      this.#open += asked.chunks.length
      asked.isSent = true
      this.#wire.gather()
      this.#request({ id, chunks: asked.chunks })
    }
  }

  /** Goes on asking once the rate allows it. */
  async #sendLater(): Promise<void> {
    if (this.#isHeldBack) return
    this.#isHeldBack = true
    await this.#wire.download().ready()
    this.#isHeldBack = false
    if (!this.#wire.closed) this.#sendMore()
  }

  /** Gives up what has waited too long. */
  expire(now: number, error: BackerError): void {
    for (const [id, { deadline }] of [...this.#asked]) if (deadline < now) this.#callOff(id, error)
  }

  #callOff(id: number, error: BackerError): void {
    const asked = this.#asked.get(id)
    if (asked === undefined) return
    this.#asked.delete(id)
    if (asked.isSent) {
      this.#calledOff.set(id, asked.chunks.length)
      this.#cancel(id)
    }
    asked.reject(error)
  }

  #answered({ id, chunks }: ChunkAnswer): void {
    const asked = this.#asked.get(id)
    const count = this.#calledOff.get(id) ?? (asked?.isSent === true ? asked.chunks.length : undefined)
    if (count === undefined) throw new BackerError('PEER_MISBEHAVED', 'the peer gave a chunk that nobody asked for')
    this.#wire.answerCame()
    this.#open -= count
    this.#calledOff.delete(id)
    this.#asked.delete(id)
    if (asked !== undefined) settle(asked, chunks)
    this.#sendMore()
  }

  #requested(request: ChunkRequest): void {
    const length = bytesOf(request.chunks)
    if (length > CHUNK_BYTES || request.chunks.length === 0 || request.chunks.some(chunk => chunk.length < 1))
      throw new BackerError('PEER_MISBEHAVED', 'the peer asked for chunks of a size that there is not')
    if (this.#wanted.has(request.id))
      throw new BackerError('PEER_MISBEHAVED', 'the peer gave two requests the same number')
    this.#wantedCount += request.chunks.length
    if (this.#wantedCount > CHUNKS_OPEN)
      throw new BackerError('PEER_MISBEHAVED', 'the peer asked for more chunks than it may at once')
    const wanted = { ...request, length, isCalledOff: false }
    this.#wanted.set(wanted.id, wanted)
    const isSmall = request.chunks.every(chunk => chunk.length <= SMALL_BYTES)
    const queue = isSmall ? this.#small : this.#large
    queue.push(wanted)
    this.#serve()
  }

  /** What was called off keeps its place, so that one who reads no answers can't make them pile up. */
  #cancelled(id: number): void {
    const wanted = this.#wanted.get(id)
    if (wanted !== undefined) wanted.isCalledOff = true
  }

  /** Begins with whatever waits, as far as there is room for one more of the largest size. */
  #serve(): void {
    while (this.#served < SERVED_AT_ONCE && this.#servedBytes + CHUNK_BYTES <= SERVE_BYTES && !this.#wire.closed) {
      const wanted = this.#next()
      if (wanted === undefined) return
      void this.#serveOne(wanted)
    }
  }

  /** Reads and sends what one request asks for; there is room for another only when this one has had its turn to leave. */
  async #serveOne(wanted: Wanted): Promise<void> {
    this.#served++
    this.#servedBytes += wanted.length
    const nothing = wanted.chunks.map(() => NOTHING)
    const chunks = wanted.isCalledOff ? nothing : await this.#read(wanted)
    const length = chunks.reduce((sum, bytes) => sum + bytes.byteLength, 0)
    while (!wanted.isCalledOff && !this.#wire.closed && !this.#wire.upload().tryPass(length))
      await this.#wire.upload().ready()
    await this.#wire.inTurn(() => {
      this.#wanted.delete(wanted.id)
      this.#wantedCount -= wanted.chunks.length
      if (length <= SMALL_BYTES) this.#wire.gather()
      this.#answer({ id: wanted.id, chunks: wanted.isCalledOff ? nothing : chunks })
    })
    chunks.forEach(letGo)
    this.#served--
    this.#servedBytes -= wanted.length
    this.#serve()
  }

  async #read({ chunks }: ChunkRequest): Promise<readonly Uint8Array[]> {
    let found: Chunks = []
    try {
      found = await this.#handlers().onChunks(chunks)
    } catch (error) {
      this.#wire.trace(`could not read a chunk: ${messageOf(error)}`)
    }
    return chunks.map(({ length }, i) => {
      const bytes = found[i]
      return bytes?.byteLength === length ? bytes : NOTHING
    })
  }

  #next(): Wanted | undefined {
    const isLargesTurn = this.#small.length === 0 || (this.#smallInARow >= SMALL_IN_A_ROW && this.#large.length > 0)
    this.#smallInARow = isLargesTurn ? 0 : this.#smallInARow + 1
    return isLargesTurn ? this.#large.shift() : this.#small.shift()
  }
}

/** Gives a request its answer. Throws PEER_MISBEHAVED where that is something else than what was asked for. */
function settle({ chunks, resolve, reject }: Asked, answer: readonly Uint8Array[]): void {
  const isRight = answer.length === chunks.length && chunks.every((chunk, i) => isAnswer(chunk, answer[i] ?? NOTHING))
  if (isRight) {
    resolve(answer.map(bytes => (bytes.byteLength === 0 ? undefined : bytes)))
    return
  }
  const error = new BackerError('PEER_MISBEHAVED', 'the peer gave a chunk that is not the one that was asked for')
  reject(error)
  throw error
}

/** True for the chunk's own bytes, and for none at all. */
function isAnswer({ hash, length }: AskedChunk, bytes: Uint8Array): boolean {
  return bytes.byteLength === 0 || (bytes.byteLength === length && hashesEqual(hashBytes(bytes), hash))
}

function bytesOf(chunks: readonly AskedChunk[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0)
}

function notWanted(): BackerError {
  return new BackerError('UNAVAILABLE', 'no longer wanted')
}
