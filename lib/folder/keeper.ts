import { messageOf } from '../core/error.js'
import { retained } from '../core/engine/retention.js'
import type { RelativePath } from '../core/model/path.js'
import type { KeptRevision, Swept } from '../disk/kept.js'
import type { Timer } from '../runtime.js'
import type { FolderContext } from './context.js'
import type { Mutex } from './mutex.js'
import type { KeepingReport } from './past.js'
import type { Snapshots } from './snapshots.js'

/** How often it is looked whether there is something to pack. */
const PACK_INTERVAL_MS = 10 * 60 * 1000
/** How often revisions are thinned out. */
const THIN_INTERVAL_MS = 6 * 60 * 60 * 1000
/** Of the disk's free bytes, and those that the history takes, it takes no more than this share. */
const SPACE_SHARE = 0.2
const DAY_MS = 24 * 3600 * 1000
/** What is younger stays, however little room there is: an accident is seldom noticed at once. */
const UNTOUCHABLE_MS = DAY_MS
/** How often in a row room is made: what goes may leave pinned things that need the same, which shows only afterwards. */
const EVICTIONS_MAX = 3
/** How many revisions are removed in one call. */
const DROP_AT_ONCE = 500

/** What a keeper works with. */
export interface KeeperParts {
  /** What changes the history is done under it. */
  readonly lock: Mutex
  readonly snapshots: Snapshots
  /** The contents of which a copy is held: their roots in a row; undefined: none is. Asked under the lock. */
  readonly held: () => Promise<Uint8Array | undefined>
  /** True once it is known what stands in the folder. */
  readonly mayKeep: () => boolean
  readonly packIntervalMs?: number | undefined
}

/** Looks after what is kept: packs revisions, lets go of those that are too many, and removes what no revision needs. */
export class Keeper {
  readonly #context: FolderContext
  readonly #parts: KeeperParts
  readonly #packIntervalMs: number
  #timer: Timer | undefined
  #installsPacked = -1
  #thinnedAtMs: number | undefined

  constructor(context: FolderContext, parts: KeeperParts) {
    this.#context = context
    this.#parts = parts
    this.#packIntervalMs = parts.packIntervalMs ?? PACK_INTERVAL_MS
  }

  /** Begins to look after the revisions, at intervals. */
  start(): void {
    const { runtime, closed } = this.#context
    if (closed.aborted) return
    this.#timer = runtime.timers.after(this.#packIntervalMs, () => {
      void this.#turn().then(() => this.start())
    })
  }

  close(): void {
    this.#timer?.cancel()
  }

  /** Moves all that is kept whole into the history. Rejects with what the disk throws. */
  pack(): Promise<void> {
    return this.#parts.lock.run(() => this.#pack())
  }

  /** As `pack`, where there may be something new. */
  packNew(): Promise<void> {
    return this.#installsPacked === this.#context.ledger.installs ? Promise.resolve() : this.pack()
  }

  /** Something was kept whole that is no install of this device's. */
  noteLoose(): void {
    this.#installsPacked = -1
  }

  /** Packs, thins out and sweeps at once. Rejects with what the disk throws. */
  tidy(): Promise<KeepingReport> {
    return this.#parts.lock.run(async () => {
      await this.#pack()
      return this.#thin()
    })
  }

  async #turn(): Promise<void> {
    const { runtime, closed, isStopped } = this.#context
    const now = runtime.clock.monotonic()
    if (isStopped()) return
    try {
      await this.packNew()
      if (this.#parts.mayKeep()) {
        await this.#parts.snapshots.follow()
        await this.#parts.snapshots.createIfDue()
      }
      if (this.#thinnedAtMs !== undefined && now - this.#thinnedAtMs < THIN_INTERVAL_MS) return
      this.#thinnedAtMs = now
      const { thinned, evicted, bytes } = await this.tidy()
      runtime.trace(`let go of ${thinned + evicted} revisions and snapshots; the others take ${bytes} bytes`)
    } catch (error) {
      if (!closed.aborted) runtime.trace(`could not look after the revisions: ${messageOf(error)}`)
    }
  }

  async #pack(): Promise<void> {
    const { disk, ledger, closed } = this.#context
    const installs = ledger.installs
    let after: RelativePath | undefined
    do {
      const { next } = await disk.history('pack', after)
      after = next
    } while (after !== undefined && !closed.aborted)
    this.#installsPacked = installs
  }

  async #thin(): Promise<KeepingReport> {
    const nowMs = this.#context.runtime.clock.now()
    const superfluous: KeptRevision[] = []
    // A device that removes nothing because of others lets go of nothing that they replaced.
    const mayThin = this.#context.role !== 'append-only'
    await this.#eachPath(all => {
      const stays = retained(
        all.map(({ atMs }) => atMs),
        nowMs
      )
      superfluous.push(...all.filter((one, i) => mayThin && stays[i] === false && mayGo(one)))
    })
    const thinned = (await this.#drop(superfluous)) + (await this.#parts.snapshots.thin(nowMs))
    let swept = await this.#sweep(nowMs)
    let evicted = 0
    for (let i = 0; mayThin && i < EVICTIONS_MAX && swept.cutoffMs !== undefined; i++) {
      const count = await this.#evict(swept.cutoffMs)
      if (count === 0) break
      evicted += count
      swept = await this.#sweep(nowMs)
    }
    let revisions = 0
    await this.#eachPath(found => void (revisions += found.length))
    const snapshots = (await this.#parts.snapshots.list()).length
    const { bytes, bytesMax, heldBytes, damaged } = swept
    return { revisions, snapshots, bytes, bytesMax, heldBytes, thinned, evicted, damaged }
  }

  async #sweep(nowMs: number): Promise<Swept> {
    const held = await this.#parts.held()
    return this.#context.disk.history('sweep', { held, share: SPACE_SHARE, untouchableMs: nowMs - UNTOUCHABLE_MS })
  }

  /** Lets go of what was kept at that time or before. Returns how much went. */
  async #evict(cutoffMs: number): Promise<number> {
    const going: KeptRevision[] = []
    await this.#eachPath(all => void going.push(...all.filter(one => one.atMs <= cutoffMs && mayGo(one))))
    return (await this.#drop(going)) + (await this.#parts.snapshots.evict(cutoffMs))
  }

  /** Removes revisions for good; what snapshots need of them stays. Returns how many. */
  async #drop(going: readonly KeptRevision[]): Promise<number> {
    const { disk, closed } = this.#context
    let count = 0
    for (let start = 0; start < going.length && !closed.aborted; start += DROP_AT_ONCE) {
      const names = going.slice(start, start + DROP_AT_ONCE).map(({ storedAt }) => storedAt)
      count += await disk.history('drop', names)
    }
    return count
  }

  /** Calls `look` with the revisions of each path that has any. */
  async #eachPath(look: (revisions: readonly KeptRevision[]) => void): Promise<void> {
    const waiting: (RelativePath | undefined)[] = [undefined]
    while (waiting.length > 0 && !this.#context.closed.aborted) {
      const { revisions, directories } = await this.#context.disk.history('list', waiting.pop())
      const byPath = new Map<RelativePath, KeptRevision[]>()
      for (const revision of revisions) {
        const known = byPath.get(revision.path)
        if (known === undefined) byPath.set(revision.path, [revision])
        else known.push(revision)
      }
      for (const found of byPath.values()) look(found)
      waiting.push(...directories)
    }
  }
}

/** False for what is pinned, and for what is not packed: a snapshot may need what it consists of. */
function mayGo({ isPinned, manifest }: KeptRevision): boolean {
  return !isPinned && manifest !== undefined
}
