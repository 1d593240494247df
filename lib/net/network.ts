import type { KeyPair } from 'hypercore-crypto'
import type { DhtAddress } from 'hyperdht'
import type HyperDHT from 'hyperdht'
import { BackerError, messageOf } from '../core/error.js'
import type { RoadsMessage } from '../../protocol/messages.js'
import type { FolderLink } from '../../protocol/peer-link.js'
import type { Runtime } from '../runtime.js'
import { formatAddress, isNeighbour, isPrivate, ownAddresses, parseAddress, type Address } from './address.js'
import { Connections } from './connections.js'
import { isLoopback } from './dht-node.js'
import { Dialer, type Target } from './dialer.js'
import { LanDiscovery } from './lan.js'
import { lanKey } from './lan-tag.js'
import { Meeting } from './meeting.js'
import { Door } from './door.js'
import { Missed } from './missed.js'
import { watchNetwork } from './network-watch.js'
import { Openness } from './openness.js'
import { OwnRelay } from './own-relay.js'
import { NO_LIMITS, RateGate, ratesAt, type Limits } from './rate.js'
import { isNear, RANK } from './road.js'
import { Tcp } from './tcp.js'
import type { NetworkReport } from './report.js'
import { nameOf } from './name.js'

/** The TCP port that is tried first. */
export const TCP_PORT = 49738
/** When a folder of which nobody is connected is looked for again; the last one for all further times. */
const LOOK_AGAIN_MS = [500, 1500, 4000, 10_000, 30_000, 60_000]
/** How often it is looked for a way round a relay. */
const UPGRADE_EVERY_MS = 60_000
/** Nodes of the DHT, and addresses of devices, that are remembered. */
const NODES_KEPT = 64
const PEERS_KEPT = 64
const SAVE_EVERY_MS = 5 * 60_000
const FIRST_SAVE_MS = 15_000
/** Devices that are connected at once at most, and up to how many this one looks for more by itself: a folder that has more of them is still one web. */
const DEVICES_MAX = 256
const DEVICES_SOUGHT = 64
/** Addresses that a device tells of itself. */
const ADDRESSES_TOLD = 8

/** What is worth knowing when the network is opened the next time. */
export interface Remembered {
  /** Nodes of the DHT that answered. */
  readonly nodes: readonly DhtAddress[]
  /** `host:port` at which a device was reached over TCP, and for the sake of which folders, by their topics in hexadecimal. */
  readonly peers: readonly { readonly address: string; readonly folders: readonly string[] }[]
}

/** Where it is kept meanwhile. */
export interface NetworkMemory {
  load(): Promise<Remembered>
  save(remembered: Remembered): Promise<void>
}

export interface NetworkOptions {
  /** The device's own key pair: its Noise static key. */
  readonly keyPair: KeyPair
  /** The DHT to use instead of the public one. */
  readonly bootstrap?: readonly DhtAddress[] | undefined
  /** False: nobody is looked for on the LAN, and this device is not announced there. */
  readonly lan?: boolean | undefined
  /** The TCP port to take connections at; 0: any; undefined: 49738, or any where that is taken. */
  readonly port?: number | undefined
  /** Relays to use where no other road is found: their public keys. */
  readonly relays?: readonly Uint8Array[] | undefined
  readonly memory?: NetworkMemory | undefined
  /** Devices that may be connected at once. Default: 256. */
  readonly devicesMax?: number | undefined
  /** More than 100 MB went to or from a device, by its id, through a relay. */
  readonly onrelayed?: (deviceId: string) => void
  /** Another machine, at this address, has this device's own key. */
  readonly oncloned?: (host: string | undefined) => void
  readonly runtime: Runtime
}

/** A folder on the network: the topic to meet at, and what its connections serve. */
export interface NetworkFolder {
  readonly topic: Uint8Array
  readonly link: FolderLink
  /** False: it is not announced nor looked for on the LAN. */
  readonly lan?: boolean | undefined
  /** Addresses at which other devices of it take TCP. */
  readonly peers?: readonly Address[] | undefined
}

interface Joined extends NetworkFolder {
  readonly name: string
  readonly lanKey: Uint8Array
}

/**
 * Finds the devices of one's folders and connects to them, by whatever road there is: under the folders' topics on the DHT (UDX, `meeting.ts`), on
 * the LAN (`lan.ts`), and at addresses that are known (TCP, `dialer.ts`). What has come about, whoever opened it, goes to `connections.ts`; which of
 * several roads to one device is used, and which is closed, is decided by `lives.ts` and by the folder's engine, by the same rank.
 */
export class Network {
  readonly #options: NetworkOptions
  readonly #dht: HyperDHT
  readonly #tcp: Tcp
  readonly #dialer: Dialer
  readonly #connections: Connections
  readonly #folders = new Map<string, Joined>()
  readonly #missed: Missed
  readonly #door: Door
  /** None on a loopback's DHT. */
  readonly #openness: Openness | undefined
  readonly #ownRelay: OwnRelay
  /** What devices told of themselves: the public keys of their relays, by their ids. */
  readonly #toldRelays = new Map<string, Uint8Array>()
  readonly #upload: RateGate
  readonly #download: RateGate
  #limits: Limits = NO_LIMITS
  #meeting: Meeting | undefined
  #lan: LanDiscovery | undefined
  #stopWatching: () => void = () => undefined
  #savedAt: number
  #upgradedAt = 0
  #closing: Promise<void> | undefined

  private constructor(options: NetworkOptions, dht: HyperDHT, isLocal: boolean) {
    const { runtime } = options
    this.#options = options
    this.#dht = dht
    this.#upload = new RateGate(runtime)
    this.#download = new RateGate(runtime)
    this.#missed = new Missed(runtime)
    this.#door = new Door(runtime.clock)
    this.#openness = isLocal ? undefined : new Openness(dht, runtime.clock)
    this.#connections = this.#makeConnections()
    this.#ownRelay = this.#makeOwnRelay()
    this.#tcp = this.#makeTcp()
    this.#dialer = this.#makeDialer()
    this.#savedAt = runtime.clock.monotonic() - SAVE_EVERY_MS + FIRST_SAVE_MS
  }

  /**
   * Starts a device's presence. A DHT on this machine's loopback is met on the loopback alone, where nothing stands in the way: hole
   * punching there was seen to leave a connection that only one side knows of. Throws USAGE where the TCP port that was asked for can't be used.
   */
  static async open(options: NetworkOptions): Promise<Network> {
    const { keyPair, bootstrap, memory, lan } = options
    const { default: HyperDHT } = await import('hyperdht')
    const isLocal = bootstrap !== undefined && bootstrap.length > 0 && bootstrap.every(({ host }) => isLoopback(host))
    const remembered = (await memory?.load()) ?? { nodes: [], peers: [] }
    const dht = new HyperDHT({
      keyPair,
      nodes: remembered.nodes,
      ...(bootstrap === undefined ? {} : { bootstrap }),
      ...(isLocal ? { host: '127.0.0.1', firewalled: false } : {})
    })
    const network = new Network(options, dht, isLocal)
    try {
      await network.#start(isLocal && lan === false ? '127.0.0.1' : undefined)
    } catch (error) {
      await network.close()
      throw error
    }
    for (const { address, folders } of remembered.peers) {
      const parsed = parseAddress(address)
      if (parsed !== undefined) network.#dialer.add(parsed, folders)
    }
    return network
  }

  /** Announces a folder's topic and looks for others there, for as long as the folder is added. Resolves once it is announced. */
  async add(folder: NetworkFolder): Promise<void> {
    const name = nameOf(folder.topic)
    this.#folders.set(name, { ...folder, name, lanKey: lanKey(folder.link) })
    this.#connections.addFolder(name, folder.link)
    for (const address of folder.peers ?? []) this.#dialer.add(address, [name], { isFixed: true })
    this.#dialer.retryAll()
    this.#lan?.refresh()
    this.#lookAgain(name, 0)
    await this.#meeting?.join(folder.topic)
  }

  async remove(folder: NetworkFolder): Promise<void> {
    const name = nameOf(folder.topic)
    this.#folders.delete(name)
    this.#dialer.removeFolder(name)
    this.#connections.removeFolder(name)
    await this.#meeting?.leave(folder.topic)
  }

  /** Rates that hold from now on. */
  setLimits(limits: Limits): void {
    this.#limits = limits
    this.#keepTime()
  }

  get limits(): Limits {
    return this.#limits
  }

  get report(): NetworkReport {
    const address = this.#dht.remoteAddress()
    return {
      tcpPort: this.#tcp.port,
      lan: this.#lan?.interfaces,
      dht: {
        bootstrapped: this.#dht.bootstrapped,
        online: this.#dht.online,
        firewalled: this.#dht.firewalled,
        randomized: this.#dht.randomized,
        address: address === null ? undefined : formatAddress(address),
        nodes: this.#dht.toArray({ limit: NODES_KEPT }).length
      },
      relays: this.#relays().length,
      failures: [...(this.#meeting?.failures ?? [])].map(([device, code]) => ({ device, code })),
      isRelay: this.#ownRelay.publicKey !== undefined,
      targets: this.#dialer.targets.map(({ address: at, deviceId, isFixed }) => ({
        address: formatAddress(at),
        device: deviceId,
        fixed: isFixed
      }))
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#stopWatching()
    await this.#save()
    this.#lan?.close()
    this.#dialer.close()
    this.#tcp.close()
    this.#connections.close()
    await this.#ownRelay.close()
    await (this.#meeting?.close() ?? this.#dht.destroy())
  }

  async #start(host: string | undefined): Promise<void> {
    const { keyPair, runtime, port } = this.#options
    await this.#tcp.listen({ host, port: port ?? TCP_PORT, orAny: port === undefined })
    this.#meeting = await Meeting.open({
      keyPair,
      dht: this.#dht,
      clock: runtime.clock,
      door: this.#door,
      isReached: deviceId => this.#connections.lives.rankOf(deviceId) >= RANK.udx || this.#isOnRelay(deviceId),
      isOnRelay: deviceId => this.#isOnRelay(deviceId),
      relays: () => this.#relays(),
      // Who relays is reached without: through its own relay it would talk to itself.
      relaysTo: deviceId => this.#relays().filter(key => key !== this.#toldRelays.get(deviceId)),
      onback: () => this.#networkChanged('line'),
      onconnection: (stream, topics) => {
        // Hyperswarm forgets under which topics it found a device as soon as that is gone: then neither side would ask.
        const before = this.#missed.foldersOf(nameOf(stream.remotePublicKey))
        const found = new Set([...topics.map(nameOf), ...before])
        void this.#connections.accept(stream, { transport: 'udx', found })
      }
    })
    if (this.#options.lan !== false) this.#lan = await this.#openLan()
    this.#stopWatching = watchNetwork(runtime, {
      onchange: why => this.#networkChanged(why),
      ontick: lateMs => this.#tick(lateMs)
    })
  }

  #makeConnections(): Connections {
    const { keyPair, runtime } = this.#options
    return new Connections({
      ownId: nameOf(keyPair.publicKey),
      runtime,
      devicesMax: this.#options.devicesMax ?? DEVICES_MAX,
      door: this.#door,
      upload: this.#upload,
      download: this.#download,
      limitsLan: () => this.#limits.includeLan,
      isRelayed: (stream, deviceId) => this.#meeting?.isRelayed(stream, this.#toldRelays.get(deviceId)) === true,
      paceOf: stream => this.#meeting?.paceOf(stream),
      roads: () => this.#ownRoads(),
      onroads: (deviceId, roads, host) => this.#told(deviceId, roads, host),
      onmet: (deviceId, publicKey) => this.#missed.met(deviceId, publicKey),
      onlost: deviceId => this.#lost(deviceId),
      onshared: (deviceId, folders) => this.#missed.shares(deviceId, folders),
      onrelayed: deviceId => this.#options.onrelayed?.(deviceId),
      oncloned: host => this.#options.oncloned?.(host)
    })
  }

  #makeOwnRelay(): OwnRelay {
    const { keyPair, runtime } = this.#options
    return new OwnRelay({
      dht: this.#dht,
      keyPair,
      serves: deviceId => this.#missed.knows(deviceId),
      onchange: () => this.#connections.tellRoads(),
      runtime
    })
  }

  #makeTcp(): Tcp {
    const { keyPair, runtime } = this.#options
    return new Tcp({
      keyPair,
      runtime,
      onconnection: stream => void this.#connections.accept(stream, { transport: 'tcp', found: [] })
    })
  }

  #makeDialer(): Dialer {
    const { runtime } = this.#options
    return new Dialer({
      runtime,
      dial: target => this.#dial(target),
      isWanted: target => this.#isWanted(target)
    })
  }

  #openLan(): Promise<LanDiscovery> {
    return LanDiscovery.open({
      port: this.#tcp.port ?? TCP_PORT,
      runtime: this.#options.runtime,
      keys: () => {
        const shown = [...this.#folders.values()].filter(folder => folder.lan !== false)
        return new Map(shown.map(folder => [folder.name, folder.lanKey]))
      },
      onfound: (address, folders) => this.#dialer.add(address, folders)
    })
  }

  async #dial(target: Target): Promise<{ readonly deviceId: string; readonly roundTripMs: number }> {
    const { stream, roundTripMs } = await this.#tcp.dial(target.address)
    const deviceId = nameOf(stream.remotePublicKey)
    const found = [...target.folders].filter(name => this.#folders.has(name))
    if (this.#closing !== undefined || found.length === 0) stream.destroy()
    const isOurs = await this.#connections.accept(stream, { transport: 'tcp', found, roundTripMs })
    if (!isOurs) throw new BackerError('NO_PEER', 'whoever is there does not have the folder')
    return { deviceId, roundTripMs }
  }

  /** TCP is worth a try where its road would be better than the one in use. */
  #isWanted({ address, folders, deviceId, roundTripMs, isFixed }: Target): boolean {
    if (![...folders].some(name => this.#folders.has(name))) return false
    const { lives, isFull } = this.#connections
    const rank = deviceId === undefined ? -1 : lives.rankOf(deviceId)
    if (rank < 0) return !isFull && (isFixed || lives.count < DEVICES_SOUGHT)
    return rank < (isNear(address.host, roundTripMs) ? RANK.nearTcp : RANK.farTcp)
  }

  /** The relays that may be used. A device that can be reached from everywhere needs none. */
  #relays(): readonly Uint8Array[] {
    if (this.#dht.remoteAddress() !== null) return []
    return [...(this.#options.relays ?? []), ...this.#toldRelays.values()]
  }

  #ownRoads(): RoadsMessage | undefined {
    const { port } = this.#tcp
    if (port === undefined) return undefined
    // A device on a loopback's DHT is met from this machine alone, and may listen nowhere else.
    const hosts = isLoopback(this.#dht.host ?? '') ? ['127.0.0.1'] : ownAddresses().map(({ address }) => address)
    const addresses = hosts.map(host => formatAddress({ host, port }))
    return { addresses: addresses.slice(0, ADDRESSES_TOLD), relay: this.#ownRelay.publicKey }
  }

  /** A peer has told how else it can be reached. Tried is only what is in a network of this machine's, or where the peer is connected from anyway. */
  #told(deviceId: string, { addresses, relay }: RoadsMessage, host: string | undefined): void {
    if (relay === undefined) this.#toldRelays.delete(deviceId)
    else this.#toldRelays.set(deviceId, relay)
    const best = this.#connections.lives.best(deviceId)
    const folders = [...this.#folders.values()].filter(({ link }) => [...(best?.connection.links ?? [])].includes(link))
    for (const text of addresses) {
      const address = parseAddress(text)
      if (address === undefined || this.#connections.lives.rankOf(deviceId) >= RANK.nearTcp) continue
      const isThere = address.host === host && (!isPrivate(address.host) || isLoopback(address.host))
      if (isThere || isNeighbour(address.host))
        this.#dialer.add(
          address,
          folders.map(({ name }) => name)
        )
    }
  }

  #lost(deviceId: string): void {
    if (this.#closing !== undefined) return
    this.#missed.lost(deviceId)
    this.#lookFor(deviceId)
  }

  /** Tries all roads to a device. */
  #lookFor(deviceId: string): void {
    this.#dialer.retryDevice(deviceId)
    const publicKey = this.#missed.publicKeyOf(deviceId)
    if (publicKey !== undefined) this.#meeting?.connect(publicKey)
  }

  #networkChanged(why: 'addresses' | 'sleep' | 'line'): void {
    this.#options.runtime.trace(`the network has changed: ${why}`)
    this.#connections.suspectAll()
    if (why === 'addresses') this.#openness?.addressesChanged()
    this.#lan?.refresh()
    this.#dialer.retryAll()
    for (const folder of this.#folders.values()) this.#meeting?.refresh(folder.topic)
    for (const deviceId of this.#missed.ids()) this.#lookFor(deviceId)
    this.#upgrade()
    this.#connections.tellRoads()
  }

  #tick(lateMs: number): void {
    const now = this.#options.runtime.clock.monotonic()
    this.#connections.tick(lateMs)
    this.#keepTime()
    this.#openness?.tick()
    this.#meeting?.tick()
    for (const deviceId of this.#missed.due()) this.#lookFor(deviceId)
    if (now - this.#savedAt > SAVE_EVERY_MS) void this.#save()
    if (now - this.#upgradedAt > UPGRADE_EVERY_MS) this.#upgrade()
    this.#ownRelay.tick()
  }

  /** Looks for better roads to those that are reached through a relay, or over a long way by TCP. */
  #upgrade(): void {
    this.#upgradedAt = this.#options.runtime.clock.monotonic()
    const { lives } = this.#connections
    for (const deviceId of lives.deviceIds) {
      if (lives.rankOf(deviceId) >= RANK.udx) continue
      this.#lookFor(deviceId)
      const publicKey = this.#missed.publicKeyOf(deviceId)
      if (publicKey !== undefined && this.#isOnRelay(deviceId)) this.#meeting?.upgrade(publicKey)
    }
  }

  #isOnRelay(deviceId: string): boolean {
    return this.#connections.lives.rankOf(deviceId) === RANK.relayed
  }

  /** Two devices that come at the same moment each look before the other has announced itself: both look again soon, and less and less often. */
  #lookAgain(name: string, count: number): void {
    const delayMs = LOOK_AGAIN_MS[Math.min(count, LOOK_AGAIN_MS.length - 1)] ?? 0
    this.#options.runtime.timers.after(delayMs, () => {
      const folder = this.#folders.get(name)
      if (this.#closing !== undefined || folder === undefined) return
      if (!this.#connections.isShared(folder.link)) this.#meeting?.refresh(folder.topic)
      this.#lookAgain(name, count + 1)
    })
  }

  #keepTime(): void {
    const time = new Date(this.#options.runtime.clock.now())
    const { up, down } = ratesAt(this.#limits, time.getHours() * 60 + time.getMinutes())
    this.#upload.rate = up
    this.#download.rate = down
  }

  async #save(): Promise<void> {
    this.#savedAt = this.#options.runtime.clock.monotonic()
    const nodes = this.#dht.toArray({ limit: NODES_KEPT })
    const reached = this.#dialer.targets.filter(({ deviceId }) => deviceId !== undefined).slice(-PEERS_KEPT)
    const peers = reached.map(({ address, folders }) => ({ address: formatAddress(address), folders: [...folders] }))
    if (nodes.length + peers.length === 0) return
    await this.#options.memory?.save({ nodes, peers }).catch((error: unknown) => {
      this.#options.runtime.trace(`what the network is like can't be kept: ${messageOf(error)}`)
    })
  }
}
