import type { Channel } from 'protomux'
import c from 'compact-encoding'
import { decodeWith, encodeWith, type Codec, type CodecState } from '../lib/core/codec.js'
import { BackerError, messageOf, type ErrorCode } from '../lib/core/error.js'
import type { Hash } from '../lib/core/model/hash.js'
import type { RelativePath } from '../lib/core/model/path.js'
import { ChunkChannel } from './chunk-channel.js'
import {
  HOLD_REQUESTS_OPEN,
  NAME_BYTES,
  PAST_REQUESTS_OPEN,
  REASON_BYTES,
  REVISIONS_TOLD,
  SNAPSHOTS_TOLD
} from './limits.js'
import type { Gate, Line, Road } from './line.js'
import { MerkleChannel } from './merkle-channel.js'
import {
  closeCodec,
  helloCodec,
  holdAnswerCodec,
  holdRequestCodec,
  newsCodec,
  obstaclesCodec,
  openingCodec,
  pastAnswerCodec,
  pastRequestCodec,
  pingCodec,
  pongCodec,
  roadsCodec,
  type CloseMessage,
  type HelloMessage,
  type HoldAnswer,
  type Obstacle,
  type PastRequest,
  type RoadsMessage
} from './messages.js'
import type {
  AskedChunk,
  ChunkRanges,
  FolderLink,
  HeadUpdate,
  Hello,
  HoldQuestion,
  News,
  Past,
  PeerHandlers,
  PeerLink
} from './peer-link.js'
import { channelId, isSameProof, proofOf } from './proof.js'
import { QuestionChannel } from './question-channel.js'
import { Watchdog } from './watchdog.js'
import type { Wire } from './wire.js'

/** What Protomux calls the channels of folders; each has its own id (see proof.ts). */
export const CHANNEL_PROTOCOL = 'backer/folder'

type PastQuestion = Omit<PastRequest, 'id'>
type HoldProof = Omit<HoldAnswer, 'id'>

/** The reasons to end a connection that speak of the peer. */
const TOLD: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CLONED',
  'MALFORMED',
  'LIMIT',
  'BAD_PATH',
  'TREE_CORRUPT',
  'FORGED',
  'PEER_MISBEHAVED',
  'TIMEOUT'
])

/**
 * One folder on one connection: opened under a name that only holders of the key can say, proven, and then used by the Merkle channel and
 * the chunk channel, which share one Protomux channel so that their messages keep their order.
 */
export class Session implements PeerLink, Wire {
  readonly #line: Line
  readonly #link: FolderLink
  readonly #onclosed: () => void
  readonly #watchdog: Watchdog
  #channel: Channel | undefined
  #hello: Hello | undefined
  #handlers: PeerHandlers | undefined
  #merkle: MerkleChannel | undefined
  #chunks: ChunkChannel | undefined
  #past: QuestionChannel<PastQuestion, Past> | undefined
  #holds: QuestionChannel<HoldQuestion, HoldProof> | undefined
  #sendObstacles: ((obstacles: readonly Obstacle[]) => void) | undefined
  #sendNews: ((news: News) => void) | undefined
  #sendHello: ((message: HelloMessage) => void) | undefined
  #isProven = false
  #sendClose: ((message: CloseMessage) => void) | undefined
  #sendPing: ((id: number) => void) | undefined
  readonly #pings = new Map<number, () => void>()
  #nextPing = 0
  #sendPong: ((id: number) => void) | undefined
  #tellRoads: (() => void) | undefined
  /** The ping that waits for its pong: a later one takes its place, so that pings can't make pongs pile up. */
  #owedPong: number | undefined
  #closed = false
  #reason: BackerError | undefined

  private constructor(line: Line, link: FolderLink, onclosed: () => void) {
    this.#line = line
    this.#link = link
    this.#onclosed = onclosed
    this.#watchdog = new Watchdog(line, {
      waiting: () =>
        (this.#merkle?.waiting ?? 0) +
        (this.#chunks?.waiting ?? 0) +
        (this.#past?.waiting ?? 0) +
        (this.#holds?.waiting ?? 0),
      expire: (now, error) => {
        this.#merkle?.expire(now, error)
        this.#chunks?.expire(now, error)
        this.#past?.expire(now, error)
        this.#holds?.expire(now, error)
      },
      hung: error => this.close(error)
    })
  }

  /** Opens the folder's channel, or answers the peer's opening. undefined where it is open already, or the connection is gone. */
  static open(line: Line, link: FolderLink, onclosed: () => void): Session | undefined {
    const session = new Session(line, link, onclosed)
    return session.#open() ? session : undefined
  }

  #open(): boolean {
    const { mux, facts, isInitiator } = this.#line
    const channel = mux.createChannel({
      protocol: CHANNEL_PROTOCOL,
      id: channelId(this.#link, facts),
      unique: true,
      handshake: c.raw,
      onopen: bytes => this.#guard(() => this.#opened(bytes)),
      onclose: () => this.#end()
    })
    if (channel === null) return false
    this.#channel = channel
    const handlers = (): PeerHandlers => this.#introduced()
    this.#sendHello = this.message(helloCodec, 'a hello', hello => this.#greeted(hello))
    this.#merkle = new MerkleChannel(this, handlers)
    this.#chunks = new ChunkChannel(this, handlers)
    this.#sendClose = this.message(closeCodec, 'a farewell', message => this.#farewell(message))
    const sendRoads = this.#addRoadMessages()
    this.#addQuestions()
    this.#tellRoads = () => {
      const roads = this.#line.roads()
      if (roads !== undefined) sendRoads(roads)
    }
    const proof = proofOf(this.#link, facts, isInitiator ? 'initiator' : 'responder')
    channel.open(encodeWith(openingCodec, { proof }))
    return true
  }

  /** What is kept of the past, proofs of what is held now, and why something is not held. */
  #addQuestions(): void {
    this.#past = new QuestionChannel<PastQuestion, Past>(this, {
      request: pastRequestCodec,
      answer: pastAnswerCodec,
      openMax: PAST_REQUESTS_OPEN,
      what: 'the past',
      answerTo: async ({ path }) => {
        const { snapshots, revisions } = await this.#introduced().onPast(path)
        return { snapshots: snapshots.slice(0, SNAPSHOTS_TOLD), revisions: revisions.slice(0, REVISIONS_TOLD) }
      }
    })
    this.#holds = new QuestionChannel<HoldQuestion, HoldProof>(this, {
      request: holdRequestCodec,
      answer: holdAnswerCodec,
      openMax: HOLD_REQUESTS_OPEN,
      what: 'what is held',
      answerTo: async question => ({ proof: await this.#introduced().onHold(question) })
    })
    this.#sendObstacles = this.message(obstaclesCodec, 'reasons', told => this.#introduced().onObstacles(told))
    this.#sendNews = this.message(newsCodec, 'news', news => this.#introduced().onNews(news))
  }

  /** Pings, pongs, and how else each side can be reached. */
  #addRoadMessages(): (roads: RoadsMessage) => void {
    this.#sendPing = this.message(pingCodec, 'a ping', id => this.#pinged(id))
    const sendPong = this.message(pongCodec, 'a pong', id => this.#ponged(id))
    this.#sendPong = sendPong
    return this.message(roadsCodec, "a device's roads", roads => {
      this.#introduced()
      this.#line.onroads(roads)
    })
  }

  #pinged(id: number): void {
    this.#introduced()
    const isWaiting = this.#owedPong !== undefined
    this.#owedPong = id
    if (isWaiting) return
    void this.inTurn(() => {
      const owed = this.#owedPong
      this.#owedPong = undefined
      if (owed !== undefined) this.#sendPong?.(owed)
    })
  }

  #ponged(id: number): void {
    const answered = this.#pings.get(id)
    this.#pings.delete(id)
    answered?.()
  }

  /** Resolves once the peer has answered; never where it does not. Undefined where the peer has not introduced itself. */
  ping(): Promise<void> | undefined {
    if (this.#hello === undefined || this.#closed) return undefined
    const id = this.#nextPing++
    // One that was never answered is given up with the next.
    this.#pings.clear()
    return new Promise(resolve => {
      this.#pings.set(id, resolve)
      this.#sendPing?.(id)
    })
  }

  /** Tells the peer anew how else this device can be reached. */
  tellRoads(): void {
    if (this.#hello !== undefined && !this.#closed) this.#tellRoads?.()
  }

  #opened(bytes: Uint8Array): void {
    const { proof } = decodeWith(openingCodec, bytes, 'an opening')
    const expected = proofOf(this.#link, this.#line.facts, this.#line.isInitiator ? 'responder' : 'initiator')
    if (!isSameProof(proof, expected)) throw new BackerError('FORGED', 'the peer could not prove that it knows the key')
    this.#isProven = true
    this.#line.onproven()
    const { name, role, replica } = this.#link.hello
    this.#sendHello?.({ name: cutName(name), role, replica })
    this.#tellRoads?.()
  }

  #greeted(hello: HelloMessage): void {
    if (!this.#isProven || this.#hello !== undefined)
      throw new BackerError('PEER_MISBEHAVED', 'the peer introduced itself out of turn')
    this.#hello = hello
    this.#handlers = this.#link.onpeer(this)
    if (this.#closed) this.#handlers.onClose(this.#reason)
  }

  /** The engine's handlers; nothing of the peer's is looked at before its proof and its hello have been. */
  #introduced(): PeerHandlers {
    if (this.#handlers === undefined)
      throw new BackerError('PEER_MISBEHAVED', 'the peer spoke before it introduced itself')
    return this.#handlers
  }

  get deviceId(): string {
    return this.#line.deviceId
  }

  get remoteHost(): string | undefined {
    return this.#line.road().host
  }

  get road(): Road {
    return this.#line.road()
  }

  get roundTripMs(): number | undefined {
    return this.#line.roundTripMs()
  }

  get hello(): Hello {
    if (this.#hello === undefined) throw new BackerError('PEER_GONE', 'the peer has not said who it is')
    return this.#hello
  }

  get outstandingBytes(): number {
    return this.#chunks?.outstandingBytes ?? 0
  }

  get windowBytes(): number {
    return this.#line.windowBytes()
  }

  get requestsInFlight(): number {
    return this.#chunks?.waiting ?? 0
  }

  get closed(): boolean {
    return this.#closed
  }

  sendHead(update: HeadUpdate): void {
    this.#merkle?.sendHead(update)
  }

  sendNews(news: News): void {
    const bytes = [...news.nodes, ...news.files].reduce((sum, part) => sum + part.byteLength, 0)
    if (this.#line.upload().tryPass(bytes)) this.#sendNews?.(news)
  }

  relayHeads(heads: readonly Uint8Array[]): void {
    this.#merkle?.relayHeads(heads)
  }

  announceHave(content: Hash, ranges: ChunkRanges): void {
    this.#chunks?.announceHave(content, ranges)
  }

  async requestNodes(hashes: readonly Hash[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#ifOpen(this.#merkle).request(undefined, hashes)
  }

  async requestContentNodes(content: Hash, hashes: readonly Hash[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#ifOpen(this.#merkle).request(content, hashes)
  }

  async requestChunks(
    chunks: readonly AskedChunk[],
    signal: AbortSignal
  ): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#ifOpen(this.#chunks).request(chunks, signal)
  }

  async requestPast(path: RelativePath | undefined): Promise<Past> {
    const { snapshots, revisions } = await this.#ifOpen(this.#past).ask({ path })
    return { snapshots, revisions }
  }

  async requestHold(question: HoldQuestion): Promise<Uint8Array | undefined> {
    const { proof } = await this.#ifOpen(this.#holds).ask(question)
    return proof
  }

  sendObstacles(obstacles: readonly Obstacle[]): void {
    this.#sendObstacles?.(obstacles)
  }

  #ifOpen<T>(channel: T | undefined): T {
    if (channel === undefined || this.#closed) throw gone(this.#reason)
    return channel
  }

  close(reason: BackerError): void {
    if (this.#closed) return
    this.#reason = reason
    this.#sendClose?.({ code: reason.code, message: sentenceFor(reason) })
    this.#line.finish()
    this.#end()
  }

  /** Takes note that the connection is over. */
  abandon(): void {
    this.#end()
  }

  /** Ends the folder on this connection, which may go on for others. */
  leave(): void {
    this.#channel?.close()
    this.#end()
  }

  message<T>(codec: Codec<T>, what: string, receive: (value: T) => void): (value: T) => void {
    const channel = this.#ifOpen(this.#channel)
    // Encoded right into the frame, because a chunk is worth a copy less; taken apart by decodeWith, which knows all errors.
    const encoding = {
      preencode: codec.preencode,
      encode: codec.encode,
      decode: (state: CodecState) => c.raw.decode(state)
    }
    const onmessage = (bytes: Uint8Array): void => this.#guard(() => receive(decodeWith(codec, bytes, what)))
    const message = channel.addMessage({ encoding, onmessage })
    return value => {
      if (!this.#closed) message.send(value)
    }
  }

  inTurn(send: () => void): Promise<void> {
    return this.#line.outlet.send(() => this.#guard(send))
  }

  expectAnswer(): number {
    return this.#watchdog.expectAnswer()
  }

  gather(): void {
    this.#line.gather()
  }

  upload(): Gate {
    return this.#line.upload()
  }

  download(): Gate {
    return this.#line.download()
  }

  answerCame(): void {
    this.#watchdog.answerCame()
  }

  trace(line: string): void {
    this.#line.runtime.trace(line)
  }

  /** Whatever a peer causes ends its connection, and nothing else. */
  #guard(action: () => void): void {
    if (this.#closed) return
    try {
      action()
    } catch (error) {
      this.endFor(error)
    }
  }

  endFor(error: unknown): void {
    this.close(error instanceof BackerError ? error : new BackerError('INTERNAL', messageOf(error), { cause: error }))
  }

  #farewell({ code, message }: CloseMessage): void {
    const told = `the peer ended the connection: ${printable(message)} (${printable(code)})`
    // The one code that is about this side and not about what was said.
    this.#reason =
      code === 'CLONED'
        ? new BackerError('CLONED', told, { peer: ownIdOf(this.#line) })
        : new BackerError('PEER_GONE', told)
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#reason ??= this.#line.tornFor()
    this.#watchdog.stop()
    const error = gone(this.#reason)
    this.#merkle?.fail(error)
    this.#chunks?.fail(error)
    this.#past?.fail(error)
    this.#holds?.fail(error)
    this.#handlers?.onClose(this.#reason)
    this.#onclosed()
  }
}

function gone(reason: BackerError | undefined): BackerError {
  const code: ErrorCode = reason?.code === 'TIMEOUT' ? 'TIMEOUT' : 'PEER_GONE'
  return new BackerError(code, reason?.message ?? 'the connection ended')
}

function ownIdOf({ isInitiator, facts }: Line): string {
  return Buffer.from(isInitiator ? facts.initiatorPublicKey : facts.responderPublicKey).toString('hex')
}

/** What the peer is told: what it did. Trouble of this side's own, which may name its paths, is none of its business. */
function sentenceFor({ code, message }: BackerError): string {
  return TOLD.has(code) ? message.slice(0, REASON_BYTES / 4) : 'it has trouble of its own'
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?')
}

/** The longest beginning of a name that fits. */
function cutName(name: string): string {
  let cut = name
  while (Buffer.byteLength(cut) > NAME_BYTES) cut = cut.slice(0, -1)
  return cut.toWellFormed()
}
