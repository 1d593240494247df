import type { Runtime } from '../runtime.js'
import { dropOldest } from '../core/drop-oldest.js'

/** How long a device that is gone is looked for often; after which times at first, and how often from then on. */
const MISSED_MS = 15 * 60_000
const FIRST_LOOKS_MS = [1000, 1000, 2000]
const LOOK_EVERY_MS = 4000
/** Devices that are kept in mind. */
const DEVICES_MAX = 1024

interface Known {
  readonly publicKey: Uint8Array
  /** By name: what it had last. */
  folders: readonly string[]
  /** undefined while it is connected. */
  goneAt: number | undefined
  lookedAt: number
  looks: number
}

/** The devices that were connected since the start, and which of them are missed. */
export class Missed {
  readonly #runtime: Runtime
  readonly #known = new Map<string, Known>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  met(deviceId: string, publicKey: Uint8Array): void {
    const folders = this.foldersOf(deviceId)
    this.#known.delete(deviceId)
    dropOldest(this.#known, DEVICES_MAX - 1)
    this.#known.set(deviceId, {
      publicKey: Uint8Array.from(publicKey),
      folders,
      goneAt: undefined,
      lookedAt: 0,
      looks: 0
    })
  }

  /** A connected device has these folders. */
  shares(deviceId: string, folders: readonly string[]): void {
    const known = this.#known.get(deviceId)
    if (known !== undefined) known.folders = folders
  }

  /** The folders that a device had last: when it comes back it may be asked for them, whoever has found whom. */
  foldersOf(deviceId: string): readonly string[] {
    return this.#known.get(deviceId)?.folders ?? []
  }

  lost(deviceId: string): void {
    const known = this.#known.get(deviceId)
    if (known === undefined) return
    known.goneAt = known.lookedAt = this.#runtime.clock.monotonic()
    known.looks = 0
  }

  /** It has proven that it knows the key of some folder, since the start. */
  knows(deviceId: string): boolean {
    return this.#known.has(deviceId)
  }

  publicKeyOf(deviceId: string): Uint8Array | undefined {
    return this.#known.get(deviceId)?.publicKey
  }

  /** All that are gone, however long. */
  ids(): readonly string[] {
    return [...this.#known].filter(([, { goneAt }]) => goneAt !== undefined).map(([id]) => id)
  }

  /** Those that are to be looked for now; each comes every few seconds, for a while. */
  due(): readonly string[] {
    const now = this.#runtime.clock.monotonic()
    const due = [...this.#known].filter(
      ([, { goneAt, lookedAt, looks }]) =>
        goneAt !== undefined && now - goneAt < MISSED_MS && now - lookedAt >= (FIRST_LOOKS_MS[looks] ?? LOOK_EVERY_MS)
    )
    for (const [, known] of due) {
      known.lookedAt = now
      known.looks++
    }
    return due.map(([id]) => id)
  }
}
