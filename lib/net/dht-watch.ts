import type HyperDHT from 'hyperdht'
import type { Clock } from '../runtime.js'

/** From this silence on the DHT is out of reach: the announcer asks its nodes every 3 seconds. */
const SILENCE_MS = 12_000
/** How often nodes are asked meanwhile. Each time takes about as long, with a packet a second to each of two nodes: what comes back is heard within a second or two. */
const ASK_EVERY_MS = 6000

/**
 * Notices when the DHT answers again after it was out of reach: a router that has lost its line shows nothing of it to the machines behind. And keeps what listens on it
 * announced, which hyperdht does not: its announcer, where no node relays handshakes to it, takes that for being announced, and looks again after five minutes, or when an
 * interface has changed. Until then nobody finds it, or can punch a hole in its NAT. Source: hyperdht 6.34, `_background` in lib/announcer.js.
 */
export class DhtWatch {
  readonly #dht: HyperDHT
  readonly #clock: Clock
  readonly #onback: () => void
  #responses = 0
  #heardAt: number
  #askedAt = 0

  constructor(parts: { readonly dht: HyperDHT; readonly clock: Clock; readonly onback: () => void }) {
    this.#dht = parts.dht
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
    for (const server of this.#dht.listening) {
      if (server._announcer === null || server._announcer.relays.length > 0) continue
      server.refresh()
      server._announcer._sleeper.resume()
    }
  }
}
