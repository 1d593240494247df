import { Connection } from '../../protocol/connection.js'
import type { NoiseStream } from '../../protocol/handshake.js'
import { OPEN_GATE, type Gate, type Road } from '../../protocol/line.js'
import type { RoadsMessage } from '../../protocol/messages.js'
import type { FolderLink } from '../../protocol/peer-link.js'
import { delay, type Runtime } from '../runtime.js'
import { isPrivate, plainHost } from './address.js'
import type { Door } from './door.js'
import { Lives, type Live } from './lives.js'
import { OwnKey } from './own-key.js'
import { RateGate, together } from './rate.js'
import { tcpRoad, udxRoad } from './road.js'
import { nameOf } from './name.js'

/** How long a connection may stay without anybody having proven that they know a folder's key. */
const PROOF_DEADLINE_MS = 5000
/** How often a round trip is measured, and how often in a row at the beginning. */
const PING_EVERY_MS = 15_000
const FIRST_PINGS = 5
const FIRST_PINGS_MS = 100

/** What may have gone through a relay, to and from one device, until it is told. */
const RELAYED_BYTES_TOLD = 100_000_000

/** Where a stream came from. */
export interface Origin {
  readonly transport: 'tcp' | 'udx'
  /** The folders for whose sake this side opened it, by name; none where the other side did. */
  readonly found: Iterable<string>
  /** What connecting took, in milliseconds, where this side did over TCP. */
  readonly roundTripMs?: number
}

export interface ConnectionsOptions {
  readonly ownId: string
  readonly runtime: Runtime
  /** Devices that may be connected at once. */
  readonly devicesMax: number
  /** Who may stay without having proven anything. */
  readonly door: Door
  readonly upload: RateGate
  readonly download: RateGate
  /** Connections within a LAN are held back as others are. */
  readonly limitsLan: () => boolean
  /** True while a stream of Hyperswarm's goes through a relay. */
  readonly isRelayed: (stream: NoiseStream, deviceId: string) => boolean
  /** Bytes per second that the relay of a stream allows; undefined: as much as there is. */
  readonly paceOf: (stream: NoiseStream) => number | undefined
  /** What this device says of how else it can be reached. */
  readonly roads: () => RoadsMessage | undefined
  readonly onroads: (deviceId: string, roads: RoadsMessage, host: string | undefined) => void
  /** The first connection to a device is there, or the last one is gone. */
  readonly onmet: (deviceId: string, publicKey: Uint8Array) => void
  readonly onlost: (deviceId: string) => void
  /** These folders, by name, are spoken of with a device. Comes again and again. */
  readonly onshared: (deviceId: string, folders: readonly string[]) => void
  /** More than 100 MB went to or from a device through a relay: told once. */
  readonly onrelayed: (deviceId: string) => void
  /** Another machine, at this address, has this device's own key. */
  readonly oncloned: (host: string | undefined) => void
}

/**
 * All connections, whoever opened them and whatever carries them. Each is offered the folders; a folder is asked for only where it was found, so that
 * who knows nothing learns nothing.
 */
export class Connections {
  readonly lives: Lives
  readonly #options: ConnectionsOptions
  readonly #ownKey: OwnKey
  readonly #folders = new Map<string, FolderLink>()
  readonly #unproven = new Set<Connection>()
  #pingedAt = 0
  /** Bytes that went through a relay, by device, and how many had gone in all when that was counted. */
  readonly #relayed = new Map<string, number>()
  readonly #counted = new WeakMap<Connection, number>()

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#ownKey = new OwnKey(options.runtime, options.oncloned)
    this.lives = new Lives(options.ownId)
  }

  /** True while as many devices are connected as may be. */
  get isFull(): boolean {
    return this.lives.count >= this.#options.devicesMax
  }

  /** True where some connected device has the folder. */
  isShared(link: FolderLink): boolean {
    return this.lives.all.some(({ connection }) => [...connection.links].includes(link))
  }

  /** Makes a folder ready to be spoken of on all connections. */
  addFolder(name: string, link: FolderLink): void {
    this.#folders.set(name, link)
    for (const { connection } of this.lives.all) connection.offer(link, { initiate: true })
    for (const connection of this.#unproven) connection.offer(link, { initiate: false })
  }

  removeFolder(name: string): void {
    const link = this.#folders.get(name)
    this.#folders.delete(name)
    if (link === undefined) return
    for (const { connection } of this.lives.all) connection.withdraw(link)
    for (const connection of this.#unproven) connection.withdraw(link)
  }

  /** Takes a stream whose handshake is done. Resolves with true once the peer has proven that it knows a key, with false where it is gone before that. */
  accept(stream: NoiseStream, origin: Origin): Promise<boolean> {
    const { runtime, ownId } = this.#options
    const deviceId = nameOf(stream.remotePublicKey)
    if (deviceId === ownId) {
      this.#ownKey.meet(stream, hostOf(stream))
      return Promise.resolve(false)
    }
    if (this.isFull && this.lives.best(deviceId) === undefined) {
      stream.destroy()
      return Promise.resolve(false)
    }
    const live = this.#makeLive(stream, origin)
    const { connection } = live
    this.#options.door.entered(connection, stream.remotePublicKey)
    this.#unproven.add(connection)
    const known = this.lives.best(deviceId)
    if (known !== undefined) this.lives.suspect(deviceId, runtime.clock.monotonic())
    const asked = new Set(origin.found)
    const shared = new Set(known?.connection.links)
    for (const [name, link] of this.#folders) {
      // On one more road to a device that is connected, the one that chooses between roads asks; else whoever has found the other.
      const initiate = shared.has(link) ? this.lives.choosesFor(deviceId) : asked.has(name)
      connection.offer(link, { initiate })
    }
    return new Promise(resolve => {
      connection.onproven = () => {
        this.#unproven.delete(connection)
        this.#options.door.proven(connection, stream.remotePublicKey)
        this.#proven(live, stream.remotePublicKey)
        resolve(true)
      }
      void connection.closed.then(() => {
        this.#unproven.delete(connection)
        if (this.lives.remove(connection)) this.#options.onlost(deviceId)
        resolve(false)
      })
    })
  }

  /** To be called about every second. */
  tick(lateMs: number): void {
    const now = this.#options.runtime.clock.monotonic()
    // What waits to be read when the process itself was held up has not been heard yet: nobody is dead for that.
    if (lateMs < 1000) this.lives.sweep(now)
    for (const live of this.lives.all) {
      this.#countRelayed(live)
      this.#tellShared(live)
    }
    if (now - this.#pingedAt < PING_EVERY_MS) return
    this.#pingedAt = now
    for (const { connection } of this.lives.all) void connection.ping().then(() => tellFolders(connection))
  }

  #tellShared({ connection }: Live): void {
    const links = new Set(connection.links)
    const shared = [...this.#folders].filter(([, link]) => links.has(link)).map(([name]) => name)
    if (shared.length > 0) this.#options.onshared(connection.deviceId, shared)
  }

  #countRelayed({ connection, isRelayed }: Live): void {
    const bytes = connection.bytesReceived + connection.bytesSent
    const more = bytes - (this.#counted.get(connection) ?? 0)
    this.#counted.set(connection, bytes)
    if (!isRelayed()) return
    const before = this.#relayed.get(connection.deviceId) ?? 0
    this.#relayed.set(connection.deviceId, before + more)
    if (before <= RELAYED_BYTES_TOLD && before + more > RELAYED_BYTES_TOLD) this.#options.onrelayed(connection.deviceId)
  }

  /** The network has changed: what does not answer soon is dead. */
  suspectAll(): void {
    this.lives.suspectAll(this.#options.runtime.clock.monotonic())
    for (const { connection } of this.lives.all) void connection.ping()
  }

  /** Tells all peers anew how else this device can be reached. */
  tellRoads(): void {
    for (const { connection } of this.lives.all) connection.tellRoads()
  }

  close(): void {
    this.#ownKey.close()
    for (const { connection } of this.lives.all) connection.destroy()
    for (const connection of this.#unproven) connection.destroy()
  }

  #makeLive(stream: NoiseStream, { transport, roundTripMs }: Origin): Live {
    const { runtime, upload, download, limitsLan, isRelayed, roads, onroads } = this.#options
    const deviceId = nameOf(stream.remotePublicKey)
    const host = (): string | undefined => hostOf(stream)
    const road = (): Road =>
      transport === 'tcp' ? tcpRoad(host(), wayMs()) : udxRoad(host(), isRelayed(stream, deviceId))
    // The first few tell more of how busy both ends are than of the way.
    const wayMs = (): number | undefined =>
      connection.roundTripsMeasured < FIRST_PINGS && isPrivate(host() ?? '')
        ? undefined
        : (connection.leastRoundTripMs ?? roundTripMs)
    const isExempt = (): boolean => !limitsLan() && !road().isRelayed && isPrivate(host() ?? '')
    const pace = new RateGate(runtime)
    const paced = together(upload, pace)
    const outward = (): Gate => {
      if (isExempt()) return OPEN_GATE
      pace.rate = road().isRelayed ? this.#options.paceOf(stream) : undefined
      return paced
    }
    const connection = Connection.over(stream, {
      runtime,
      requireProofWithinMs: PROOF_DEADLINE_MS,
      road,
      roads,
      upload: outward,
      download: () => (isExempt() ? OPEN_GATE : download),
      onroads: told => onroads(deviceId, told, host())
    })
    return {
      connection,
      host,
      rank: () => road().rank,
      isRelayed: () => road().isRelayed,
      openedAt: runtime.clock.monotonic()
    }
  }

  #proven(live: Live, publicKey: Uint8Array): void {
    const { deviceId } = live.connection
    const isFirst = this.lives.best(deviceId) === undefined
    this.lives.add(live)
    if (isFirst) this.#options.onmet(deviceId, publicKey)
    this.#tellShared(live)
    void this.#measure(live)
  }

  /** What a road is worth shows when its round trip is known. */
  async #measure({ connection, rank }: Live): Promise<void> {
    const before = rank()
    const { timers } = this.#options.runtime
    while (connection.roundTripsMeasured < FIRST_PINGS && connection.isOpen) {
      await delay(timers, FIRST_PINGS_MS)
      await Promise.race([connection.ping(), connection.closed])
    }
    if (rank() !== before) tellFolders(connection)
  }
}

/** The folders choose among several roads to a device: by the ranks that hold now. */
function tellFolders(connection: Connection): void {
  for (const link of connection.links) link.onroads?.()
}

function hostOf({ rawStream }: NoiseStream): string | undefined {
  const host = rawStream.remoteHost ?? rawStream.remoteAddress
  return host === undefined ? undefined : plainHost(host)
}
