import type Hyperswarm from 'hyperswarm'
import type { Connection } from '../../protocol/connection.js'
import type { Clock } from '../runtime.js'
import { nameOf } from './name.js'

/** Handshakes of strangers that are let in at once, and how many of them each second afterwards: a device that is new comes once. */
export const STRANGERS_AT_ONCE = 32
const STRANGERS_PER_SECOND = 8
/** As much for each device that is known: one that keeps losing its line. */
const KNOWN_AT_ONCE = 8
const KNOWN_PER_SECOND = 2
/** How many devices are kept in mind: more than can be connected. */
const KNOWN_MAX = 1024
/** How many connections there may be on which nobody has proven anything yet. */
export const UNPROVEN_MAX = 32

interface Bucket {
  tokens: number
  at: number
}

/**
 * Who may begin a handshake over the DHT, and how many may stay who have proven nothing. Strangers share one bucket of tokens; a device that
 * has proven before that it knows a folder's key has one of its own, which its static key opens (Noise IK proves it with the first message).
 * Nothing else that a stranger chooses, such as its address, is a reason to let it in or to keep somebody out. Source: hyperdht issues
 * 294 to 296: its server makes a socket for every handshake, and dials whatever relay a stranger names.
 */
export class Door {
  readonly #clock: Clock
  readonly #strangers: Bucket = { tokens: STRANGERS_AT_ONCE, at: -Infinity }
  readonly #known = new Map<string, Bucket>()
  readonly #unproven = new Set<Connection>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Stands before a swarm's server: what is refused here costs no socket, and a relay that a stranger names is not dialled, but for those that
   * this side would use by itself.
   */
  guard({ server }: Hyperswarm, isOwnRelay: (publicKey: Uint8Array) => boolean = () => false): void {
    const firewall = server.firewall
    server.firewall = (publicKey, payload, address) => {
      if (!this.admits(publicKey)) return true
      const relay = payload?.relayThrough?.publicKey
      if (payload !== null && relay !== undefined && !this.#known.has(nameOf(publicKey)) && !isOwnRelay(relay))
        payload.relayThrough = null
      return firewall(publicKey, payload, address)
    }
  }

  /** Takes a token; false where there is none. */
  admits(publicKey: Uint8Array): boolean {
    const now = this.#clock.monotonic()
    const own = this.#known.get(nameOf(publicKey))
    if (own !== undefined) return take(own, now, KNOWN_AT_ONCE, KNOWN_PER_SECOND)
    return take(this.#strangers, now, STRANGERS_AT_ONCE, STRANGERS_PER_SECOND)
  }

  /** A connection has come. Where too many have proven nothing, the one that had the most time to do so goes. */
  entered(connection: Connection, publicKey: Uint8Array): void {
    for (const other of this.#unproven) if (other.proven) this.#unproven.delete(other)
    this.#unproven.add(connection)
    const [oldest] = this.#unproven
    if (this.#unproven.size > UNPROVEN_MAX) oldest?.destroy()
    void connection.closed.then(() => {
      this.#unproven.delete(connection)
      if (connection.proven) this.#remember(publicKey)
    })
  }

  /** A device has proven that it knows a folder's key. */
  proven(connection: Connection, publicKey: Uint8Array): void {
    this.#unproven.delete(connection)
    this.#remember(publicKey)
  }

  #remember(publicKey: Uint8Array): void {
    const name = nameOf(publicKey)
    const bucket = this.#known.get(name) ?? { tokens: KNOWN_AT_ONCE, at: -Infinity }
    this.#known.delete(name)
    this.#known.set(name, bucket)
    const oldest = this.#known.size > KNOWN_MAX ? this.#known.keys().next().value : undefined
    if (oldest !== undefined) this.#known.delete(oldest)
  }
}

/** Takes a token of a bucket that fills up by itself; false where it is empty. */
function take(bucket: Bucket, nowMs: number, most: number, perSecond: number): boolean {
  const passed = Math.max(0, nowMs - bucket.at)
  bucket.tokens = Math.min(most, bucket.tokens + (passed * perSecond) / 1000)
  bucket.at = nowMs
  if (bucket.tokens < 1) return false
  bucket.tokens--
  return true
}
