import type HyperDHT from 'hyperdht'
import type { Clock } from '../runtime.js'
import { ownAddresses } from './address.js'

/** When it is looked whether the port is open, from the start or a change of the network on; then always after the last of these. */
const LOOK_MS = [1000, 4000, 15_000, 60_000, 10 * 60_000]

/**
 * Whether this device can be reached from everywhere over UDP: then it tells others so, and relays for the other devices of its folders. dht-rpc finds it out by
 * itself as it starts, where a node answers before it has met all of them, and after 20 minutes; and it never takes it back, so that a
 * device that goes behind a router would be looked for where it was, and in vain. Source: dht-rpc 6.28, `_bootstrap` and `_onwakeup`.
 */
export class Openness {
  readonly #dht: HyperDHT
  readonly #clock: Clock
  #since: number
  #looks = 0
  #addresses = addressesNow()

  constructor(dht: HyperDHT, clock: Clock) {
    this.#dht = dht
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  /** This machine's addresses have changed. Where one is gone, what was found out does not hold any more. */
  addressesChanged(): void {
    const addresses = addressesNow()
    const isOneGone = [...this.#addresses].some(address => !addresses.has(address))
    this.#addresses = addresses
    if (!isOneGone) return
    this.#dht.firewalled = this.#dht.io.firewalled = true
    this.#since = this.#clock.monotonic()
    this.#looks = 0
  }

  /** To be called about every second. */
  tick(): void {
    const now = this.#clock.monotonic()
    if (!this.#dht.firewalled || !this.#dht.bootstrapped || now - this.#since < this.#waitMs) return
    this.#since = now
    this.#looks++
    // Some nodes are asked to send something to the port; it never rejects.
    void this.#dht._updateNetworkState(true)
  }

  get #waitMs(): number {
    return LOOK_MS[Math.min(this.#looks, LOOK_MS.length - 1)] ?? 0
  }
}

function addressesNow(): ReadonlySet<string> {
  return new Set(ownAddresses().map(({ address }) => address))
}
