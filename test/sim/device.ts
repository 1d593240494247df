import crypto, { type KeyPair } from 'hypercore-crypto'
import { RESERVED_NAME, type RelativePath } from '../../lib/core/model/path.js'
import { payloadOf, type Payload } from '../../lib/core/model/record.js'
import { sameStamp } from '../../lib/core/model/stamp.js'
import type { Dot } from '../../lib/core/model/version.js'
import { hashKey } from '../../lib/core/model/hash.js'
import type { FolderKey } from '../../lib/core/model/keys.js'
import type { Role } from '../../lib/core/model/role.js'
import { claimDirectory } from '../../lib/disk/open.js'
import { InlineDisk } from '../../lib/disk/inline.js'
import { Folder } from '../../lib/folder/folder.js'
import { makeIdentity, type Identity } from '../../lib/folder/identity.js'
import type { Runtime } from '../../lib/runtime.js'
import { MemoryIndex, MemoryStore } from '../../lib/store/memory.js'
import type { Entry } from '../../lib/store/store.js'
import { Killed } from '../disk/watched-filesystem.js'
import { LaggingDisk } from './lagging-disk.js'
import type { Label, View } from './look.js'
import { MemoryFileSystem, type Gate } from './memory-filesystem.js'
import { SeededRandom } from './random.js'
import { RULES_NAME } from './rules.js'
import { makeRuntime, type Life, type Scheduler } from './scheduler.js'
import { Snapshot } from './snapshot.js'
import { SimWatch } from './sim-watch.js'
import { Volume, type Happening, type Inode } from './volume.js'

/** Where the folder is on every device. */
export const ROOT = '/folder'
/** How often everything is looked through: what the watcher missed is found within this time. */
export const RESCAN_MS = 60_000
/** Revisions are packed this often where a plan says nothing else: far more often than in life, so that crashes fall into it. */
const PACK_MS = 3000
const EPOCH_MS = Date.UTC(2026, 0, 1)

export interface DeviceOptions {
  readonly index: number
  readonly seed: string
  readonly scheduler: Scheduler
  readonly key: FolderKey
  readonly role?: Role | undefined
  readonly canExchange: boolean
  readonly reusesInodes: boolean
  readonly order: 'journal' | 'dependencies'
  readonly packMs?: number | undefined
  /** From which size on files are read on the side, in bytes. */
  readonly longBytes?: number | undefined
  /** Asked ahead of every call that the engine makes to the disk. */
  readonly gate: Gate
  readonly trace: (line: string) => void
  /** The engine says that the machine was put back to an earlier state, and is to be started anew. */
  readonly onrolledback: (device: Device) => void
  /** The engine changed something that is no part of the folder. */
  readonly onoutside?: (what: string) => void
}

/** What runs on a device: from a start until it is closed or killed. */
export interface Running {
  readonly life: Life
  readonly runtime: Runtime
  readonly fs: MemoryFileSystem
  readonly store: MemoryStore
  readonly folder: Folder
  /** It has begun, and can be connected. */
  isReady: boolean
}

/** One machine: its disk, its index, its clock, and the engine while it runs. */
export class Device {
  readonly index: number
  readonly name: string
  readonly volume: Volume
  /** The directory that is synced, mounted or not. */
  readonly root: Inode
  readonly keyPair: KeyPair
  /** How far its wall clock is off. */
  clockOffMs = 0
  isMounted = true
  isDeaf = false
  /** Its file system is mounted for reading only. */
  isReadOnly = false
  running: Running | undefined
  /** The rules that the engine has read last since it was started, and when. */
  rulesRead: { readonly bytes: Uint8Array | undefined; readonly atMs: number } | undefined
  #image = new MemoryIndex()
  #snapshot: Snapshot | undefined
  #unwritten: (() => void)[] = []
  #wasStarted = false
  #starts = 0
  #watch: SimWatch | undefined
  readonly #options: DeviceOptions
  readonly #bare: Inode

  constructor(options: DeviceOptions) {
    const { index, seed, scheduler } = options
    this.#options = options
    this.index = index
    this.name = `d${index}`
    this.keyPair = crypto.keyPair(Buffer.from(new SeededRandom(`${seed} device ${index}`).bytes(32)))
    const wallMs = (): number => EPOCH_MS + scheduler.nowMs + this.clockOffMs
    this.volume = new Volume({
      wallMs,
      uptimeMs: () => scheduler.nowMs,
      reusesInodes: options.reusesInodes,
      order: options.order
    })
    this.root = this.volume.makeInode('directory', 0o755)
    this.#bare = this.volume.makeInode('directory', 0o755)
    this.volume.change([
      { directory: this.volume.root, name: 'folder', after: this.root },
      { directory: this.volume.root, name: 'bare', after: this.#bare }
    ])
    this.volume.syncAll()
    this.volume.onChange = happening => this.#changed(happening)
  }

  /** Virtual milliseconds since the world began. */
  get uptimeMs(): number {
    return this.#options.scheduler.nowMs
  }

  /** True once it was part of the folder. */
  get wasStarted(): boolean {
    return this.#wasStarted
  }

  /** True while it can be connected. */
  get isUp(): boolean {
    return this.running?.isReady === true
  }

  /** True for a directory that users don't look into. */
  isOwn(directory: Inode): boolean {
    const own = this.root.entries.get(RESERVED_NAME)
    for (let at: Inode | undefined = directory; at !== undefined; at = [...at.links.values()][0]?.directory)
      if (at === own) return true
    return false
  }

  /**
   * Starts the engine, as the library does: claims the directory, opens the index, recovers, begins. Throws what they throw. `onready`: it can
   * be connected now; `onfail`: it could not begin.
   */
  start(onready: () => void, onfail: (error: unknown) => void): void {
    const { scheduler, seed, gate, canExchange, key, trace } = this.#options
    const life: Life = { isOver: false }
    const random = new SeededRandom(`${seed} run ${this.index}.${this.#starts++}`)
    const runtime = makeRuntime(scheduler, life, {
      random,
      wallMs: () => EPOCH_MS + scheduler.nowMs + this.clockOffMs,
      trace: line => trace(`${this.name} ${line}`)
    })
    const fs = new MemoryFileSystem(this.volume, {
      gate: call => {
        if (life.isOver) throw new Killed()
        gate(call)
      },
      canExchange,
      rootOf: () => (this.isMounted ? this.root : this.#bare)
    })
    const identity = makeIdentity(key, this.keyPair, this.name, EPOCH_MS, this.#options.role)
    if (this.#image.isCondemned) this.#image = new MemoryIndex()
    const store = new MemoryStore(this.#image, { random, timers: this.#lateTimers(runtime) })
    const disk = this.#openDisk(fs, identity, runtime)
    const folder = new Folder({
      path: ROOT,
      identity,
      disk: new LaggingDisk(disk, runtime, { life, onread: path => this.#hasRead(path) }),
      store,
      runtime,
      watch: handlers => (this.#watch = new SimWatch(this.root, handlers, runtime)),
      rescanIntervalMs: RESCAN_MS,
      packIntervalMs: this.#options.packMs ?? PACK_MS,
      longBytes: this.#options.longBytes
    })
    folder.on('error', error => {
      trace(`${this.name} stopped: ${error.message}`)
      // Whoever runs folders opens such a one anew by itself.
      if (error.code === 'ROLLED_BACK') this.#options.onrolledback(this)
    })
    const running: Running = { life, runtime, fs, store, folder, isReady: false }
    this.running = running
    folder.start().then(
      () => {
        if (life.isOver) return
        running.isReady = true
        onready()
      },
      (error: unknown) => {
        if (!life.isOver) onfail(error)
      }
    )
  }

  /** The process dies. The first `committed` of the writes to the index that are under way have become durable, the others have not. */
  kill(committed: number): void {
    const { running } = this
    if (running === undefined) return
    running.life.isOver = true
    for (const write of this.#unwritten.splice(0).slice(0, committed)) write()
    this.running = undefined
    this.rulesRead = undefined
    this.#watch = undefined
  }

  /** The index is gone, or is an old copy that is found out: a new one is made at the next start. */
  loseIndex(): void {
    this.#image = new MemoryIndex()
  }

  /** Keeps the machine as it is now, to be put back to it later. Before it was part of the folder there is nothing to go back to: its home knew of none. */
  takeSnapshot(): void {
    if (this.#wasStarted) this.#snapshot = new Snapshot(this.volume, this.#image)
  }

  /** How often the machine was put back to a snapshot: what ran on it before is gone. */
  timesPutBack = 0

  /** The machine is put back to its last snapshot, disk and index and all; false where there is none. Only while it is down. */
  rollBack(): boolean {
    if (this.#snapshot === undefined) return false
    this.#snapshot.restore()
    this.#image = this.#snapshot.index.copy()
    this.timesPutBack++
    return true
  }

  overflow(): void {
    this.#watch?.overflow()
  }

  /** The index that it has now: another one after it was lost or put back. */
  get image(): MemoryIndex {
    return this.#image
  }

  /** What the index has, by path. */
  get entries(): ReadonlyMap<RelativePath, Entry> {
    return this.#image.entries
  }

  /** The files that the index says are on this disk just as they are: whoever asks is told that this device has them. */
  promised(visible: View['visible']): readonly Label[] {
    return [...this.#image.entries].flatMap(([path, { stamp, lack, record }]) => {
      const seen = visible.get(path)
      if (stamp === undefined || lack !== undefined || seen === undefined || payloadOf(record).kind !== 'file')
        return []
      return sameStamp(stamp, this.volume.stampOf(seen.inode)) ? [seen.label] : []
    })
  }

  /** What the index says of a path, for people. */
  recordText(path: string): string {
    const entry = this.#image.entries.get(path as RelativePath)
    if (entry === undefined) return 'nothing'
    const versions = entry.record.versions.map(({ dots, payload }) => `${dotsText(dots)} ${payloadText(payload)}`)
    return `${versions.join(' | ')} having seen ${dotsText(entry.record.context)}`
  }

  /** The index is written a little after it was told to. */
  #lateTimers({ timers, random }: Runtime): Runtime['timers'] {
    return {
      after: (delayMs, callback) => timers.after(delayMs, callback),
      breathe: () =>
        new Promise(resolve => {
          const write = (): void => resolve()
          this.#unwritten.push(write)
          timers.after(random.below(3), () => {
            for (const earlier of this.#unwritten.splice(0, this.#unwritten.indexOf(write) + 1)) earlier()
          })
        })
    }
  }

  #openDisk(fs: MemoryFileSystem, identity: Identity, runtime: Runtime): InlineDisk {
    const handle = fs.openRoot(ROOT)
    try {
      const { folderId } = identity
      const options = claimDirectory(fs, handle, { root: ROOT, folderId, runtime, isKnown: this.#wasStarted })
      this.#wasStarted = true
      return new InlineDisk(fs, options, runtime)
    } finally {
      fs.closeDirectory(handle)
    }
  }

  #hasRead(path: string): void {
    if (path !== RULES_NAME) return
    this.rulesRead = { bytes: this.root.entries.get(RULES_NAME)?.bytes, atMs: this.uptimeMs }
  }

  #changed(happening: Happening): void {
    const { directory, name } = happening.slot
    if (happening.actor === 'engine' && !isBelow(directory, this.root))
      this.#options.onoutside?.(`${this.name}: ${name}`)
    if (!this.isDeaf && this.isMounted && !this.isOwn(happening.slot.directory)) this.#watch?.hear(happening)
  }
}

function isBelow(directory: Inode, root: Inode): boolean {
  for (let at: Inode | undefined = directory; at !== undefined; at = [...at.links.values()][0]?.directory)
    if (at === root) return true
  return false
}

function dotsText(dots: readonly Dot[]): string {
  return `{${dots.map(({ replica, counter }) => `${replica.slice(0, 4)}:${counter}`).join(' ')}}`
}

function payloadText(payload: Payload): string {
  if (payload.kind !== 'file') return payload.kind
  return `${hashKey(payload.content.root).slice(0, 16)} of ${payload.mtimeNs / 1_000_000n}`
}
