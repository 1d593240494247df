import { Duplex } from 'node:stream'
import { BackerError } from '../lib/core/error.js'
import type { Runtime } from '../lib/runtime.js'
import { carefulMux } from './careful-mux.js'
import { capFrames, requireProgress } from './frame-cap.js'
import type { NoiseStream } from './handshake.js'
import { FAREWELL_MS, FRAME_BYTES, KEEP_ALIVE_MS, SILENCE_MAX_MS, UNPROVEN_FRAME_BYTES } from './limits.js'
import { Outlet } from './outlet.js'
import { OPEN_GATE, type Gate, type Line, type Road } from './line.js'
import type { RoadsMessage } from './messages.js'
import type { FolderLink } from './peer-link.js'
import { RequestWindow } from './request-window.js'
import { channelId, type SessionFacts } from './proof.js'
import { CHANNEL_PROTOCOL, Session } from './session.js'

export interface ConnectionOptions {
  readonly runtime: Runtime
  /** Milliseconds after which a connection on which nobody has proven anything is closed; without it, never. */
  readonly requireProofWithinMs?: number
  /** Where it runs, asked whenever somebody wants to know. */
  readonly road?: () => Road
  readonly upload?: () => Gate
  readonly download?: () => Gate
  /** What is said to the peer of how else this device can be reached, once it has proven that it knows a key; undefined: nothing. */
  readonly roads?: () => RoadsMessage | undefined
  readonly onroads?: (roads: RoadsMessage) => void
}

const PIPE: Road = { transport: 'pipe', rank: 0, isRelayed: false }
/** How many round trips are kept in mind. */
const ROUND_TRIPS_KEPT = 5

/** One Noise stream to one device, and all folders that both have. */
export class Connection {
  readonly closed: Promise<void>
  readonly #stream: NoiseStream
  readonly #line: Line
  readonly #sessions = new Map<FolderLink, Session>()
  readonly #window = new RequestWindow()
  #bytesReceived = 0
  #heardAt: number
  readonly #roundTrips: number[] = []
  #leastRoundTripMs: number | undefined
  #roundTripsMeasured = 0
  #onproven: (() => void) | undefined
  #proven = false
  #isOver = false
  #tornFor: BackerError | undefined

  private constructor(stream: NoiseStream, line: Line, closed: Promise<void>) {
    this.#stream = stream
    this.#line = line
    this.#heardAt = line.runtime.clock.monotonic()
    this.closed = closed
  }

  /** Takes over a Noise stream whose handshake is done. Throws PEER_GONE where it never was. */
  static over(stream: NoiseStream, options: ConnectionOptions): Connection {
    const { runtime, requireProofWithinMs } = options
    const frameBytes = (): number => (connection.#proven ? FRAME_BYTES : UNPROVEN_FRAME_BYTES)
    const mux = carefulMux(stream, {
      isProven: () => connection.#proven,
      isOver: () => connection.#isOver,
      frameBytes
    })
    const outlet = new Outlet(() => mux.drained)
    const line: Line = {
      mux,
      gather: gathererOf(stream, runtime),
      outlet,
      facts: factsOf(stream),
      isInitiator: stream.isInitiator,
      deviceId: Buffer.from(stream.remotePublicKey).toString('hex'),
      road: options.road ?? (() => PIPE),
      roundTripMs: () => connection.roundTripMs,
      upload: options.upload ?? (() => OPEN_GATE),
      download: options.download ?? (() => OPEN_GATE),
      roads: options.roads ?? (() => undefined),
      onroads: options.onroads ?? (() => undefined),
      runtime,
      bytesReceived: () => connection.#bytesReceived,
      bytesAskedFor: () => connection.#bytesAskedFor(),
      windowBytes: () => connection.#window.bytes(connection.leastRoundTripMs ?? 0),
      onproven: () => connection.#isProven(),
      tornFor: () => connection.#tornFor,
      finish: () => connection.#finish()
    }
    const closed = new Promise<void>(resolve => (stream.destroyed ? resolve() : stream.once('close', resolve)))
    const connection = new Connection(stream, line, closed)
    // Behind the mux's own listeners, so that what it says of the stream is true already.
    stream.on('drain', () => outlet.flow())
    void closed.then(() => outlet.close())
    stream.rawStream.on('data', (bytes: Uint8Array) => connection.#heard(bytes.byteLength))
    if (!stream.destroyed) {
      stream.setKeepAlive(KEEP_ALIVE_MS)
      stream.setTimeout(SILENCE_MAX_MS)
    }
    stream.on('error', error => {
      if (error instanceof BackerError) connection.#tornFor = error
    })
    capFrames(stream, runtime, frameBytes)
    requireProgress(stream, runtime)
    if (requireProofWithinMs !== undefined) connection.#requireProof(requireProofWithinMs)
    return connection
  }

  /** True once the peer has proven that it knows the key of some folder. */
  get proven(): boolean {
    return this.#proven
  }

  /** Called once, as soon as the peer has proven that it knows the key of some folder. */
  set onproven(listener: () => void) {
    this.#onproven = listener
    if (this.#proven) listener()
  }

  get bytesReceived(): number {
    return this.#bytesReceived
  }

  get bytesSent(): number {
    return this.#stream.rawBytesWritten
  }

  /** Milliseconds since something came. */
  get silentMs(): number {
    return this.#line.runtime.clock.monotonic() - this.#heardAt
  }

  /** The least of the last round trips that were measured, in milliseconds. */
  get roundTripMs(): number | undefined {
    return this.#roundTrips.length === 0 ? undefined : Math.min(...this.#roundTrips)
  }

  /** The least round trip since the connection is there: what the way takes when nothing is in it. */
  get leastRoundTripMs(): number | undefined {
    return this.#leastRoundTripMs
  }

  get roundTripsMeasured(): number {
    return this.#roundTripsMeasured
  }

  get isOpen(): boolean {
    return !this.#stream.destroyed
  }

  /** The folders that are spoken of on this connection. */
  get links(): Iterable<FolderLink> {
    return this.#sessions.keys()
  }

  /** True while something is under way that somebody waits for. */
  get isBusy(): boolean {
    return [...this.#sessions.values()].some(session => session.requestsInFlight > 0)
  }

  /** Measures the round trip. Resolves once the peer has answered, never where it does not; at once, and unmeasured, where it has not introduced itself. */
  async ping(): Promise<void> {
    const begin = this.#line.runtime.clock.monotonic()
    const answered = this.#pingAnySession()
    if (answered === undefined) return
    await answered
    const elapsedMs = this.#line.runtime.clock.monotonic() - begin
    this.#roundTripsMeasured++
    this.#leastRoundTripMs = Math.min(elapsedMs, this.#leastRoundTripMs ?? Infinity)
    this.#roundTrips.push(elapsedMs)
    if (this.#roundTrips.length > ROUND_TRIPS_KEPT) this.#roundTrips.shift()
  }

  #pingAnySession(): Promise<void> | undefined {
    for (const session of this.#sessions.values()) {
      const answered = session.ping()
      if (answered !== undefined) return answered
    }
    return undefined
  }

  /** Tells the peer anew how else this device can be reached. */
  tellRoads(): void {
    for (const session of [...this.#sessions.values()].slice(0, 1)) session.tellRoads()
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
    const name = { protocol: CHANNEL_PROTOCOL, id: channelId(link, this.#line.facts) }
    this.#line.mux.pair(name, () => this.#open(link))
    if (initiate) this.#open(link)
  }

  /** Takes a folder off this connection. */
  withdraw(link: FolderLink): void {
    this.#line.mux.unpair({ protocol: CHANNEL_PROTOCOL, id: channelId(link, this.#line.facts) })
    this.#sessions.get(link)?.leave()
  }

  destroy(): void {
    this.#stream.destroy()
  }

  #heard(bytes: number): void {
    this.#bytesReceived += bytes
    this.#heardAt = this.#line.runtime.clock.monotonic()
    this.#window.note(this.#heardAt, this.#bytesReceived, this.#leastRoundTripMs ?? 0, this.isBusy)
  }

  #isProven(): void {
    if (this.#proven) return
    this.#proven = true
    this.#onproven?.()
  }

  #bytesAskedFor(): number {
    let bytes = 0
    for (const session of this.#sessions.values()) bytes += session.outstandingBytes
    return bytes
  }

  #open(link: FolderLink): void {
    if (this.#sessions.has(link)) return
    const session = Session.open(this.#line, link, () => this.#sessions.delete(link))
    if (session !== undefined && !session.closed) this.#sessions.set(link, session)
  }

  /** The last word is on its way: nothing that still comes counts, and the stream ends as soon as it has left. */
  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const session of [...this.#sessions.values()]) session.abandon()
    this.#stream.end()
    const timer = this.#line.runtime.timers.after(FAREWELL_MS, () => this.#stream.destroy())
    void this.closed.then(() => timer.cancel())
  }

  #requireProof(withinMs: number): void {
    const timer = this.#line.runtime.timers.after(withinMs, () => {
      if (!this.#proven) this.#stream.destroy()
    })
    void this.closed.then(() => timer.cancel())
  }
}

/** Has the raw stream hold what is written in one turn of the event loop, and write it with one call: a call costs more than a small message. */
function gathererOf({ rawStream }: NoiseStream, { timers }: Runtime): () => void {
  if (!(rawStream instanceof Duplex)) return () => undefined
  let isGathering = false
  return () => {
    if (isGathering) return
    isGathering = true
    rawStream.cork()
    void timers.breathe().then(() => {
      isGathering = false
      rawStream.uncork()
    })
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
