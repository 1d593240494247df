import type { RelaySession, Server } from 'blind-relay'
import hypercoreCrypto, { type KeyPair } from 'hypercore-crypto'
import type { DhtServer } from 'hyperdht'
import type HyperDHT from 'hyperdht'
import { hashAll } from '../core/model/hash.js'
import type { NoiseStream } from '../../protocol/handshake.js'
import { RelayMeter, type CarriedStream } from './relay-meter.js'
import { openPace } from './relay-pace.js'
import { RelayPairs } from './relay-pairs.js'
import { nameOf } from './name.js'

const SEED_BYTES = 32

export interface RelayLimits {
  /** Pairs of devices that are served at once. */
  readonly pairs: number
  /** Devices that are connected at once, waiting or served. */
  readonly devices: number
  /** Bytes per second, both ways of all pairs together; undefined: as much as there is. See `RelayMeter`. */
  readonly bytesPerSecond: number | undefined
}

export const RELAY_LIMITS: RelayLimits = { pairs: 64, devices: 256, bytesPerSecond: undefined }

export interface RelayOptions {
  readonly dht: HyperDHT
  readonly keyPair: KeyPair
  /** True for a device, by its id, that may use the relay. */
  readonly serves: (deviceId: string) => boolean | Promise<boolean>
  readonly limits: RelayLimits
}

/** What a relay has done since it was started. */
export interface RelayCounters {
  /** Devices that are connected now. */
  readonly devices: number
  /** Pairs that are carried now, and since the start. */
  readonly pairs: number
  readonly pairsTotal: number
  /** Connections that were refused: of strangers, or over a limit. */
  readonly refused: number
  /** Bytes of packets that were carried since the start. */
  readonly bytes: number
}

/** The key pair under which a device relays: derived, so that relaying connections are none of the folders'. */
export function relayKeyPair(device: KeyPair): KeyPair {
  const seed = device.secretKey.subarray(0, SEED_BYTES)
  return hypercoreCrypto.keyPair(hashAll([Buffer.from('backer relay v1\0'), seed]))
}

/**
 * Carries what pairs of devices say to each other where they can't meet otherwise. It sees packets that are encrypted from end to end, and how
 * many; it takes part in nothing.
 */
export class Relay {
  readonly #options: RelayOptions
  readonly #server: DhtServer
  readonly #relay: Server
  readonly #streams: Set<NoiseStream>
  readonly #refused: { count: number }
  readonly #meter: RelayMeter
  readonly #pairs: RelayPairs

  private constructor(parts: {
    options: RelayOptions
    server: DhtServer
    relay: Server
    streams: Set<NoiseStream>
    refused: { count: number }
    meter: RelayMeter
    pairs: RelayPairs
  }) {
    this.#options = parts.options
    this.#server = parts.server
    this.#relay = parts.relay
    this.#streams = parts.streams
    this.#refused = parts.refused
    this.#meter = parts.meter
    this.#pairs = parts.pairs
  }

  /** Starts relaying on a DHT. Resolves once others can find it there. */
  static async open(options: RelayOptions): Promise<Relay> {
    const { default: blindRelay } = (await import('blind-relay')) as unknown as {
      default: typeof import('blind-relay')
    }
    const { dht, keyPair, serves, limits } = options
    const relay = new blindRelay.Server({ createStream: given => dht.createRawStream({ ...given, framed: true }) })
    const streams = new Set<NoiseStream>()
    const meter = new RelayMeter(limits.bytesPerSecond)
    const refused = { count: 0 }
    const pairs = new RelayPairs(limits.pairs)
    const firewall = async (key: Uint8Array): Promise<boolean> => {
      const deviceId = nameOf(key)
      const isRefused = streams.size >= limits.devices || !pairs.admits(deviceId) || !(await serves(deviceId))
      if (isRefused) refused.count++
      return isRefused
    }
    const server = dht.createServer({ firewall }, stream => {
      streams.add(stream)
      stream.on('error', () => undefined)
      stream.once('close', () => streams.delete(stream))
      const session: RelaySession = relay.accept(stream, { id: stream.remotePublicKey })
      const tell = openPace(stream)
      session.on('pair', (_isInitiator: boolean, token: Uint8Array, raw: CarriedStream) => {
        meter.add(raw, tell)
        if (!pairs.add(nameOf(token), nameOf(stream.remotePublicKey), raw)) refused.count++
      })
      session.on('error', () => undefined)
    })
    await server.listen(keyPair)
    return new Relay({ options, server, relay, streams, refused, meter, pairs })
  }

  get publicKey(): Uint8Array {
    return this.#options.keyPair.publicKey
  }

  get counters(): RelayCounters {
    const { matched } = this.#relay.stats.pairings
    return {
      devices: this.#streams.size,
      pairs: this.#pairs.count,
      pairsTotal: matched,
      refused: this.#refused.count,
      bytes: this.#meter.bytes
    }
  }

  /** To be called about every second. */
  tick(): void {
    this.#meter.tick()
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.destroy()
    await this.#server.close()
  }
}
