import type { KeyPair } from 'hypercore-crypto'
import type HyperDHT from 'hyperdht'
import type Hyperswarm from 'hyperswarm'
import type { NoiseStream } from '../../protocol/handshake.js'
import type { Clock } from '../runtime.js'
import { nameOf } from './name.js'

export interface AttemptsOptions {
  readonly dht: HyperDHT
  readonly swarm: Hyperswarm
  readonly keyPair: KeyPair
  readonly clock: Clock
  /** True while a device, by its id, is reached through a relay and in no better way. */
  readonly isOnRelay: (deviceId: string) => boolean
  readonly isRelayed: (stream: NoiseStream) => boolean
  /** True where a device, by its id, need not be connected to. */
  readonly isReached: (deviceId: string) => boolean
  /** The public keys of relays that may be used now to reach a device, by its id. */
  readonly relaysTo: (deviceId: string) => readonly Uint8Array[]
  readonly onconnection: (stream: NoiseStream) => void
}

/** From when on an attempt may be one that hangs: with nothing in the way it takes some round trips. */
const HANGS_MS = 2000
/** Attempts to reach one device that go on at once, and those to reach any: one that began while the line was cut takes 8 s to fail, one at a NAT up to 35 s. */
const PER_DEVICE_MAX = 4
const ATTEMPTS_MAX = 24

/**
 * Connections that go past Hyperswarm, which has one to each device, in whatever state. What began while the line was cut may hang there for a minute; what this
 * side has opened counts as connected although the other side may never have heard of it (Noise's handshake is done by then, through the DHT); and by
 * the order of the keys whatever comes from the other side meanwhile is turned away as a duplicate: seen in the lab, where a line that
 * was there again stayed unused for up to 49 s, since both sides tried again in step. Nor does Hyperswarm look for a direct connection beside a relayed one.
 * Which of several connections is used, and which is closed once nothing is under way there, is for `lives.ts` to say, as with all others.
 */
export class Attempts {
  readonly #options: AttemptsOptions
  /** What has not opened yet: whom it is to reach, and when it began. */
  readonly #pending = new Map<NoiseStream, { readonly deviceId: string; readonly at: number }>()
  /** The handshake that is being answered asks for a direct connection: no relay is offered to it. */
  #isAskedForDirect = false

  constructor(options: AttemptsOptions) {
    this.#options = options
    this.#watchHandshakes()
    this.#watchConnections()
  }

  /** Tries once to reach a device without a relay that is reached through one. */
  upgrade(publicKey: Uint8Array): void {
    const { isOnRelay, isRelayed } = this.#options
    const deviceId = nameOf(publicKey)
    if (this.#beginningsOf(deviceId).length > 0) return
    this.#begin(publicKey, {}, stream => isOnRelay(deviceId) && !isRelayed(stream))
  }

  /** Tries once more to reach a device, unless that has begun a moment ago. */
  connect(publicKey: Uint8Array): void {
    const { isReached, relaysTo, clock } = this.#options
    const deviceId = nameOf(publicKey)
    const beginnings = this.#beginningsOf(deviceId)
    if (isReached(deviceId) || clock.monotonic() - Math.max(...beginnings) < HANGS_MS) return
    if (beginnings.length >= PER_DEVICE_MAX || this.#pending.size >= ATTEMPTS_MAX) return
    const keys = relaysTo(deviceId)
    this.#begin(publicKey, keys.length === 0 ? {} : { relayThrough: [...keys] }, () => !isReached(deviceId))
  }

  #beginningsOf(deviceId: string): readonly number[] {
    return [...this.#pending.values()].flatMap(attempt => (attempt.deviceId === deviceId ? [attempt.at] : []))
  }

  #begin(publicKey: Uint8Array, options: object, isWanted: (stream: NoiseStream) => boolean): void {
    const { dht, keyPair, clock, onconnection } = this.#options
    const stream = dht.connect(publicKey, { keyPair, ...options })
    this.#pending.set(stream, { deviceId: nameOf(publicKey), at: clock.monotonic() })
    stream.on('error', () => undefined)
    stream.once('close', () => this.#pending.delete(stream))
    stream.once('open', () => {
      this.#pending.delete(stream)
      if (isWanted(stream)) onconnection(stream)
      else stream.destroy()
    })
  }

  /** The server offers its own relay with every answer, and whoever was offered one uses it. It asks for the relay next behind the firewall. */
  #watchHandshakes(): void {
    const { server } = this.#options.swarm
    const { firewall, relayThrough } = server
    server.firewall = async (publicKey, payload, address) => {
      const isRefused = await firewall(publicKey, payload, address)
      const hasRelay = payload?.relayThrough !== undefined && payload.relayThrough !== null
      this.#isAskedForDirect = payload !== null && !hasRelay && this.#options.isOnRelay(nameOf(publicKey))
      return isRefused
    }
    server.relayThrough = () => {
      const isAskedForDirect = this.#isAskedForDirect
      this.#isAskedForDirect = false
      return isAskedForDirect ? null : (relayThrough?.() ?? null)
    }
  }

  /** Nothing that comes is turned away, nor does it end what is there. */
  #watchConnections(): void {
    const { swarm, onconnection } = this.#options
    const listeners = swarm.server.listeners('connection') as ((stream: NoiseStream) => void)[]
    swarm.server.removeAllListeners('connection')
    swarm.server.on('connection', stream => {
      if (swarm._allConnections.has(stream.remotePublicKey)) onconnection(stream)
      else for (const listener of listeners) listener(stream)
    })
  }
}
