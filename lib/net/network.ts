import type { KeyPair } from 'hypercore-crypto'
import type { DhtAddress } from 'hyperdht'
import type { Discovery, PeerInfo } from 'hyperswarm'
import type HyperDHT from 'hyperdht'
import type Hyperswarm from 'hyperswarm'
import { Connection } from '../../protocol/connection.js'
import type { NoiseStream } from '../../protocol/handshake.js'
import type { FolderLink } from '../../protocol/peer-link.js'
import type { Runtime } from '../runtime.js'
import { isLoopback } from './dht-node.js'
import { Door } from './door.js'

/** How long a connection may stay without anybody having proven that they know a folder's key. */
const PROOF_DEADLINE_MS = 5000
/** How many connections there may be at once, proven or not. */
const CONNECTIONS_MAX = 256

/** When a device that is connected to nobody looks for others again. */
const LOOK_AGAIN_MS = [500, 1500, 4000, 10_000, 30_000, 60_000]

export interface NetworkOptions {
  /** The device's own key pair: its Noise static key. */
  readonly keyPair: KeyPair
  /** The DHT to use instead of the public one. */
  readonly bootstrap?: readonly DhtAddress[] | undefined
  readonly runtime: Runtime
}

/** A folder on the network: the topic to meet at, and what its connections serve. */
export interface NetworkFolder {
  readonly topic: Uint8Array
  readonly link: FolderLink
}

/** Finds the devices of one's folders and connects to them: one connection for each pair of devices, whatever they share. */
export class Network {
  readonly #dht: HyperDHT
  readonly #swarm: Hyperswarm
  readonly #runtime: Runtime
  readonly #folders = new Map<string, NetworkFolder>()
  readonly #connections = new Set<{ readonly connection: Connection; readonly info: PeerInfo }>()
  readonly #door: Door
  #closing: Promise<void> | undefined

  private constructor(dht: HyperDHT, swarm: Hyperswarm, runtime: Runtime) {
    this.#dht = dht
    this.#swarm = swarm
    this.#runtime = runtime
    this.#door = new Door(runtime.clock)
  }

  /**
   * Starts a device's presence on the DHT. A DHT on this machine's loopback is met on the loopback alone, where nothing stands in the way: hole
   * punching there was seen to leave a connection that only one side knows of.
   */
  static async open({ keyPair, bootstrap, runtime }: NetworkOptions): Promise<Network> {
    const [{ default: HyperDHT }, { default: Hyperswarm }] = await Promise.all([
      import('hyperdht'),
      import('hyperswarm')
    ])
    const isLocal = bootstrap !== undefined && bootstrap.length > 0 && bootstrap.every(({ host }) => isLoopback(host))
    const dht = new HyperDHT({
      ...(bootstrap === undefined ? {} : { bootstrap }),
      ...(isLocal ? { host: '127.0.0.1', firewalled: false } : {})
    })
    const swarm = new Hyperswarm({ keyPair, dht, maxServerConnections: CONNECTIONS_MAX })
    const network = new Network(dht, swarm, runtime)
    network.#door.guard(swarm)
    swarm.on('connection', (stream, info) => network.#connected(stream, info))
    return network
  }

  /** Announces a folder's topic and looks for others there, for as long as the folder is added. Resolves once it is announced. */
  async add(folder: NetworkFolder): Promise<void> {
    this.#folders.set(nameOf(folder.topic), folder)
    for (const { connection } of this.#connections) connection.offer(folder.link, { initiate: connection.proven })
    const discovery = this.#swarm.join(folder.topic, { server: true, client: true })
    this.#lookAgain(folder, discovery, 0)
    await discovery.flushed()
  }

  /** Two devices that come at the same moment each look before the other has announced itself: both look again soon, and less and less often. */
  #lookAgain(folder: NetworkFolder, discovery: Discovery, count: number): void {
    const delayMs = LOOK_AGAIN_MS[Math.min(count, LOOK_AGAIN_MS.length - 1)] ?? 0
    this.#runtime.timers.after(delayMs, () => {
      if (this.#closing !== undefined || !this.#folders.has(nameOf(folder.topic))) return
      if (this.#connections.size === 0) discovery.refresh({ client: true, server: true }).catch(() => undefined)
      this.#lookAgain(folder, discovery, count + 1)
    })
  }

  async remove(folder: NetworkFolder): Promise<void> {
    this.#folders.delete(nameOf(folder.topic))
    for (const { connection } of this.#connections) connection.withdraw(folder.link)
    await this.#swarm.leave(folder.topic)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#swarm.destroy()
    await this.#dht.destroy()
  }

  #connected(stream: NoiseStream, info: PeerInfo): void {
    const connection = Connection.over(stream, { runtime: this.#runtime, requireProofWithinMs: PROOF_DEADLINE_MS })
    const kept = { connection, info }
    this.#connections.add(kept)
    this.#door.entered(connection, info.publicKey)
    void connection.closed.then(() => this.#connections.delete(kept))
    // Whoever was found under a topic is asked for that folder; all others are only answered, so that a stranger learns nothing.
    const found = new Set(info.topics.map(nameOf))
    for (const [name, { link }] of this.#folders) connection.offer(link, { initiate: found.has(name) })
  }
}

function nameOf(topic: Uint8Array): string {
  return Buffer.from(topic).toString('hex')
}
