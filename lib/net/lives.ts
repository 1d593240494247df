import type { Connection } from '../../protocol/connection.js'

/** One connection to a device, and what is known of it beside its road. */
export interface Live {
  readonly connection: Connection
  /** The peer's address as this side sees it. */
  readonly host: () => string | undefined
  readonly rank: () => number
  readonly isRelayed: () => boolean
  /** On the clock that only goes forward. */
  readonly openedAt: number
}

/** From this silence on a connection is dead: either side speaks every 2.5 seconds. With it, a look every second and a handshake a line is there again within 10 s. */
const SILENCE_MS = 7000
/** The same, where there is reason to believe that it is: the network has changed. */
const SUSPECT_SILENCE_MS = 4000
/** A worse road that is left over is closed when nothing has moved there for this long, and in any case after the other time. */
const SETTLED_MS = 1500
const DRAIN_MS = 60_000
/** Connections to one device: a few roads, and what came about twice. Whoever opens more has others closed for it. */
const PER_DEVICE_MAX = 8
/** Bytes within SETTLED_MS that are nothing but keeping alive. */
const STILL_BYTES = 400

interface Kept extends Live {
  /** When it was found that a better one is there. */
  worseSince: number | undefined
  bytesThen: number
  stillSince: number
  suspectSince: number | undefined
}

/**
 * All proven connections, by device. Two devices may have several for a while: when a better road is found, when one went dead and nobody knows
 * it yet, when both connect at the same moment. The one of the greatest rank is in use, the newest of equals; the device with the lesser id closes the
 * others when nothing is under way on them, so that the two never close different ones.
 */
export class Lives {
  readonly #ownId: string
  readonly #devices = new Map<string, Kept[]>()

  constructor(ownId: string) {
    this.#ownId = ownId
  }

  get count(): number {
    return this.#devices.size
  }

  get deviceIds(): readonly string[] {
    return [...this.#devices.keys()]
  }

  get all(): readonly Live[] {
    return [...this.#devices.values()].flat()
  }

  add(live: Live): void {
    const kept = this.#devices.get(live.connection.deviceId) ?? []
    const { openedAt } = live
    kept.push({
      ...live,
      worseSince: undefined,
      bytesThen: live.connection.bytesReceived,
      stillSince: openedAt,
      suspectSince: undefined
    })
    this.#devices.set(live.connection.deviceId, kept)
    const best = bestOf(kept)
    if (kept.length > PER_DEVICE_MAX) kept.find(other => other !== best)?.connection.destroy()
  }

  /** True where it was the last one to its device. */
  remove(connection: Connection): boolean {
    const kept = this.#devices.get(connection.deviceId) ?? []
    const at = kept.findIndex(live => live.connection === connection)
    if (at >= 0) kept.splice(at, 1)
    if (kept.length === 0) return this.#devices.delete(connection.deviceId)
    return false
  }

  /** The connection in use to a device. */
  best(deviceId: string): Live | undefined {
    return bestOf(this.#devices.get(deviceId) ?? [])
  }

  /** The rank of the road in use to a device; below zero where there is none. */
  rankOf(deviceId: string): number {
    return this.best(deviceId)?.rank() ?? -1
  }

  /** True where this side chooses between several roads to that device. */
  choosesFor(deviceId: string): boolean {
    return this.#ownId < deviceId
  }

  /** The network has changed: whatever does not answer soon is dead. */
  suspectAll(now: number): void {
    for (const kept of this.#devices.values()) for (const live of kept) live.suspectSince = now
  }

  /** As `suspectAll`, of one device: it has connected anew. */
  suspect(deviceId: string, now: number): void {
    for (const live of this.#devices.get(deviceId) ?? []) live.suspectSince = now
  }

  /** Ends what is dead, and what is not needed any more. To be called about every second; `now` is on the clock that only goes forward. */
  sweep(now: number): void {
    for (const [deviceId, kept] of this.#devices) {
      for (const live of [...kept]) if (isDead(live, now)) live.connection.destroy()
      const best = bestOf(kept)
      for (const live of [...kept]) {
        live.worseSince = live === best ? undefined : (live.worseSince ?? now)
        if (isDrained(live, now) && this.choosesFor(deviceId)) live.connection.destroy()
      }
    }
  }
}

function bestOf(kept: readonly Kept[]): Kept | undefined {
  return kept.reduce<Kept | undefined>(
    (best, live) => (best === undefined || live.rank() >= best.rank() ? live : best),
    undefined
  )
}

function isDead(live: Kept, now: number): boolean {
  const { silentMs } = live.connection
  if (live.suspectSince !== undefined) {
    const suspectedMs = now - live.suspectSince
    if (silentMs < suspectedMs) live.suspectSince = undefined
    else if (suspectedMs > SUSPECT_SILENCE_MS) return true
  }
  return silentMs > SILENCE_MS
}

function isDrained(live: Kept, now: number): boolean {
  const { bytesReceived, isBusy } = live.connection
  if (live.worseSince === undefined) return false
  if (isBusy || bytesReceived - live.bytesThen > STILL_BYTES) {
    live.bytesThen = bytesReceived
    live.stillSince = now
  }
  const since = Math.max(live.worseSince, live.stillSince)
  return now - since > SETTLED_MS || now - live.worseSince > DRAIN_MS
}
