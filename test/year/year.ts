import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
  chmodSync,
  utimesSync,
  renameSync,
  symlinkSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import crypto from 'hypercore-crypto'
import { createWriteKey } from '../../lib/core/model/keys.js'
import { parsePath } from '../../lib/core/model/path.js'
import { openAside } from '../../lib/disk/aside.js'
import { openDisk } from '../../lib/disk/open.js'
import type { WatchHandlers } from '../../lib/disk/watch.js'
import { Folder } from '../../lib/folder/folder.js'
import { makeIdentity } from '../../lib/folder/identity.js'
import type { PastState } from '../../lib/folder/past.js'
import { MemoryIndex, MemoryStore } from '../../lib/store/memory.js'
import { SeededRandom } from '../sim/random.js'
import {
  byTheRule,
  bytesBelow,
  differencesOf,
  readState,
  uniqueChunkBytes,
  type Standing,
  type State
} from './model.js'
import { VirtualTime } from './virtual-time.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const YEAR_MS = 365 * 24 * HOUR_MS
const THIN_INTERVAL_MS = 6 * HOUR_MS
const DEADLINE_MS = 60_000
const DIRECTORIES = 6
const FILES = 12

interface Kept {
  readonly id: string
  readonly atMs: number
  readonly state: State
}

interface Version {
  readonly id: string
  readonly atMs: number
  readonly bytes: Buffer | undefined
}

/** What a year showed: sentences about what was not as it should be, and figures. */
export interface YearReport {
  readonly problems: readonly string[]
  readonly edits: number
  readonly snapshotsMade: number
  readonly snapshotsKept: number
  readonly revisionsKept: number
  readonly storeBytes: number
  readonly uniqueBytes: number
}

/**
 * A year on one device that keeps what is edited on it: random edits, and what backer does by itself in that time, on the real disk. At its end every
 * kept moment is restored and held against a model that kept everything; what is kept is held against the rule.
 */
export class Year {
  readonly #seed: string
  readonly #edits: number
  readonly #random: SeededRandom
  readonly #time = new VirtualTime(Date.UTC(2031, 0, 1))
  readonly #base = mkdtempSync(join(tmpdir(), 'backer-year-'))
  readonly #root = join(this.#base, 'folder')
  readonly #state = new Map<string, Standing>()
  readonly #snapshots = new Map<string, Kept>()
  readonly #versions = new Map<string, Version[]>()
  readonly #problems: string[] = []
  #expected: Kept[] = []
  #pinned: Kept | undefined
  #thinnedAtMs: number | undefined
  #handlers: WatchHandlers | undefined
  readonly #folder: Folder

  constructor(seed: string, edits: number) {
    this.#seed = seed
    this.#edits = edits
    this.#random = new SeededRandom(`${seed} edits`)
    mkdirSync(this.#root)
    this.#folder = this.#open()
  }

  async run(): Promise<YearReport> {
    try {
      await this.#folder.start()
      await this.#untilIdle()
      for (let i = 0; i < this.#edits; i++) await this.#live(i)
      await this.#pass(THIN_INTERVAL_MS)
      await this.#checkRule()
      const storeBytes = bytesBelow(join(this.#root, '.backer', 'history'))
      await this.#restoreAll()
      const revisions = [...this.#versions.values()].flat()
      return {
        problems: this.#problems,
        edits: this.#edits,
        snapshotsMade: this.#snapshots.size,
        snapshotsKept: this.#expected.length,
        revisionsKept: revisions.length,
        storeBytes,
        uniqueBytes: uniqueChunkBytes(this.#keptContents())
      }
    } finally {
      await this.#folder.close()
      rmSync(this.#base, { recursive: true, force: true })
    }
  }

  #open(): Folder {
    const runtime = this.#time.runtime(`${this.#seed} engine`)
    const key = createWriteKey(Buffer.alloc(32, 7))
    const identity = makeIdentity(key, crypto.keyPair(Buffer.alloc(32, 8)), 'year', this.#time.nowMs)
    return new Folder({
      path: this.#root,
      identity,
      disk: openDisk({ root: this.#root, folderId: identity.folderId, runtime, isKnown: false }),
      store: new MemoryStore(new MemoryIndex(), runtime),
      runtime,
      watch: handlers => {
        this.#handlers = handlers
        return { add: () => undefined, remove: () => undefined, close: () => undefined }
      },
      rescanIntervalMs: 10 * YEAR_MS,
      keepLocal: true
    })
  }

  /** Some time passes, and then somebody edits something. */
  async #live(i: number): Promise<void> {
    const mean = YEAR_MS / this.#edits
    // Bursts and pauses: a third of the edits come within minutes.
    const pauseMs = this.#random.oneIn(3)
      ? this.#random.between(2, 20) * MINUTE_MS
      : Math.floor((mean * 1.5 * this.#random.between(1, 200)) / 100)
    await this.#pass(pauseMs)
    const paths = this.#edit(i)
    this.#handlers?.onPaths(paths.map(parsePath))
    await this.#untilIdle()
    for (const path of paths) await this.#noteVersions(path)
    if (i === Math.floor(this.#edits / 5)) await this.#pinOne()
  }

  /** Lets time pass; what is due is done once, and is over when this resolves. */
  async #pass(ms: number): Promise<void> {
    const waiting = this.#time.waiting
    const begun = this.#time.advance(ms)
    await until(() => this.#time.waiting === waiting)
    await this.#untilIdle()
    if (begun === 0) return
    await this.#noteSnapshots()
    const nowMs = this.#time.nowMs
    if (this.#thinnedAtMs !== undefined && nowMs - this.#thinnedAtMs < THIN_INTERVAL_MS) return
    this.#thinnedAtMs = nowMs
    const stay = new Set(byTheRule(this.#expected, nowMs))
    this.#expected = this.#expected.filter(one => stay.has(one) || one === this.#pinned)
    for (const [path, versions] of this.#versions) this.#versions.set(path, byTheRule(versions, nowMs))
  }

  #untilIdle(): Promise<void> {
    return until(() => this.#folder.isIdle && this.#folder.history.holder.isIdle)
  }

  /** Takes note of what the engine has made by itself: it shows what stands there now. */
  async #noteSnapshots(): Promise<void> {
    for (const { id, atMs } of await this.#folder.history.snapshots()) {
      if (this.#snapshots.has(id)) continue
      const kept = { id, atMs, state: new Map(this.#state) }
      this.#snapshots.set(id, kept)
      this.#expected.push(kept)
    }
  }

  async #pinOne(): Promise<void> {
    this.#pinned = this.#expected.at(-1)
    if (this.#pinned !== undefined) await this.#folder.history.pinSnapshot(this.#pinned.id, true)
  }

  async #noteVersions(path: string): Promise<void> {
    const known = this.#versions.get(path) ?? []
    const gone = this.#replaced.get(path)
    for (const { id, atMs } of await this.#folder.history.revisions(parsePath(path))) {
      if (known.some(one => one.id === id)) continue
      known.push({ id, atMs, bytes: gone?.kind === 'file' ? gone.bytes : undefined })
    }
    if (known.length > 0) this.#versions.set(path, known)
  }

  /** What an edit has just replaced. */
  readonly #replaced = new Map<string, Standing>()

  /** One edit of somebody's. Gives the paths that it is about. */
  #edit(i: number): string[] {
    const random = this.#random
    const path = `d${random.below(DIRECTORIES)}/f${random.below(FILES)}`
    const before = this.#state.get(path)
    this.#replaced.clear()
    if (before !== undefined) this.#replaced.set(path, before)
    const kind = random.below(10)
    if (before === undefined || kind < 2) return this.#write(path, this.#fresh(), i)
    if (kind === 2) return this.#remove(path)
    if (kind === 3) return this.#link(path, `target ${i}`)
    if (kind === 4) return this.#rename(path, `d${random.below(DIRECTORIES)}/moved ${i}`)
    if (before.kind === 'symlink') return this.#write(path, this.#fresh(), i)
    return this.#write(path, this.#changed(before.bytes), i)
  }

  #fresh(): Buffer {
    const size = this.#random.oneIn(8) ? this.#random.between(200_000, 900_000) : this.#random.between(0, 60_000)
    return Buffer.from(this.#random.bytes(size))
  }

  /** Some bytes of a file become others, or come in between, or go. */
  #changed(bytes: Buffer): Buffer {
    const at = this.#random.below(bytes.length + 1)
    const added = Buffer.from(this.#random.bytes(this.#random.between(1, 500)))
    const gone = this.#random.oneIn(2) ? added.length : 0
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(Math.min(bytes.length, at + gone))])
  }

  #write(path: string, bytes: Buffer, i: number): string[] {
    const mode = [0o644, 0o600, 0o755, 0o444][this.#random.below(4)] ?? 0o644
    const mtimeMs = this.#time.nowMs - 10_000 - i
    const at = join(this.#root, path)
    mkdirSync(dirname(at), { recursive: true })
    rmSync(at, { force: true })
    writeFileSync(at, bytes)
    chmodSync(at, mode)
    utimesSync(at, mtimeMs / 1000, mtimeMs / 1000)
    // What the system has made of that time.
    const { mtimeNs } = lstatSync(at, { bigint: true })
    this.#state.set(path, { kind: 'file', bytes, mode, mtimeNs })
    return [path]
  }

  #remove(path: string): string[] {
    rmSync(join(this.#root, path))
    this.#state.delete(path)
    return [path]
  }

  #link(path: string, target: string): string[] {
    rmSync(join(this.#root, path))
    symlinkSync(target, join(this.#root, path))
    this.#state.set(path, { kind: 'symlink', target })
    return [path]
  }

  #rename(from: string, to: string): string[] {
    const moved = this.#state.get(from)
    mkdirSync(dirname(join(this.#root, to)), { recursive: true })
    renameSync(join(this.#root, from), join(this.#root, to))
    this.#state.delete(from)
    if (moved !== undefined) this.#state.set(to, moved)
    return [from, to]
  }

  /** What is kept is what the rule says, no more and no less. */
  async #checkRule(): Promise<void> {
    const found = (await this.#folder.history.snapshots()).map(({ id }) => id).sort()
    this.#compare('snapshots', found, this.#expected.map(({ id }) => id).sort())
    for (const [path, versions] of this.#versions) {
      const there = (await this.#folder.history.revisions(parsePath(path))).map(({ id }) => id).sort()
      this.#compare(`versions of ${path}`, there, versions.map(({ id }) => id).sort())
    }
  }

  #compare(what: string, found: readonly string[], expected: readonly string[]): void {
    const missing = expected.filter(id => !found.includes(id))
    const extra = found.filter(id => !expected.includes(id))
    if (missing.length + extra.length > 0)
      this.#problems.push(`${what}: missing ${missing.slice(0, 3).join()}, too many ${extra.slice(0, 3).join()}`)
  }

  async #restoreAll(): Promise<void> {
    for (const snapshot of await this.#folder.history.snapshots()) await this.#restore(snapshot)
  }

  async #restore(snapshot: PastState): Promise<void> {
    const { history } = this.#folder
    const to = join(this.#base, 'restored')
    const { failed } = await history.restoreAside(await history.planAt(snapshot, [undefined]), await openAside(to))
    const wanted = this.#snapshots.get(snapshot.id)?.state ?? new Map<string, Standing>()
    const differing = differencesOf(wanted, readState(to))
    rmSync(to, { recursive: true, force: true })
    for (const { path, message } of failed) this.#problems.push(`${snapshot.id}: ${path}: ${message}`)
    if (differing.length > 0) this.#problems.push(`${snapshot.id} differs at ${differing.join()}`)
  }

  /** The contents of everything that is kept: of snapshots, of versions, and what stands there, of which a copy is held. */
  *#keptContents(): Generator<Buffer> {
    for (const state of [this.#state, ...this.#expected.map(one => one.state)])
      for (const standing of state.values()) if (standing.kind === 'file') yield standing.bytes
    for (const { bytes } of [...this.#versions.values()].flat()) if (bytes !== undefined) yield bytes
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + DEADLINE_MS
  while (!condition()) {
    if (Date.now() > end) throw new Error('the engine does not come to rest')
    await new Promise(resolve => setTimeout(resolve, 1))
  }
}
