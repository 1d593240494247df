import type { KeyPair } from 'hypercore-crypto'
import type HyperDHT from 'hyperdht'
import type Hyperswarm from 'hyperswarm'
import type { NoiseStream } from '../../protocol/handshake.js'

export interface UpgradesOptions {
  readonly dht: HyperDHT
  readonly swarm: Hyperswarm
  readonly keyPair: KeyPair
  /** True while a device, by its id, is reached through a relay and in no better way. */
  readonly isOnRelay: (deviceId: string) => boolean
  readonly isRelayed: (stream: NoiseStream) => boolean
  readonly onconnection: (stream: NoiseStream) => void
}

/**
 * Direct connections to devices that are reached through a relay. Hyperswarm has one connection to each device: it looks for no other one, and where
 * one comes it ends the one that there is, in the middle of whatever is under way. So these go past it, and the relayed one goes on until
 * nothing is under way there (`lives.ts`).
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
    const { dht, keyPair, isOnRelay, isRelayed, onconnection } = this.#options
    const deviceId = nameOf(publicKey)
    if (this.#trying.has(deviceId)) return
    this.#trying.add(deviceId)
    const stream = dht.connect(publicKey, { keyPair })
    stream.on('error', () => undefined)
    stream.once('close', () => this.#trying.delete(deviceId))
    stream.once('open', () => {
      this.#trying.delete(deviceId)
      if (isOnRelay(deviceId) && !isRelayed(stream)) onconnection(stream)
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
    const { swarm, isOnRelay, isRelayed, onconnection } = this.#options
    const listeners = swarm.server.listeners('connection') as ((stream: NoiseStream) => void)[]
    swarm.server.removeAllListeners('connection')
    swarm.server.on('connection', stream => {
      if (isOnRelay(nameOf(stream.remotePublicKey)) && !isRelayed(stream)) onconnection(stream)
      else for (const listener of listeners) listener(stream)
    })
  }
}

function nameOf(publicKey: Uint8Array): string {
  return Buffer.from(publicKey).toString('hex')
}
