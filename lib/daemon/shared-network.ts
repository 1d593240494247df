import { setTimeout as pause } from 'node:timers/promises'
import { isBackerError } from '../core/error.js'
import type { Home } from '../home/home.js'
import type { Network } from '../net/network.js'
import { NO_LIMITS, type Limits } from '../net/rate.js'
import type { NetworkReport } from '../net/report.js'
import type { Runtime } from '../runtime.js'
import type { Config } from './config.js'
import type { Log } from './log.js'
import { networkMemory, readLimits, writeLimits } from './network-settings.js'

/** How long taking this device off the DHT may take: where the DHT does not answer, it forgets the device by itself. */
const LEAVE_DEADLINE_MS = 1000

export interface SharedNetworkParts {
  readonly config: Config
  readonly home: Home
  readonly runtime: Runtime
  readonly log: Log
  /** Much has gone to or come from a device through a relay. */
  readonly onrelayed: (device: string) => void
  /** Another machine, at this address, has this device's own key. */
  readonly oncloned: (host: string | undefined) => void
}

/** The one network of all folders of a home: opened when the first of them needs it. */
export class SharedNetwork {
  readonly #parts: SharedNetworkParts
  #network: Promise<Network> | undefined

  constructor(parts: SharedNetworkParts) {
    this.#parts = parts
  }

  /** Throws what `Network.open` throws. */
  open(): Promise<Network> {
    this.#network ??= this.#start()
    return this.#network
  }

  /** How this device stands in the network; undefined while no folder runs. */
  async report(): Promise<NetworkReport | undefined> {
    return (await this.#network)?.report
  }

  limits(): Promise<Limits> {
    return readLimits(this.#parts.home)
  }

  /** Keeps rates for good, and has them hold from now on. */
  async setLimits(limits: Limits): Promise<void> {
    await writeLimits(this.#parts.home, limits)
    const network = await this.#network
    network?.setLimits(limits)
  }

  async close(): Promise<void> {
    const leaving = this.#network?.then(network => network.close()).catch(() => undefined)
    await Promise.race([leaving, pause(LEAVE_DEADLINE_MS)])
  }

  /** Rates that can't be read keep no folder from being opened: that they were damaged stands in the log and in the status. */
  async #limitsOrNone(): Promise<Limits> {
    try {
      return await readLimits(this.#parts.home)
    } catch (error) {
      if (!isBackerError(error)) throw error
      this.#parts.log.error({ code: error.code, path: error.path }, error.message)
      return NO_LIMITS
    }
  }

  async #start(): Promise<Network> {
    const { config, home, runtime, onrelayed, oncloned } = this.#parts
    const [{ Network }, keyPair] = await Promise.all([import('../net/network.js'), home.deviceKeyPair()])
    const { bootstrap, lan, port, relays } = config
    const memory = networkMemory(home)
    const network = await Network.open({ keyPair, bootstrap, lan, port, relays, runtime, memory, onrelayed, oncloned })
    network.setLimits(await this.#limitsOrNone())
    return network
  }
}
