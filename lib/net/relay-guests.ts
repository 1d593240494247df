import type HyperDHT from 'hyperdht'
import { messageOf } from '../core/error.js'
import type { Runtime } from '../runtime.js'
import { dropOldest } from '../core/drop-oldest.js'
import { nameOf } from './name.js'

/** How long a device counts as one of a folder's after it was seen under the folder's topic. */
const GUEST_MS = 15 * 60_000
/** How often topics are looked up at most, however many strangers come. */
const LOOK_EVERY_MS = 1000
/** Devices that are kept in mind. */
const GUESTS_MAX = 4096

export interface RelayGuestsOptions {
  readonly dht: HyperDHT
  /** Ids of devices that are served in any case. */
  readonly devices: ReadonlySet<string>
  /** The topics of folders whose devices are served. */
  readonly topics: readonly Uint8Array[]
  readonly runtime: Runtime
}

/**
 * Whom a relay serves: devices that it was told of, and those that have announced themselves under the topics of folders that it was told of. An
 * announcement is signed with the device's key, the one with which it comes to the relay; so a relay needs no key of a folder, and can't
 * read one.
 */
export class RelayGuests {
  readonly #options: RelayGuestsOptions
  /** When each device was seen under a topic, the longest ago first. */
  readonly #seen = new Map<string, number>()
  #lookedAt = -Infinity
  #looking: Promise<void> | undefined

  constructor(options: RelayGuestsOptions) {
    this.#options = options
  }

  async serves(deviceId: string): Promise<boolean> {
    if (this.#options.devices.has(deviceId) || this.#isGuest(deviceId)) return true
    await this.#look()
    return this.#isGuest(deviceId)
  }

  #isGuest(deviceId: string): boolean {
    const at = this.#seen.get(deviceId)
    return at !== undefined && this.#options.runtime.clock.monotonic() - at < GUEST_MS
  }

  #look(): Promise<void> {
    const now = this.#options.runtime.clock.monotonic()
    if (this.#looking !== undefined || now - this.#lookedAt < LOOK_EVERY_MS) return this.#looking ?? Promise.resolve()
    this.#lookedAt = now
    this.#looking = Promise.all(this.#options.topics.map(topic => this.#lookUp(topic))).then(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookUp(topic: Uint8Array): Promise<void> {
    const { dht, runtime } = this.#options
    try {
      for await (const { peers } of dht.lookup(topic)) for (const { publicKey } of peers) this.#saw(nameOf(publicKey))
    } catch (error) {
      runtime.trace(`who has a folder could not be looked up: ${messageOf(error)}`)
    }
  }

  #saw(deviceId: string): void {
    this.#seen.delete(deviceId)
    this.#seen.set(deviceId, this.#options.runtime.clock.monotonic())
    dropOldest(this.#seen, GUESTS_MAX)
  }
}
