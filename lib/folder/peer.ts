import type { BackerError } from '../core/error.js'
import { hashesEqual, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import type { Obstacle, PeerLink } from '../../protocol/peer-link.js'
import { ReceivedNews } from './news.js'
import type { PeerStatus, Route } from './status.js'
import { WakeSignal } from './signal.js'

/** How many half-finished files of one peer are kept in mind, and how many ranges of each. */
const HAVES_MAX = 64
const HAVE_RANGES_MAX = 4096

/** The chunk indexes that a peer already holds of a file that it is still fetching: ranges [start, end). */
type Ranges = (readonly [number, number])[]

/** One connected peer: what it said of itself, and how far this device has followed it. */
export class Peer {
  /** All connections to the device; the last one is in use. */
  readonly #links: PeerLink[] = []
  #link: PeerLink
  readonly #routeOf: (link: PeerLink) => Route
  /** The sequence of the last head. */
  sequence = -1
  readonly connectedAt: number
  readonly wake = new WakeSignal()
  /** The root that the peer says its disk shows; undefined until it has said so. */
  root: Hash | undefined
  /** The root of the tree of what is in that and not on its disk. */
  lacks: Hash | undefined
  /** The peer has said that it has nothing to do. */
  idle = false
  /** Why it does not have what others have, as it says. */
  obstacles: readonly Obstacle[] = []
  /** Roots signed by writers that are to be followed: the peer's own, or those that a reader passes on. By who signed. */
  readonly targets = new Map<string, Hash>()
  /** Roots that were walked to their end, by who signed. */
  readonly walked = new Map<string, Hash>()
  /** What it sent along with its last head. */
  readonly news = new ReceivedNews()
  closed = false
  failures = 0
  bytesReceived = 0
  bytesSent = 0
  #mustStartOver = false
  readonly #haves = new Map<HashKey, Ranges>()

  constructor(link: PeerLink, routeOf: (link: PeerLink) => Route, connectedAt: number) {
    this.#link = link
    this.#links.push(link)
    this.#routeOf = routeOf
    this.connectedAt = connectedAt
  }

  /** The connection in use. */
  get link(): PeerLink {
    return this.#link
  }

  get route(): Route {
    return this.#routeOf(this.#link)
  }

  /** One more connection to the device. It is not in use yet. */
  join(link: PeerLink): void {
    this.#links.push(link)
  }

  /** Uses a connection from now on; what was asked on another one is still answered there. */
  use(link: PeerLink): void {
    this.#link = link
  }

  /** All connections to it. */
  get links(): readonly PeerLink[] {
    return this.#links
  }

  /** Ends all connections to it. */
  end(reason: BackerError): void {
    for (const link of [...this.#links]) link.close(reason)
  }

  /** The best of its roads; of equal ones the newest. */
  best(): PeerLink {
    return this.#links.reduce((best, link) => (link.road.rank >= best.road.rank ? link : best), this.#link)
  }

  /** A connection is gone; true where none is left. */
  leave(link: PeerLink): boolean {
    const at = this.#links.indexOf(link)
    if (at >= 0) this.#links.splice(at, 1)
    const [other] = this.#links
    if (other === undefined) return true
    if (link === this.#link) this.#link = other
    return false
  }

  /** The same incarnation of the same device is at both ends of these connections. */
  isSame(link: PeerLink): boolean {
    return link.deviceId === this.id && link.hello.replica === this.link.hello.replica
  }

  get id(): string {
    return this.link.deviceId
  }

  get name(): string {
    return this.link.hello.name
  }

  /** True while some root of this peer has not been walked to its end. */
  get behind(): boolean {
    for (const [signer, target] of this.targets) {
      const walked = this.walked.get(signer)
      if (walked === undefined || !hashesEqual(walked, target)) return true
    }
    return false
  }

  /** The next root to walk, with the one that was walked before it. */
  nextWalk(): { readonly signer: string; readonly from: Hash | undefined; readonly to: Hash } | undefined {
    this.#mustStartOver = false
    for (const [signer, to] of this.targets) {
      const from = this.walked.get(signer)
      if (from === undefined || !hashesEqual(from, to)) return { signer, from, to }
    }
    return undefined
  }

  /** A walk has come to its end: unless it must begin again from the start. */
  noteWalked(signer: string, to: Hash): void {
    if (!this.#mustStartOver) this.walked.set(signer, to)
  }

  /** Has everything walked again from what this device's disk shows. */
  startOver(): void {
    this.#mustStartOver = true
    this.walked.clear()
    this.wake.wake()
  }

  noteHave(content: Hash, ranges: readonly (readonly [number, number])[]): void {
    const key = hashKey(content)
    const known = this.#haves.get(key) ?? []
    this.#haves.delete(key)
    if (this.#haves.size >= HAVES_MAX) this.#haves.delete(this.#haves.keys().next().value ?? key)
    for (const [start, count] of ranges) addRange(known, start, start + count)
    if (known.length <= HAVE_RANGES_MAX) this.#haves.set(key, known)
  }

  /** True where the peer said that it holds chunk `index` of a file that it is still fetching. */
  has(content: HashKey, index: number): boolean {
    return this.#haves.get(content)?.some(([start, end]) => start <= index && index < end) === true
  }

  hasSome(content: HashKey): boolean {
    return this.#haves.has(content)
  }

  /** It has said that it holds exactly this. */
  isAt(root: Hash): boolean {
    return this.root !== undefined && hashesEqual(this.root, root)
  }

  status(ownRoot: Hash): PeerStatus {
    return {
      device: this.id,
      name: this.name,
      role: this.link.hello.role,
      replica: this.link.hello.replica,
      route: this.route,
      inSync: this.isAt(ownRoot),
      connectedAt: this.connectedAt,
      transport: this.link.road.transport,
      address: this.link.remoteHost,
      roundTripMs: this.link.roundTripMs,
      bytesReceived: this.bytesReceived,
      bytesSent: this.bytesSent
    }
  }
}

/** Adds [start, end) to sorted, disjoint ranges, joining those that touch. */
function addRange(ranges: Ranges, start: number, end: number): void {
  let from = ranges.length
  while (from > 0 && (ranges[from - 1]?.[1] ?? -1) >= start) from--
  let to = from
  let low = start
  let high = end
  for (let range = ranges[to]; range !== undefined && range[0] <= end; range = ranges[++to]) {
    low = Math.min(low, range[0])
    high = Math.max(high, range[1])
  }
  ranges.splice(from, to - from, [low, high])
}
