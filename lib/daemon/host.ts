import type { EventEmitter } from 'node:events'
import type { NetworkReport } from '../net/report.js'
import type { Limits } from '../net/rate.js'
import type { Role } from '../core/model/role.js'
import type { Runtime } from '../runtime.js'
import type { DaemonEvent, FolderDocument, StatusDocument } from './document.js'
import type { FolderMemory } from './folder-memory.js'
import type { Log } from './log.js'
import type { Notice } from './notices.js'
import type { Settings } from './settings.js'
import type { HostedFolder } from './hosted-folder.js'

/** A folder to run: one that is known, a new one to share (no key), or one to join (a key). */
export interface FolderRequest {
  readonly directory: string
  /** The text form of the key to join with. */
  readonly key?: string | undefined
  readonly name?: string | undefined
  /** `host:port` at which other devices of it take TCP. */
  readonly peers?: readonly string[] | undefined
  /** Whether this device keeps what is edited or deleted on it as well; undefined: as it did, or else not. */
  readonly keepLocal?: boolean | undefined
  /** False: it is not announced nor looked for on the LAN, from now on and until it is true. */
  readonly lan?: boolean | undefined
  /** What this device does in it; undefined: what it did. */
  readonly role?: Role | undefined
  /** Makes the directory where it is missing. */
  readonly createDirectory: boolean
  /** Makes a new marker where that of a known folder is gone. */
  readonly makeMarker?: boolean | undefined
}

/** What a daemon tells whoever listens. */
export interface HostEvents {
  event: [event: DaemonEvent]
}

/** What the control API needs of the process that it controls. */
export interface Host extends Pick<EventEmitter<HostEvents>, 'on' | 'off'> {
  readonly runtime: Runtime
  readonly folders: readonly HostedFolder[]
  readonly log: Log
  readonly memory: FolderMemory
  readonly settings: Settings
  /** Throws NO_FOLDER. */
  folder(id: string): HostedFolder
  /** A folder as the API tells it, whether or not it could be opened. Throws NO_FOLDER. */
  document(id: string): FolderDocument
  status(): StatusDocument
  /** What the user should know of the device as a whole. */
  notices(): Promise<readonly Notice[]>
  /** How this device stands in the network; undefined while no folder runs. */
  network(): Promise<NetworkReport | undefined>
  limits(): Promise<Limits>
  setLimits(limits: Limits): Promise<void>
  /** Sets values for good (null: back to what holds by itself). Throws USAGE. */
  changeSettings(changes: Readonly<Record<string, string | null>>): Promise<void>
  add(request: FolderRequest): Promise<HostedFolder>
  /** Pauses a folder, or lets it go on. Throws NO_FOLDER, and what opening throws. */
  setPaused(id: string, isPaused: boolean): Promise<void>
  /** Has this device keep what is edited or deleted on it in a folder as well, or not any more. Throws NO_FOLDER, and CLOSED while it is paused. */
  setKeepLocal(id: string, isOn: boolean): Promise<void>
  /** Changes what this device does in a folder, which is opened anew for it. Throws NO_FOLDER, KEY_KIND, and what opening throws. */
  setRole(id: string, role: Role): Promise<void>
  /** Gives a folder another name on this device. Throws NO_FOLDER. */
  rename(id: string, name: string): Promise<void>
  /** Ends a folder on this device and forgets its key; its files stay. Throws NO_FOLDER. */
  leave(id: string): Promise<void>
}
