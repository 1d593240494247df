import type Protomux from 'protomux'
import type { Channel } from 'protomux'
import c from 'compact-encoding'
import { decodeWith, encodeWith, type Codec } from '../lib/core/codec.js'
import { BackerError, messageOf, type ErrorCode } from '../lib/core/error.js'
import type { Hash } from '../lib/core/model/hash.js'
import type { Runtime, Timer } from '../lib/runtime.js'
import { ChunkChannel } from './chunk-channel.js'
import { ANSWER_DEADLINE_MS, NAME_BYTES, REASON_BYTES } from './limits.js'
import { MerkleChannel } from './merkle-channel.js'
import { closeCodec, helloCodec, openingCodec, type CloseMessage, type HelloMessage } from './messages.js'
import type { ChunkRanges, FolderLink, HeadUpdate, Hello, PeerHandlers, PeerLink } from './peer-link.js'
import { channelId, isSameProof, proofOf, type SessionFacts } from './proof.js'
import type { Wire } from './wire.js'

/** What Protomux calls the channels of folders; each has its own id (see proof.ts). */
export const CHANNEL_PROTOCOL = 'backer/folder'

/** What a session has of the connection that it is on. */
export interface Line {
  readonly mux: Protomux
  readonly facts: SessionFacts
  readonly isInitiator: boolean
  readonly deviceId: string
  readonly remoteHost: string | undefined
  readonly isRelayed: boolean
  readonly runtime: Runtime
  /** The peer has proven that it knows a folder's key. */
  readonly onproven: () => void
  /** Why this side tore the connection down, where it did. */
  readonly tornFor: () => BackerError | undefined
  /** Ends all that is on the connection, lets what was said go out, then closes it. */
  readonly finish: () => void
}

/**
 * One folder on one connection: opened under a name that only holders of the key can say, proven, and then used by the Merkle channel and
 * the chunk channel, which share one Protomux channel so that their messages keep their order.
 */
export class Session implements PeerLink, Wire {
  readonly #line: Line
  readonly #link: FolderLink
  readonly #onclosed: () => void
  readonly #waitingForDrain: (() => void)[] = []
  #channel: Channel | undefined
  #hello: Hello | undefined
  #handlers: PeerHandlers | undefined
  #merkle: MerkleChannel | undefined
  #chunks: ChunkChannel | undefined
  #sendHello: ((message: HelloMessage) => boolean) | undefined
  #isProven = false
  #sendClose: ((message: CloseMessage) => boolean) | undefined
  #closed = false
  #reason: BackerError | undefined
  #watchdog: Timer | undefined
  #lastAnswerAt = 0

  private constructor(line: Line, link: FolderLink, onclosed: () => void) {
    this.#line = line
    this.#link = link
    this.#onclosed = onclosed
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
      onclose: () => this.#end(),
      ondrain: () => this.#wakeDrained()
    })
    if (channel === null) return false
    this.#channel = channel
    const handlers = (): PeerHandlers => this.#introduced()
    this.#sendHello = this.message(helloCodec, 'a hello', hello => this.#greeted(hello))
    this.#merkle = new MerkleChannel(this, handlers)
    this.#chunks = new ChunkChannel(this, handlers)
    this.#sendClose = this.message(closeCodec, 'a farewell', message => this.#farewell(message))
    const proof = proofOf(this.#link, facts, isInitiator ? 'initiator' : 'responder')
    channel.open(encodeWith(openingCodec, { proof }))
    return true
  }

  #opened(bytes: Uint8Array): void {
    const { proof } = decodeWith(openingCodec, bytes, 'an opening')
    const expected = proofOf(this.#link, this.#line.facts, this.#line.isInitiator ? 'responder' : 'initiator')
    if (!isSameProof(proof, expected)) throw new BackerError('FORGED', 'the peer could not prove that it knows the key')
    this.#isProven = true
    this.#line.onproven()
    const { name, role, replica } = this.#link.hello
    this.#sendHello?.({ name: cutName(name), role, replica })
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
    return this.#line.remoteHost
  }

  get isRelayed(): boolean {
    return this.#line.isRelayed
  }

  get hello(): Hello {
    if (this.#hello === undefined) throw new BackerError('PEER_GONE', 'the peer has not said who it is')
    return this.#hello
  }

  get outstandingBytes(): number {
    return this.#chunks?.outstandingBytes ?? 0
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

  async requestChunk(hash: Hash, length: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#ifOpen(this.#chunks).request(hash, length, signal)
  }

  #ifOpen<T>(channel: T | undefined): T {
    if (channel === undefined || this.#closed) throw gone(this.#reason)
    return channel
  }

  close(reason: BackerError): void {
    if (this.#closed) return
    this.#reason = reason
    this.#sendClose?.({ code: reason.code, message: reason.message.slice(0, REASON_BYTES / 4) })
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

  message<T>(codec: Codec<T>, what: string, receive: (value: T) => void): (value: T) => boolean {
    const channel = this.#ifOpen(this.#channel)
    const onmessage = (bytes: Uint8Array): void => this.#guard(() => receive(decodeWith(codec, bytes, what)))
    const message = channel.addMessage({ encoding: c.raw, onmessage })
    return value => this.#closed || message.send(encodeWith(codec, value))
  }

  drained(): Promise<void> {
    if (this.#closed || this.#channel?.drained === true) return Promise.resolve()
    return new Promise(resolve => this.#waitingForDrain.push(resolve))
  }

  expectAnswer(): void {
    if (this.#watchdog !== undefined) return
    this.#lastAnswerAt = this.#line.runtime.clock.monotonic()
    this.#watch()
  }

  answerCame(): void {
    this.#lastAnswerAt = this.#line.runtime.clock.monotonic()
  }

  trace(line: string): void {
    this.#line.runtime.trace(line)
  }

  /** A peer that owes answers and gives none for a while is let go: others may have what it does not send. */
  #watch(): void {
    const { timers, clock } = this.#line.runtime
    this.#watchdog = timers.after(ANSWER_DEADLINE_MS / 4, () => {
      this.#watchdog = undefined
      if (this.#closed || (this.#merkle?.waiting ?? 0) + (this.#chunks?.waiting ?? 0) === 0) return
      if (clock.monotonic() - this.#lastAnswerAt > ANSWER_DEADLINE_MS)
        this.close(new BackerError('TIMEOUT', 'the peer did not answer in time'))
      else this.#watch()
    })
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
    this.#reason = new BackerError(
      'PEER_GONE',
      `the peer ended the connection: ${printable(message)} (${printable(code)})`
    )
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#reason ??= this.#line.tornFor()
    this.#watchdog?.cancel()
    this.#wakeDrained()
    const error = gone(this.#reason)
    this.#merkle?.fail(error)
    this.#chunks?.fail(error)
    this.#handlers?.onClose(this.#reason)
    this.#onclosed()
  }

  #wakeDrained(): void {
    for (const resolve of this.#waitingForDrain.splice(0)) resolve()
  }
}

function gone(reason: BackerError | undefined): BackerError {
  const code: ErrorCode = reason?.code === 'TIMEOUT' ? 'TIMEOUT' : 'PEER_GONE'
  return new BackerError(code, reason?.message ?? 'the connection ended')
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
