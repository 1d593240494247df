import { messageOf } from '../core/error.js'
import type { Runtime, Timer } from '../runtime.js'
import { formatAddress, type Address } from './address.js'

/**
 * How long until an address is tried again: by how often it failed in a row. The last one holds for all further failures: with a quarter more at most, and what an attempt
 * takes that began before, a line is there again within 10 s, however long it was cut.
 */
const BACKOFF_MS = [1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 6000]
/** What is not fixed is forgotten after this many failures in a row: after some ten minutes, and where a device was reached after some two hours. */
const FAILURES_MAX = 60
const REACHED_FAILURES_MAX = 600
/** Addresses that are kept in mind, and dialled at once. */
const TARGETS_MAX = 512
const DIALS_MAX = 8

/** An address at which some device takes TCP. */
export interface Target {
  readonly address: Address
  /** The folders for whose sake it is tried, by name. */
  readonly folders: ReadonlySet<string>
  /** The user gave it: it is never forgotten. */
  readonly isFixed: boolean
  /** Who was there last time. */
  readonly deviceId: string | undefined
  /** What connecting took last time, in milliseconds. */
  readonly roundTripMs: number | undefined
}

export interface DialerOptions {
  readonly runtime: Runtime
  /** Connects; gives who is there and what it took. Rejects where nobody is, or where it is nobody of ours. */
  readonly dial: (target: Target) => Promise<{ readonly deviceId: string; readonly roundTripMs: number }>
  /** False where a connection to it would be of no use now. */
  readonly isWanted: (target: Target) => boolean
}

interface Entry extends Target {
  folders: Set<string>
  isFixed: boolean
  deviceId: string | undefined
  roundTripMs: number | undefined
  failures: number
  isDialling: boolean
  timer: Timer | undefined
}

/** Keeps trying the addresses that are known, as long as a connection to them would be of use: less and less often, but for a change of the network. */
export class Dialer {
  readonly #options: DialerOptions
  readonly #entries = new Map<string, Entry>()
  #dials = 0
  #isClosed = false

  constructor(options: DialerOptions) {
    this.#options = options
  }

  get targets(): readonly Target[] {
    return [...this.#entries.values()]
  }

  /** One more address, or one more folder for a known one. It is tried at once. */
  add(address: Address, folders: Iterable<string>, { isFixed = false }: { readonly isFixed?: boolean } = {}): void {
    const name = formatAddress(address)
    const known = this.#entries.get(name)
    if (known === undefined && this.#entries.size >= TARGETS_MAX && !isFixed) return
    const entry: Entry = known ?? {
      address,
      folders: new Set(),
      isFixed,
      deviceId: undefined,
      roundTripMs: undefined,
      failures: 0,
      isDialling: false,
      timer: undefined
    }
    for (const folder of folders) entry.folders.add(folder)
    entry.isFixed ||= isFixed
    this.#entries.set(name, entry)
    if (entry.timer === undefined) this.#try(entry)
  }

  /** A folder is gone: so is what was tried for it alone. */
  removeFolder(folder: string): void {
    for (const entry of this.#entries.values())
      if (entry.folders.delete(folder) && entry.folders.size === 0) this.#forget(entry)
  }

  /** The network has changed: everything is tried at once. */
  retryAll(): void {
    for (const entry of this.#entries.values()) this.#tryAnew(entry)
  }

  /** A device is gone, or is reached by a worse road: its addresses are tried at once. */
  retryDevice(deviceId: string): void {
    for (const entry of this.#entries.values()) if (entry.deviceId === deviceId) this.#tryAnew(entry)
  }

  close(): void {
    this.#isClosed = true
    for (const entry of this.#entries.values()) entry.timer?.cancel()
    this.#entries.clear()
  }

  #tryAnew(entry: Entry): void {
    entry.failures = 0
    entry.timer?.cancel()
    entry.timer = undefined
    this.#try(entry)
  }

  #try(entry: Entry): void {
    if (this.#isClosed || entry.isDialling) return
    if (this.#dials >= DIALS_MAX || !this.#options.isWanted(entry)) {
      this.#tryLater(entry)
      return
    }
    void this.#dial(entry)
  }

  async #dial(entry: Entry): Promise<void> {
    entry.isDialling = true
    this.#dials++
    try {
      const { deviceId, roundTripMs } = await this.#options.dial(entry)
      entry.deviceId = deviceId
      entry.roundTripMs = roundTripMs
      entry.failures = 0
    } catch (error) {
      entry.failures++
      this.#options.runtime.trace(`dialling ${formatAddress(entry.address)}: ${messageOf(error)}`)
    }
    entry.isDialling = false
    this.#dials--
    const failuresMax = entry.deviceId === undefined ? FAILURES_MAX : REACHED_FAILURES_MAX
    if (entry.failures >= failuresMax && !entry.isFixed) this.#forget(entry)
    else this.#tryLater(entry)
  }

  #tryLater(entry: Entry): void {
    entry.timer?.cancel()
    if (this.#isClosed) return
    const base = BACKOFF_MS[Math.min(entry.failures, BACKOFF_MS.length - 1)] ?? 0
    const delayMs = base + this.#options.runtime.random.below(1 + base / 4)
    entry.timer = this.#options.runtime.timers.after(delayMs, () => {
      entry.timer = undefined
      this.#try(entry)
    })
  }

  #forget(entry: Entry): void {
    entry.timer?.cancel()
    this.#entries.delete(formatAddress(entry.address))
  }
}
