import { BackerError } from '../core/error.js'
import type { PeerLink } from '../../protocol/peer-link.js'
import type { FolderContext } from './context.js'
import { dropOldest } from '../core/drop-oldest.js'

/** For how long it is told of a device that its key is in use at two places, after that has shown for the last time. */
const TOLD_MS = 3_600_000
/** Replicas that gave way to others: of so many devices, and so many of each. */
const DEVICES_MAX = 256
const REPLICAS_MAX = 16

/**
 * Notices that one device key is in use on two machines, as after a copy of a whole disk or of a home. Each of the two goes on as a replica of its own, so that
 * nothing is lost (invariants S13, S18); but only one of them can be connected at a time, and their users should know why.
 */
export class Clones {
  readonly #context: FolderContext
  readonly #gaveWay = new Map<string, Set<string>>()
  readonly #seenAt = new Map<string, number>()
  readonly #parted = new Set<string>()

  constructor(context: FolderContext) {
    this.#context = context
  }

  /** A device has come back with a fresh index. One that comes with the old one again after that is another machine. */
  gaveWay(device: string, replica: string): void {
    const replicas = this.#gaveWay.get(device) ?? new Set<string>()
    if (!this.#gaveWay.has(device)) dropOldest(this.#gaveWay, DEVICES_MAX - 1)
    dropOldest(replicas, REPLICAS_MAX - 1)
    this.#gaveWay.set(device, replicas.add(replica))
  }

  /** True for a connection as an incarnation that had given way to another one, which is connected now. */
  isClone({ deviceId, hello }: PeerLink): boolean {
    return this.#gaveWay.get(deviceId)?.has(hello.replica) === true
  }

  /** True once for each device: both machines are then to be told. From then on the one that is connected stays, so that they don't drive each other away for ever. */
  isToPart(device: string): boolean {
    const isFirst = !this.#parted.has(device)
    dropOldest(this.#parted, DEVICES_MAX - 1)
    this.#parted.add(device)
    return isFirst
  }

  /** True while it is told that a device's key is in use at two places. */
  isTold(device: string): boolean {
    return this.#seenAt.has(device)
  }

  /** Tells that the key of `device`, another one, is in use at two places. */
  tell(device: string, name: string): void {
    this.#tell(device, `two machines use the key of ${name}: one of them is a copy of the other. ${WHAT_TO_DO}`)
  }

  /** Tells that this device's own key is in use somewhere else. */
  tellOwn(device: string, where: string): void {
    this.#tell(
      device,
      `another machine (${where}) uses this device's own key: one is a copy of the other. ${WHAT_TO_DO}`
    )
  }

  #tell(device: string, message: string): void {
    const { clock, timers } = this.#context.runtime
    const isNews = !this.#seenAt.has(device)
    this.#seenAt.set(device, clock.monotonic())
    if (!isNews) return
    this.#context.problems.set({ peer: device, code: 'CLONED', message })
    const forget = (): void => {
      const restMs = (this.#seenAt.get(device) ?? 0) + TOLD_MS - clock.monotonic()
      if (restMs > 0) timers.after(restMs, forget)
      else {
        this.#seenAt.delete(device)
        this.#context.problems.clearPeer(device)
      }
    }
    timers.after(TOLD_MS, forget)
  }
}

const WHAT_TO_DO = 'On the copy: backer stop, remove device.key from its BACKER_HOME, and start it again'

/** What a device is told whose key is in use at two places. */
export function clonedError(device: string): BackerError {
  return new BackerError('CLONED', "this device's key is in use on another machine too", { peer: device })
}
