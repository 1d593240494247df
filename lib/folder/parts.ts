import type { Disk } from '../disk/disk.js'
import type { WatchHandlers, Watch } from '../disk/watch.js'
import type { Runtime } from '../runtime.js'
import type { Store } from '../store/store.js'
import type { Identity } from './identity.js'

/** What a folder is made of: everything that touches the world is handed in. */
export interface FolderParts {
  readonly path: string
  readonly identity: Identity
  readonly disk: Disk
  readonly store: Store
  readonly runtime: Runtime
  readonly watch: (handlers: WatchHandlers) => Watch
  readonly rescanIntervalMs: number
  /** How often it is looked whether there is something to pack; default: ten minutes. */
  readonly packIntervalMs?: number
  /** From which size on files are read on the side, in bytes: see `LongReads`. */
  readonly longBytes?: number | undefined
  /** Whether this device keeps what a local edit replaces; default: no. */
  readonly keepLocal?: boolean
}
