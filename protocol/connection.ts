import Protomux from 'protomux'
import { BackerError } from '../lib/core/error.js'
import type { Runtime } from '../lib/runtime.js'
import type { NoiseStream } from './handshake.js'
import { CHANNEL_OPENS_MAX, UNPROVEN_FRAME_BYTES } from './limits.js'
import type { FolderLink } from './peer-link.js'
import { channelId, type SessionFacts } from './proof.js'
import { PROTOCOL, Session, type Line } from './session.js'

export interface ConnectionOptions {
  readonly runtime: Runtime
  /** Milliseconds after which a connection on which nobody has proven anything is closed; without it, never. */
  readonly requireProofWithinMs?: number
}

/** One Noise stream to one device, and all folders that both have. */
export class Connection {
  readonly closed: Promise<void>
  readonly #stream: NoiseStream
  readonly #line: Line
  readonly #sessions = new Map<FolderLink, Session>()
  #proven = false

  private constructor(stream: NoiseStream, line: Line, closed: Promise<void>) {
    this.#stream = stream
    this.#line = line
    this.closed = closed
  }

  /** Takes over a Noise stream whose handshake is done. */
  static over(stream: NoiseStream, { runtime, requireProofWithinMs }: ConnectionOptions): Connection {
    stream.on('error', () => undefined)
    const closed = new Promise<void>(resolve => stream.once('close', resolve))
    const mux = Protomux.from(stream)
    const line: Line = {
      mux,
      facts: factsOf(stream),
      isInitiator: stream.isInitiator,
      deviceId: Buffer.from(stream.remotePublicKey).toString('hex'),
      remoteHost: stream.rawStream.remoteHost ?? stream.rawStream.remoteAddress,
      isRelayed: Boolean(stream.relay),
      runtime,
      onproven: () => (connection.#proven = true)
    }
    const connection = new Connection(stream, line, closed)
    capOpenings(mux)
    connection.#capFrames()
    if (requireProofWithinMs !== undefined) connection.#requireProof(requireProofWithinMs)
    return connection
  }

  /** True once the peer has proven that it knows the key of some folder. */
  get proven(): boolean {
    return this.#proven
  }

  /** The peer's Noise static key, in hexadecimal. */
  get deviceId(): string {
    return this.#line.deviceId
  }

  /**
   * Makes a folder ready to be spoken of on this connection. `initiate`: asks the peer for it; without it only answers a peer that asks, so
   * that one who knows nothing learns nothing.
   */
  offer(link: FolderLink, { initiate }: { readonly initiate: boolean }): void {
    const name = { protocol: PROTOCOL, id: channelId(link, this.#line.facts) }
    this.#line.mux.pair(name, () => this.#open(link))
    if (initiate) this.#open(link)
  }

  /** Takes a folder off this connection. */
  withdraw(link: FolderLink): void {
    this.#line.mux.unpair({ protocol: PROTOCOL, id: channelId(link, this.#line.facts) })
    this.#sessions.get(link)?.leave()
  }

  destroy(): void {
    this.#stream.destroy()
  }

  #open(link: FolderLink): void {
    if (this.#sessions.has(link)) return
    const session = Session.open(this.#line, link, () => this.#sessions.delete(link))
    if (session !== undefined && !session.closed) this.#sessions.set(link, session)
  }

  /**
   * A frame's length is announced before its bytes, and the stream would wait for up to 16 MiB of it: who has proven nothing may not announce
   * more than an opening needs.
   */
  #capFrames(): void {
    const look = (): void => {
      if (this.#proven) this.#stream.rawStream.off('data', look)
      else if (this.#stream._len > UNPROVEN_FRAME_BYTES)
        this.#stream.destroy(new BackerError('LIMIT', 'a frame before any proof is too large'))
    }
    this.#stream.rawStream.on('data', look)
  }

  #requireProof(withinMs: number): void {
    const timer = this.#line.runtime.timers.after(withinMs, () => {
      if (!this.#proven) this.#stream.destroy()
    })
    void this.closed.then(() => timer.cancel())
  }
}

function factsOf(stream: NoiseStream): SessionFacts {
  const { isInitiator, publicKey, remotePublicKey, handshakeHash } = stream
  if (handshakeHash === null) throw new BackerError('PEER_GONE', 'the connection ended before its handshake')
  return {
    handshakeHash,
    initiatorPublicKey: isInitiator ? publicKey : remotePublicKey,
    responderPublicKey: isInitiator ? remotePublicKey : publicKey
  }
}

/** Protomux sets no limit on the channels that a peer opens; each costs an answer and memory. */
function capOpenings(mux: Protomux): void {
  const open = mux._onopensession.bind(mux)
  let count = 0
  mux._onopensession = state => {
    if (++count > CHANNEL_OPENS_MAX) throw new BackerError('LIMIT', 'the peer opened too many channels')
    return open(state)
  }
}
