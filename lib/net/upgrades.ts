import type { KeyPair } from 'hypercore-crypto'
import type HyperDHT from 'hyperdht'
import type Hyperswarm from 'hyperswarm'
import type { NoiseStream } from '../../protocol/handshake.js'
import { nameOf } from './name.js'

export interface UpgradesOptions {
  readonly dht: HyperDHT
  readonly swarm: Hyperswarm
  readonly keyPair: KeyPair
  /** True while a device, by its id, is reached through a relay and in no better way. */
  readonly isOnRelay: (deviceId: string) => boolean
  readonly isRelayed: (stream: NoiseStream) => boolean
  /** True where a device, by its id, need not be connected to. */
  readonly isReached: (deviceId: string) => boolean
  /** The public keys of relays that may be used now. */
  readonly relays: () => readonly Uint8Array[]
  /** By the device's id. */
  readonly attempts: ReadonlyMap<string, Attempt>
  readonly onconnection: (stream: NoiseStream) => void
}

/** An attempt to connect that has come to nothing yet. */
export interface Attempt {
  readonly stream: NoiseStream
  /** On the clock that only goes forward. */
  readonly at: number
}

/** From when on an attempt to connect may be one that hangs: with nothing in the way it takes some round trips. */
const HANGS_MS = 2000

/**
 * Direct connections to devices that are reached through a relay. Hyperswarm has one connection to each device: it looks for no other one, and where
 * one comes it ends the one that there is, in the middle of whatever is under way. So these go past it, and the relayed one goes on until
 * nothing is under way there (`lives.ts`).
 *
 * Likewise with a device that comes while this one tries to reach it. Of the two attempts Hyperswarm keeps one, and with it the one that may hang for a
 * minute because it began while the line was cut: seen after a partition, where the other side came every four seconds and was turned away each time.
 */
export class Upgrades {
  readonly #options: UpgradesOptions
  readonly #trying = new Set<string>()
  /** The handshake that is being answered asks for a direct connection: no relay is offered to it. */
  #isAskedForDirect = false

  constructor(options: UpgradesOptions) {
    this.#options = options
    this.#watchHandshakes()
    this.#watchConnections()
  }

  /** Tries once to reach a device without a relay. */
  try(publicKey: Uint8Array): void {
    const { isOnRelay, isRelayed } = this.#options
    this.#begin(publicKey, {}, stream => isOnRelay(nameOf(publicKey)) && !isRelayed(stream))
  }

  /** Tries once more to reach a device, beside an attempt that may hang: one that began while the line was cut takes 8 s to fail. */
  beside(publicKey: Uint8Array): void {
    const { isReached, relays } = this.#options
    const attempt = this.#options.attempts.get(nameOf(publicKey))
    if (attempt === undefined || performance.now() - attempt.at < HANGS_MS) return
    const keys = relays()
    const through = keys.length === 0 ? {} : { relayThrough: [...keys] }
    this.#begin(publicKey, through, () => !isReached(nameOf(publicKey)))
  }

  #begin(publicKey: Uint8Array, options: object, isWanted: (stream: NoiseStream) => boolean): void {
    const { dht, keyPair, onconnection } = this.#options
    const deviceId = nameOf(publicKey)
    if (this.#trying.has(deviceId)) return
    this.#trying.add(deviceId)
    const stream = dht.connect(publicKey, { keyPair, ...options })
    stream.on('error', () => undefined)
    stream.once('close', () => this.#trying.delete(deviceId))
    stream.once('open', () => {
      this.#trying.delete(deviceId)
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

  #watchConnections(): void {
    const { swarm, onconnection } = this.#options
    const listeners = swarm.server.listeners('connection') as ((stream: NoiseStream) => void)[]
    swarm.server.removeAllListeners('connection')
    swarm.server.on('connection', stream => {
      if (this.#goesPast(stream)) onconnection(stream)
      else for (const listener of listeners) listener(stream)
    })
  }

  #goesPast(stream: NoiseStream): boolean {
    const { isOnRelay, isRelayed, attempts } = this.#options
    const deviceId = nameOf(stream.remotePublicKey)
    const attempt = attempts.get(deviceId)
    if (attempt !== undefined && performance.now() - attempt.at > HANGS_MS) {
      attempt.stream.destroy()
      return true
    }
    return isOnRelay(deviceId) && !isRelayed(stream)
  }
}
