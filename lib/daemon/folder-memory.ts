import type { Home } from '../home/home.js'
import type { Lacking, PeerStatus, Problem } from '../folder/status.js'
import type { Runtime, Timer } from '../runtime.js'
import {
  timeOf,
  type DaemonEvent,
  type DeviceDocument,
  type FolderDocument,
  type JournalRow,
  type LogEntryDocument
} from './document.js'
import { Journal, journalFile, type JournalQuestion } from './journal.js'
import { DAY_MS, KnownDevices, type KnownDevice } from './known-devices.js'
import { formatAge } from './moment.js'
import { alarmDays, type Settings } from './settings.js'

/** For how long it counts for what happens how a device is connected: looking is too much for each of ten thousand files. */
const ROUTES_MS = 1000
/** How often it is noted that a connected device is still there, and looked for those that are not. */
const LOOK_MS = 60_000

export interface MemoryWatch {
  /** The devices that are connected to a folder now. */
  readonly connectedTo: (folder: string) => readonly PeerStatus[]
  /** What this device holds of it; undefined where it does not run. */
  readonly rootOf: (folder: string) => string | undefined
  readonly tell: (event: DaemonEvent) => void
  readonly settings: Settings
}

/** How each connected device is connected, by its id. */
type Routes = ReadonlyMap<string, PeerStatus['route']>

/** What a process keeps of its folders beside their indexes: what happened in each, and which devices were there. */
export class FolderMemory {
  readonly #home: Home
  readonly #ownId: string
  readonly #runtime: Runtime
  readonly #devices: KnownDevices
  readonly #journals = new Map<string, Journal>()
  readonly #routes = new Map<string, { readonly routes: Routes; readonly atMs: number }>()
  #alarmDays = Number.POSITIVE_INFINITY
  #watch: MemoryWatch | undefined
  #timer: Timer | undefined

  private constructor(parts: {
    readonly home: Home
    readonly ownId: string
    readonly runtime: Runtime
    readonly devices: KnownDevices
  }) {
    this.#home = parts.home
    this.#ownId = parts.ownId
    this.#runtime = parts.runtime
    this.#devices = parts.devices
  }

  /** Throws what `KnownDevices.open` throws. */
  static async open(home: Home, ownId: string, runtime: Runtime): Promise<FolderMemory> {
    return new FolderMemory({ home, ownId, runtime, devices: await KnownDevices.open(home.directory, runtime) })
  }

  /** Begins to look for devices that are not seen any more. */
  watch(watch: MemoryWatch): void {
    this.#watch = watch
    this.alarmAfterDays(watch.settings)
    this.#lookLater()
  }

  alarmAfterDays(settings: Settings): void {
    this.#alarmDays = alarmDays(settings)
  }

  /** Something has happened. */
  note(event: DaemonEvent): void {
    if (event.type === 'peer') {
      this.#routes.delete(event.folder)
      this.#devices.seen(event.folder, event.peer, this.#sharedRoot(event.folder, event.peer))
    } else if (event.type === 'removed') this.#devices.forgetFolder(event.folder)
    else if (event.type === 'item') this.#journal(event.folder).note(this.#rowOf(event))
  }

  /** What was kept of a folder that is left goes. Throws the system's error. */
  async forget(folder: string): Promise<void> {
    await this.#journal(folder).remove()
    this.#journals.delete(folder)
    this.#routes.delete(folder)
  }

  /** A folder's document with all devices that are known of it, those that are connected first, and a problem for each that was not seen for too long. */
  complete(document: FolderDocument): FolderDocument {
    const connected = new Set(document.peers.map(({ device }) => device))
    const known = this.#devices.of(document.id)
    const devices = known
      .map(one => this.#deviceDocument(one, connected.has(one.device), document.root))
      .sort((a, b) => Number(b.connected) - Number(a.connected))
    const now = this.#runtime.clock.now()
    const alarms = known
      .filter(one => !connected.has(one.device) && this.#devices.isUnseen(one, this.#alarmDays))
      .map(one => unseenProblem(one, now))
    const { problemCount } = document
    const byId = new Map(known.map(one => [one.device, one]))
    const problems = document.problems.map(problem => withAge(problem, byId.get(problem.peer ?? ''), now))
    const lacking = document.lacking?.map(lack => withNames(lack, byId.get(lack.device), now))
    return {
      ...document,
      devices,
      ...(lacking === undefined ? {} : { lacking }),
      problems: [...alarms, ...problems],
      problemCount: problemCount + alarms.length
    }
  }

  /** A device is not expected any more: no alarm is raised for it. False where it was not known. */
  forgetDevice(folder: string, device: string): boolean {
    return this.#devices.forget(folder, device)
  }

  /** What happened in a folder, the latest first, with the names of the devices. Throws the system's error. */
  async history(folder: string, question: JournalQuestion): Promise<readonly LogEntryDocument[]> {
    const rows = await this.#journal(folder).read(question)
    const known = this.#devices.of(folder)
    const names = new Map(known.map(({ device, name }) => [device, name]))
    const writers = new Map(known.flatMap(({ device, replicas }) => replicas.map(replica => [replica, device])))
    return rows.map(({ replica, via, ...row }) => {
      const device = row.origin === 'local' ? this.#ownId : writers.get(replica ?? '')
      const name = device === this.#ownId ? 'this device' : names.get(device ?? '')
      return {
        ...row,
        ...(device === undefined ? {} : { device }),
        ...(name === undefined ? {} : { deviceName: name }),
        ...(replica === undefined ? {} : { replica }),
        ...(via === undefined ? {} : { via, viaName: names.get(via) ?? via.slice(0, 8) })
      }
    })
  }

  /** Resolves when all that was noted is on the disk. */
  async close(): Promise<void> {
    this.#timer?.cancel()
    await Promise.all([this.#devices.close(), ...[...this.#journals.values()].map(journal => journal.flush())])
  }

  #journal(folder: string): Journal {
    const journal = this.#journals.get(folder) ?? new Journal(journalFile(this.#home.directory, folder), this.#runtime)
    this.#journals.set(folder, journal)
    return journal
  }

  #rowOf(event: DaemonEvent & { readonly type: 'item' }): JournalRow {
    const { time, folder, ...change } = { ...event, type: undefined }
    if (change.action === 'conflict') return { ...change, time, kind: 'file', origin: 'remote' }
    const via = 'via' in change ? change.via : undefined
    const route = via === undefined ? undefined : this.#routesIn(folder).get(via)
    return { ...change, time, ...(route === undefined ? {} : { route }) }
  }

  #routesIn(folder: string): Routes {
    const now = this.#runtime.clock.monotonic()
    const known = this.#routes.get(folder)
    if (known !== undefined && now - known.atMs < ROUTES_MS) return known.routes
    const routes = new Map(this.#watch?.connectedTo(folder).map(({ device, route }) => [device, route]))
    this.#routes.set(folder, { routes, atMs: now })
    return routes
  }

  /** What a device holds that has everything, and this one too. */
  #sharedRoot(folder: string, { inSync }: Pick<PeerStatus, 'inSync'>): string | undefined {
    return inSync ? this.#watch?.rootOf(folder) : undefined
  }

  #deviceDocument(known: KnownDevice, connected: boolean, root: string): DeviceDocument {
    const isAlarm = !connected && this.#devices.isUnseen(known, this.#alarmDays)
    return {
      device: known.device,
      name: known.name,
      role: known.role,
      connected,
      firstSeen: timeOf(known.firstSeenMs),
      lastSeen: timeOf(known.lastSeenMs),
      ...(connected || root === '' || known.root === undefined ? {} : { heldSame: known.root === root }),
      ...(isAlarm ? { alarm: true } : {})
    }
  }

  #lookLater(): void {
    this.#timer = this.#runtime.timers.after(LOOK_MS, () => {
      void this.#look().finally(() => this.#lookLater())
    })
  }

  async #look(): Promise<void> {
    const watch = this.#watch
    if (watch === undefined) return
    for (const { id } of await this.#home.folders()) {
      const connected = watch.connectedTo(id)
      for (const peer of connected) this.#devices.seen(id, peer, this.#sharedRoot(id, peer))
      const ids = new Set(connected.map(({ device }) => device))
      for (const known of this.#devices.tellUnseen(id, ids, this.#alarmDays)) watch.tell(this.#unseen(id, known))
    }
  }

  #unseen(folder: string, known: KnownDevice): DaemonEvent {
    return {
      time: timeOf(this.#runtime.clock.now()),
      folder,
      type: 'problem',
      ...unseenProblem(known, this.#runtime.clock.now())
    }
  }
}

type Named = Pick<KnownDevice, 'name' | 'lastSeenMs'> | undefined

/** Says of an item that waits for a device which one that is, and when it was seen. */
function withAge(problem: Problem, device: Named, nowMs: number): Problem {
  if (problem.code !== 'no-source' || device === undefined) return problem
  return { ...problem, message: `source offline: ${seen(device, nowMs)}` }
}

/** Says of what a device does not have, because it is not there, when it was seen. */
function withNames(lack: Lacking, device: Named, nowMs: number): Lacking {
  if (device === undefined) return lack
  const items = lack.items.map(item =>
    item.code === 'offline' ? { ...item, message: `offline: ${seen(device, nowMs)}` } : item
  )
  return { ...lack, items }
}

function seen({ name, lastSeenMs }: NonNullable<Named>, nowMs: number): string {
  return `${name}, last seen ${formatAge(nowMs - lastSeenMs)} ago`
}

/** What is told of a device that was not seen for long. */
function unseenProblem(
  { device, name, lastSeenMs }: Pick<KnownDevice, 'device' | 'name' | 'lastSeenMs'>,
  nowMs: number
): { readonly code: 'UNSEEN'; readonly peer: string; readonly message: string } {
  const days = Math.floor((nowMs - lastSeenMs) / DAY_MS)
  return { code: 'UNSEEN', peer: device, message: `${name} has not been seen for ${days} days` }
}
