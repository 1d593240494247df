import type HyperDHT from 'hyperdht'
import type Hyperswarm from 'hyperswarm'
import type { Clock } from '../runtime.js'

/** From this silence on the DHT is out of reach: the announcer asks its nodes every 3 seconds. */
const SILENCE_MS = 12_000
/** How often nodes are asked meanwhile. Each time takes about as long, with a packet a second to each of two nodes: what comes back is heard within a second or two. */
const ASK_EVERY_MS = 6000

/**
 * Notices when the DHT answers again after it was out of reach: a router that has lost its line shows nothing of it to the machines behind. And keeps this device
 * announced, which hyperdht does not: its announcer, once no node relays handshakes to it any more, takes that for being announced, and looks again after five minutes, or when
 * an interface has changed. Until then nobody can punch a hole in this device's NAT. Source: hyperdht 6.34, `_background` in lib/announcer.js.
 */
export class DhtWatch {
  readonly #dht: HyperDHT
  readonly #server: Hyperswarm['server']
  readonly #clock: Clock
  readonly #onback: () => void
  #responses = 0
  #heardAt: number
  #askedAt = 0

  constructor(parts: {
    readonly dht: HyperDHT
    readonly server: Hyperswarm['server']
    readonly clock: Clock
    readonly onback: () => void
  }) {
    this.#dht = parts.dht
    this.#server = parts.server
    this.#clock = parts.clock
    this.#onback = parts.onback
    this.#heardAt = parts.clock.monotonic()
  }

  /** To be called about every second. */
  tick(): void {
    this.#listen()
    this.#stayAnnounced()
  }

  #listen(): void {
    const now = this.#clock.monotonic()
    const { responses } = this.#dht.stats.requests
    const silentMs = now - this.#heardAt
    if (responses > this.#responses) {
      this.#responses = responses
      this.#heardAt = now
      // By itself it would believe so after up to five seconds more, and announce nothing until then.
      if (!this.#dht.online) this.#dht.health.reset()
      if (silentMs > SILENCE_MS) this.#onback()
    } else if (silentMs > SILENCE_MS && now - this.#askedAt >= ASK_EVERY_MS) {
      this.#askedAt = now
      this.#dht.refresh()
    }
  }

  #stayAnnounced(): void {
    const announcer = this.#server._announcer
    if (announcer === null || announcer.relays.length > 0) return
    this.#server.refresh()
    announcer._sleeper.resume()
  }
}
