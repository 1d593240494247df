import { join } from 'node:path'
import { readDocument, isObject } from '../home/damaged.js'
import { replacePrivateFile } from '../home/private-file.js'
import type { PeerStatus } from '../folder/status.js'
import type { Runtime, Timer } from '../runtime.js'

/** A device that was connected to a folder at some time. Times are milliseconds since 1970. */
export interface KnownDevice {
  readonly device: string
  readonly name: string
  readonly role: PeerStatus['role']
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  /** Under which names its writes stand in records. */
  readonly replicas: readonly string[]
  /** The root that both held when it was seen to hold the same as this device; undefined: it never was. */
  readonly root?: string
  /** That it was not seen for too long was told. */
  readonly wasTold?: true
}

/** What is noted of a device that is connected. */
export type SeenPeer = Pick<PeerStatus, 'device' | 'name' | 'role' | 'replica'>

const SCHEMA = 1
/** Devices of one folder that are kept in mind; who was not seen the longest goes first. */
const DEVICES_MAX = 1000
const REPLICAS_MAX = 32
const SAVE_DELAY_MS = 1000

type Book = Map<string, Map<string, KnownDevice>>

/** The devices of each folder of a home, connected or not, and when each was seen last: `devices.json`. It may be lost without harm to any file. */
export class KnownDevices {
  readonly #file: string
  readonly #runtime: Runtime
  readonly #book: Book
  #timer: Timer | undefined
  #saving: Promise<void> = Promise.resolve()

  private constructor(file: string, runtime: Runtime, book: Book) {
    this.#file = file
    this.#runtime = runtime
    this.#book = book
  }

  /** Throws MALFORMED once where the file is damaged (it is put aside), UNSUPPORTED where a newer backer wrote it. */
  static async open(home: string, runtime: Runtime): Promise<KnownDevices> {
    const file = devicesFile(home)
    const book = await readDocument(file, {
      what: 'the list of devices',
      schema: SCHEMA,
      hint: 'When which device was seen last is forgotten; nothing else is.',
      parse: ({ folders }) => parseBook(folders)
    })
    return new KnownDevices(file, runtime, book ?? new Map<string, Map<string, KnownDevice>>())
  }

  /** The devices of a folder, by when they were seen last. */
  of(folder: string): readonly KnownDevice[] {
    return [...(this.#book.get(folder)?.values() ?? [])].sort((a, b) => b.lastSeenMs - a.lastSeenMs)
  }

  /** A device is, or was until now, connected. `root`: what both hold, where it has everything. */
  seen(folder: string, { device, name, role, replica }: SeenPeer, root?: string): void {
    const devices = this.#book.get(folder) ?? new Map<string, KnownDevice>()
    this.#book.set(folder, devices)
    const known = devices.get(device)
    const now = this.#runtime.clock.now()
    const replicas = [replica, ...(known?.replicas ?? []).filter(one => one !== replica)].slice(0, REPLICAS_MAX)
    const held = root ?? known?.root
    const seen = { device, name, role, firstSeenMs: known?.firstSeenMs ?? now, lastSeenMs: now, replicas }
    devices.set(device, held === undefined ? seen : { ...seen, root: held })
    if (devices.size > DEVICES_MAX) devices.delete(this.of(folder).at(-1)?.device ?? '')
    this.#saveSoon()
  }

  /** Devices that are not among `connected`, were not seen for `days`, and of which that was not told yet. They count as told from now on. */
  tellUnseen(folder: string, connected: ReadonlySet<string>, days: number): readonly KnownDevice[] {
    const found = this.of(folder).filter(
      known => !connected.has(known.device) && known.wasTold !== true && this.isUnseen(known, days)
    )
    for (const known of found) this.#book.get(folder)?.set(known.device, { ...known, wasTold: true })
    if (found.length > 0) this.#saveSoon()
    return found
  }

  /** True for a device that was not seen for `days`. */
  isUnseen({ lastSeenMs }: KnownDevice, days: number): boolean {
    return this.#runtime.clock.now() - lastSeenMs >= days * DAY_MS
  }

  /** A device is not expected any more; false where it was not known. */
  forget(folder: string, device: string): boolean {
    const wasKnown = this.#book.get(folder)?.delete(device) === true
    if (wasKnown) this.#saveSoon()
    return wasKnown
  }

  /** A folder was left. */
  forgetFolder(folder: string): void {
    if (this.#book.delete(folder)) this.#saveSoon()
  }

  /** Resolves when all that was noted is on the disk. Throws the system's error. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) {
      this.#timer.cancel()
      this.#save()
    }
    await this.#saving
  }

  #saveSoon(): void {
    this.#timer ??= this.#runtime.timers.after(SAVE_DELAY_MS, () => this.#save())
  }

  #save(): void {
    this.#timer = undefined
    const folders = Object.fromEntries([...this.#book].map(([folder, devices]) => [folder, [...devices.values()]]))
    const text = `${JSON.stringify({ schema: SCHEMA, folders }, undefined, 2)}\n`
    this.#saving = this.#saving
      .then(() => replacePrivateFile(this.#file, text))
      .catch((error: unknown) => this.#runtime.trace(`the list of devices could not be kept: ${String(error)}`))
  }
}

export const DAY_MS = 24 * 60 * 60 * 1000

export function devicesFile(home: string): string {
  return join(home, 'devices.json')
}

function parseBook(folders: unknown): Book {
  if (!isObject(folders)) throw new TypeError('it has no folders')
  return new Map(
    Object.entries(folders).map(([folder, devices]) => {
      if (!Array.isArray(devices)) throw new TypeError('a folder has no list of devices')
      return [folder, new Map(devices.map(parseDevice).map(known => [known.device, known]))]
    })
  )
}

function parseDevice(value: unknown): KnownDevice {
  if (!isObject(value)) throw new TypeError('a device is no object')
  const { device, name, role, firstSeenMs, lastSeenMs, replicas, root, wasTold } = value
  if (typeof device !== 'string' || typeof name !== 'string') throw new TypeError('a device has no id or name')
  if (typeof firstSeenMs !== 'number' || typeof lastSeenMs !== 'number') throw new TypeError('a device has no times')
  return {
    device,
    name,
    role: role === 'writer' ? 'writer' : 'reader',
    firstSeenMs,
    lastSeenMs,
    replicas: Array.isArray(replicas) ? replicas.filter((one): one is string => typeof one === 'string') : [],
    ...(typeof root === 'string' ? { root } : {}),
    ...(wasTold === true ? { wasTold } : {})
  }
}
