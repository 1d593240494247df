import type { KeyPair } from 'hypercore-crypto'
import type { Discovery, PeerInfo } from 'hyperswarm'
import type HyperDHT from 'hyperdht'
import type Hyperswarm from 'hyperswarm'
import type { Door } from './door.js'
import { hearPace } from './relay-pace.js'
import { Attempts } from './attempts.js'
import { DhtWatch } from './dht-watch.js'
import type { NoiseStream } from '../../protocol/handshake.js'
import type { Clock } from '../runtime.js'
import { nameOf } from './name.js'
import { dropOldest } from '../core/drop-oldest.js'

/** Connections that others may open here, proven or not. */
const SERVER_CONNECTIONS_MAX = 256
/** Connections to one swarm after which no more are looked for. */
const PEERS_MAX = 64

/** Devices whose failures are kept in mind. */
const FAILURES_MAX = 256

/** A stream to a relay. */
interface ToRelay {
  readonly key: Uint8Array
  readonly stream: NoiseStream
  /** Bytes per second that the relay lets this device send through it. */
  pace: number | undefined
}
type ToRelays = Set<ToRelay>

export interface MeetingOptions {
  readonly door: Door
  readonly keyPair: KeyPair
  readonly dht: HyperDHT
  /** True where a device, by its id, need not be connected to: there is a road to it that is as good or better. */
  readonly isReached: (deviceId: string) => boolean
  /** True while a device, by its id, is reached through a relay and in no better way. */
  readonly isOnRelay: (deviceId: string) => boolean
  /** The public keys of relays that may be used now. */
  readonly relays: () => readonly Uint8Array[]
  /** The same, to reach a device, by its id. */
  readonly relaysTo: (deviceId: string) => readonly Uint8Array[]
  readonly onconnection: (stream: NoiseStream, found: readonly Uint8Array[]) => void
  /** The DHT answers again after it was out of reach for a while. */
  readonly onback: () => void
  readonly clock: Clock
}

interface MeetingParts {
  readonly dht: HyperDHT
  readonly swarm: Hyperswarm
  readonly toRelays: ToRelays
  readonly failures: Map<string, string>
  readonly options: MeetingOptions
}

/** Meets other devices under the topics of folders on the DHT, and connects to them over UDX: directly, through a hole in a NAT, or through a relay. */
export class Meeting {
  readonly #dht: HyperDHT
  readonly #swarm: Hyperswarm
  readonly #discoveries = new Map<string, Discovery>()
  /** How the last attempt to connect to each device failed: hyperdht's code, by the device's id. */
  readonly #failures: Map<string, string>
  /** Streams to relays, by which connections that go through one are told. */
  readonly #toRelays: ToRelays
  readonly #attempts: Attempts
  readonly #watch: DhtWatch

  private constructor({ dht, swarm, toRelays, failures, options }: MeetingParts) {
    this.#dht = dht
    this.#swarm = swarm
    this.#toRelays = toRelays
    this.#failures = failures
    const { keyPair, clock, isOnRelay, isReached, relaysTo, onconnection, onback } = options
    this.#watch = new DhtWatch({ dht, clock, onback })
    this.#attempts = new Attempts({
      dht,
      swarm,
      keyPair,
      clock,
      isOnRelay,
      isReached,
      relaysTo,
      isRelayed: stream => this.isRelayed(stream, undefined),
      onconnection: stream => onconnection(stream, swarm.peers.get(nameOf(stream.remotePublicKey))?.topics ?? [])
    })
  }

  static async open(options: MeetingOptions): Promise<Meeting> {
    const { keyPair, dht, door, isReached, relays, onconnection } = options
    const { default: Hyperswarm } = await import('hyperswarm')
    const failures = new Map<string, string>()
    const toRelays = noteStreams(dht, (stream, deviceId) => noteFailure(stream, deviceId, failures))
    const swarm = new Hyperswarm({
      keyPair,
      dht,
      maxPeers: PEERS_MAX,
      maxServerConnections: SERVER_CONNECTIONS_MAX,
      // Asked before this side connects (without a payload), and before it answers: whoever comes may know more than this side.
      firewall: (key, payload) => payload === null && isReached(nameOf(key)),
      relayThrough: () => {
        const keys = relays()
        return keys.length === 0 ? null : [...keys]
      }
    })
    door.guard(swarm, key => relays().some(relay => Buffer.compare(relay, key) === 0))
    // Not to connect now is no reason never to do it.
    swarm.on('ban', info => info.ban(false))
    swarm.on('connection', (stream, info) => onconnection(stream, topicsOf(info)))
    return new Meeting({ dht, swarm, toRelays, failures, options })
  }

  /** Announces a topic and looks for others there. Resolves once it is announced. */
  async join(topic: Uint8Array): Promise<void> {
    const discovery = this.#swarm.join(topic, { server: true, client: true })
    this.#discoveries.set(nameOf(topic), discovery)
    await discovery.flushed()
  }

  async leave(topic: Uint8Array): Promise<void> {
    this.#discoveries.delete(nameOf(topic))
    await this.#swarm.leave(topic)
  }

  /** Announces a topic again and looks who is there. */
  refresh(topic: Uint8Array): void {
    const discovery = this.#discoveries.get(nameOf(topic))
    discovery?.refresh({ client: true, server: true }).catch(() => undefined)
  }

  /** Tries once to reach a device whose key is known, if nothing speaks against it. */
  connect(publicKey: Uint8Array): void {
    this.#attempts.connect(publicKey)
  }

  /** Tries once to reach a device directly that is reached through a relay. */
  upgrade(publicKey: Uint8Array): void {
    this.#attempts.upgrade(publicKey)
  }

  /** To be called about every second. */
  tick(): void {
    this.#watch.tick()
  }

  get failures(): ReadonlyMap<string, string> {
    return this.#failures
  }

  /** True while a connection goes through a relay. One that was punched through meanwhile does not any more. */
  isRelayed(stream: NoiseStream, ownRelay: Uint8Array | undefined): boolean {
    return this.#relaysOf(stream).some(({ key }) => ownRelay === undefined || Buffer.compare(key, ownRelay) !== 0)
  }

  /** Bytes per second that may be sent on a connection that goes through a relay: what that one says; undefined: as much as there is. */
  paceOf(stream: NoiseStream): number | undefined {
    return this.#relaysOf(stream).find(({ pace }) => pace !== undefined)?.pace
  }

  /** The streams to relays at the address where a connection leads. */
  #relaysOf({ rawStream: { remoteHost, remotePort } }: NoiseStream): readonly ToRelay[] {
    return [...this.#toRelays].filter(({ stream }) => {
      const { rawStream } = stream as { rawStream: NoiseStream['rawStream'] | null }
      return rawStream?.remoteHost === remoteHost && rawStream?.remotePort === remotePort && !stream.destroyed
    })
  }

  async close(): Promise<void> {
    await this.#swarm.destroy()
    await this.#dht.destroy()
  }
}

/** Takes note of attempts to reach devices, and of the streams to relays that hyperdht opens by itself: it connects to them with nothing but their keys. */
function noteStreams(dht: HyperDHT, onattempt: (stream: NoiseStream, deviceId: string) => void): ToRelays {
  const toRelays: ToRelays = new Set()
  const connect = dht.connect.bind(dht)
  dht.connect = (key, options) => {
    const stream = connect(key, options)
    if (options !== undefined) onattempt(stream, nameOf(key))
    if (options === undefined) {
      const noted: ToRelay = { key, stream, pace: undefined }
      toRelays.add(noted)
      hearPace(stream, rate => (noted.pace = rate))
      stream.once('close', () => toRelays.delete(noted))
    }
    return stream
  }
  return toRelays
}

function noteFailure(stream: NoiseStream, deviceId: string, failures: Map<string, string>): void {
  stream.on('error', (error: Error & { readonly code?: string }) => {
    dropOldest(failures, FAILURES_MAX - 1)
    failures.set(deviceId, error.code ?? error.message)
  })
  stream.once('open', () => failures.delete(deviceId))
}

function topicsOf(info: PeerInfo): readonly Uint8Array[] {
  return info.topics
}
