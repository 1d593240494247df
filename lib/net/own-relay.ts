import type { KeyPair } from 'hypercore-crypto'
import type HyperDHT from 'hyperdht'
import { messageOf } from '../core/error.js'
import type { Runtime } from '../runtime.js'
import { isLoopback } from './dht-node.js'
import { Relay, RELAY_LIMITS, relayKeyPair } from './relay.js'

/** For how long a device that can't be reached any more goes on: after a change of its network it may only be that nobody has looked yet. */
const PATIENCE_MS = 30_000

export interface OwnRelayOptions {
  readonly dht: HyperDHT
  /** The device's own. */
  readonly keyPair: KeyPair
  /** True for a device, by its id, that may use the relay. */
  readonly serves: (deviceId: string) => boolean
  /** It has begun or ended: others are to be told. */
  readonly onchange: () => void
  readonly runtime: Runtime
}

/** The relay that a device runs for the other devices of its folders, as long as it can be reached from everywhere. */
export class OwnRelay {
  readonly #options: OwnRelayOptions
  #relay: Relay | undefined
  #openAt = 0
  #isChanging = false
  #isClosed = false

  constructor(options: OwnRelayOptions) {
    this.#options = options
  }

  /** undefined: it does not relay. */
  get publicKey(): Uint8Array | undefined {
    return this.#relay?.publicKey
  }

  /** To be called about every second. */
  tick(): void {
    this.#relay?.tick()
    const now = this.#options.runtime.clock.monotonic()
    if (this.#isOpen) this.#openAt = now
    const isWanted = this.#isOpen || (this.#relay !== undefined && now - this.#openAt < PATIENCE_MS)
    if (isWanted !== (this.#relay !== undefined) && !this.#isChanging) void this.#change(isWanted)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#relay?.close()
  }

  get #isOpen(): boolean {
    const { dht } = this.#options
    return dht.remoteAddress() !== null && dht.bootstrapped && !isLoopback(dht.host ?? '127.0.0.1')
  }

  async #change(isWanted: boolean): Promise<void> {
    const { runtime, onchange } = this.#options
    this.#isChanging = true
    try {
      if (isWanted) await this.#start()
      else await this.#stop()
      onchange()
    } catch (error) {
      runtime.trace(`can't relay for others: ${messageOf(error)}`)
    }
    this.#isChanging = false
  }

  async #start(): Promise<void> {
    const { dht, keyPair, serves } = this.#options
    const relay = await Relay.open({ dht, keyPair: relayKeyPair(keyPair), serves, limits: RELAY_LIMITS })
    if (this.#isClosed) await relay.close()
    else this.#relay = relay
  }

  async #stop(): Promise<void> {
    const relay = this.#relay
    this.#relay = undefined
    await relay?.close()
  }
}
