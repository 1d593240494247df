import type { Stamp } from '../../lib/core/model/stamp.js'
import { systemError } from '../disk/watched-filesystem.js'
import { Journal, slotOf, type Slot } from './journal.js'

/** Who makes a call: the engine under test, or somebody else on the same machine. */
export type Actor = 'engine' | 'user'

/** What a file holds: what a sync makes durable. */
export interface Held {
  readonly bytes: Uint8Array
  readonly mode: number
  readonly mtimeNs: bigint
}

/** A file, directory, symlink or FIFO, whatever its names are. */
export interface Inode {
  /** Never given to another. */
  readonly id: number
  readonly number: bigint
  readonly kind: Stamp['kind']
  readonly target: string
  /** By name; names that are not UTF-8 as `textOfName` has them. */
  readonly entries: Map<string, Inode>
  /** Where it is linked: `slotOf` of each. */
  readonly links: Map<string, Slot>
  /** Never changed in place: a write makes another one. */
  bytes: Uint8Array
  mode: number
  mtimeNs: bigint
  ctimeNs: bigint
  /** What a power loss leaves at least; undefined where nothing was ever synced. */
  synced: Held | undefined
  /** Who wrote what is not synced yet. */
  dirty: Actor | undefined
  /** When its bytes, mode or time were changed last: `uptimeMs` of its volume. */
  changedAtMs: number
  /** Who wrote its bytes last. */
  writer: Actor
  /** It can't be opened: EACCES. */
  isDenied: boolean
}

/** What a listener hears: an entry of a directory, or (`before` and `after` the same) what it leads to, changed. */
export interface Happening {
  readonly slot: Slot
  readonly before: Inode | undefined
  readonly after: Inode | undefined
  readonly actor: Actor
}

export interface VolumeOptions {
  /** Wall time, milliseconds since 1970. */
  readonly wallMs: () => number
  /** Time that no clock setting changes, milliseconds; default: `wallMs`. */
  readonly uptimeMs?: () => number
  /** Numbers of inodes that are gone are given again, as ext4 does. */
  readonly reusesInodes: boolean
  /** What a directory's sync makes durable: everything that happened before as well, or only what it depends on. */
  readonly order: 'journal' | 'dependencies'
}

/**
 * A disk in memory, with what is synced and what is not: the bytes of each file, and each entry of a directory. Every change has a time of
 * its own.
 */
export class Volume {
  readonly root: Inode
  readonly journal: Journal
  readonly dirty = new Set<Inode>()
  /** What was written to since somebody who follows it has looked, and directories whose entries were changed. */
  readonly touched = new Set<Inode>()
  /** Who is at work now. */
  actor: Actor = 'engine'
  /** Hears of every change, after it. */
  onChange: (happening: Happening) => void = () => undefined
  /** Counts changes: two looks at the same count have seen the same. */
  changes = 0
  readonly #options: VolumeOptions
  readonly #freeNumbers: bigint[] = []
  #lastNumber = 1n
  #lastId = 0
  #ticks = 0n

  constructor(options: VolumeOptions) {
    this.#options = options
    this.journal = new Journal(options.order)
    this.root = this.#makeInode('directory', 0o755)
  }

  /** Does `fn` as somebody else than the engine. */
  asUser<T>(fn: () => T): T {
    const before = this.actor
    this.actor = 'user'
    try {
      return fn()
    } finally {
      this.actor = before
    }
  }

  /** A new inode that has no name yet. */
  makeInode(kind: Stamp['kind'], mode: number, target = ''): Inode {
    return this.#makeInode(kind, mode, target)
  }

  /** Links, unlinks, renames or exchanges in one step. */
  change(
    changes: readonly { readonly directory: Inode; readonly name: string; readonly after: Inode | undefined }[]
  ): void {
    const slots = changes.map(({ directory, name, after }) => ({
      slot: { directory, name },
      before: directory.entries.get(name),
      after
    }))
    this.journal.add({ slots, actor: this.actor, atMs: this.#uptimeMs() })
    for (const { slot } of slots) this.touched.add(slot.directory)
    for (const one of slots) this.#unlinkSlot(one.slot, one.before)
    for (const one of slots) this.#linkSlot(one.slot, one.after)
    const moved = new Set(slots.flatMap(({ before, after }) => [before, after]))
    for (const inode of moved) if (inode !== undefined) inode.ctimeNs = this.#tick()
    for (const { slot } of slots) slot.directory.mtimeNs = slot.directory.ctimeNs = this.#tick()
    for (const inode of moved) if (inode !== undefined) this.#release(inode)
    for (const one of slots) this.#tell({ ...one, actor: this.actor })
  }

  /** Changes what a file holds, or its mode or time. */
  hold(inode: Inode, held: Partial<Held>): void {
    if (held.bytes !== undefined) {
      inode.bytes = held.bytes
      inode.writer = this.actor
      inode.mtimeNs = this.#tick()
    }
    if (held.mode !== undefined) inode.mode = held.mode
    if (held.mtimeNs !== undefined) inode.mtimeNs = held.mtimeNs
    inode.ctimeNs = this.#tick()
    inode.dirty = inode.dirty === 'user' ? 'user' : this.actor
    inode.changedAtMs = this.#uptimeMs()
    this.dirty.add(inode)
    this.touched.add(inode)
    this.changes++
    for (const slot of inode.links.values()) this.#tell({ slot, before: inode, after: inode, actor: this.actor })
  }

  syncInode(inode: Inode): void {
    inode.synced = { bytes: inode.bytes, mode: inode.mode, mtimeNs: inode.mtimeNs }
    inode.dirty = undefined
    this.dirty.delete(inode)
  }

  /** What is older than that has been brought to the disk by the system itself. */
  writeBack(ageMs: number): void {
    const untilMs = this.#uptimeMs() - ageMs
    for (const inode of [...this.dirty]) if (inode.changedAtMs < untilMs) this.syncInode(inode)
    this.journal.writeBack(untilMs)
  }

  syncAll(): void {
    for (const inode of [...this.dirty]) this.syncInode(inode)
    this.journal.clear()
  }

  /** What the wall clock shows: milliseconds since 1970. */
  wallMs(): number {
    return this.#options.wallMs()
  }

  /** The disk was put back to an earlier state, in which these inodes are there: nothing is left that is not synced. */
  putBack(inodes: readonly Inode[]): void {
    const taken = new Set(inodes.map(({ number }) => number))
    this.#freeNumbers.splice(0, Infinity, ...this.#freeNumbers.filter(number => !taken.has(number)))
    this.dirty.clear()
    this.journal.clear()
    for (const inode of inodes) this.touched.add(inode)
    this.changes++
  }

  stampOf(inode: Inode): Stamp {
    const { kind, number, mtimeNs, ctimeNs, mode } = inode
    return {
      kind,
      device: 1n,
      inode: number,
      size: kind === 'file' ? inode.bytes.byteLength : 0,
      mtimeNs,
      ctimeNs,
      mode
    }
  }

  /** Puts an entry as it was before, without a trace: what a power loss does. */
  revert(slot: Slot, before: Inode | undefined): void {
    this.#unlinkSlot(slot, slot.directory.entries.get(slot.name))
    this.#linkSlot(slot, before)
    this.touched.add(slot.directory)
    this.changes++
  }

  #makeInode(kind: Stamp['kind'], mode: number, target = ''): Inode {
    const now = this.#tick()
    return {
      id: ++this.#lastId,
      number: this.#freeNumbers.pop() ?? ++this.#lastNumber,
      kind,
      target,
      entries: new Map(),
      links: new Map(),
      bytes: EMPTY,
      mode,
      mtimeNs: now,
      ctimeNs: now,
      synced: undefined,
      dirty: undefined,
      changedAtMs: this.#uptimeMs(),
      writer: this.actor,
      isDenied: false
    }
  }

  #unlinkSlot(slot: Slot, inode: Inode | undefined): void {
    slot.directory.entries.delete(slot.name)
    inode?.links.delete(slotOf(slot))
  }

  #linkSlot(slot: Slot, inode: Inode | undefined): void {
    if (inode === undefined) return
    slot.directory.entries.set(slot.name, inode)
    inode.links.set(slotOf(slot), slot)
  }

  #release(inode: Inode): void {
    if (inode.links.size > 0 || !this.#options.reusesInodes) return
    this.#freeNumbers.push(inode.number)
  }

  #tell(happening: Happening): void {
    this.changes++
    this.onChange(happening)
  }

  #uptimeMs(): number {
    return (this.#options.uptimeMs ?? this.#options.wallMs)()
  }

  /** Nanoseconds since 1970, never the same twice, whatever the clock does. */
  #tick(): bigint {
    this.#ticks++
    return BigInt(Math.floor(this.#options.wallMs())) * 1_000_000n + (this.#ticks % 1_000_000n)
  }
}

const EMPTY = new Uint8Array(0)

/** The path of a directory on its volume, from the volume's root; undefined where it is linked nowhere. */
export function pathOfDirectory(volume: Volume, directory: Inode): string[] | undefined {
  const names: string[] = []
  for (let at = directory; at !== volume.root;) {
    const [link] = at.links.values()
    if (link === undefined) return undefined
    names.unshift(link.name)
    at = link.directory
  }
  return names
}

/** What stands at a path below `from`, no symlink followed; undefined where nothing does. */
export function find(from: Inode, path: string): Inode | undefined {
  let at: Inode | undefined = from
  for (const name of path.split('/')) {
    if (name !== '') at = at?.kind === 'directory' ? at.entries.get(name) : undefined
  }
  return at
}

/** The directory at a path. Throws ENOENT or ENOTDIR. */
export function findDirectory(from: Inode, path: string): Inode {
  const found = find(from, path)
  if (found === undefined) throw systemError('ENOENT')
  if (found.kind !== 'directory') throw systemError('ENOTDIR')
  return found
}
