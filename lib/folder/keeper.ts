import { messageOf } from '../core/error.js'
import { retained } from '../core/engine/retention.js'
import { hashKey } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import type { KeptRevision } from '../disk/kept.js'
import type { Timer } from '../runtime.js'
import type { FolderContext } from './context.js'
import { Mutex } from './mutex.js'
import type { KeepingReport } from './past.js'

/** How often it is looked whether there is something to pack. */
const PACK_INTERVAL_MS = 10 * 60 * 1000
/** How often revisions are thinned out. */
const THIN_INTERVAL_MS = 6 * 60 * 60 * 1000
/** Of the disk's free bytes, and those that the history takes, it takes no more than this share. */
const SPACE_SHARE = 0.2
const DAY_MS = 24 * 3600 * 1000
/** What is younger stays, however little room there is: an accident is seldom noticed at once. */
const UNTOUCHABLE_MS = DAY_MS
/** How often in a row room is made: how much is gained by a removal shows only afterwards. */
const EVICTIONS_MAX = 3
/** How many revisions are removed in one call. */
const DROP_AT_ONCE = 500

/** Of contents that are about to go (by their hash keys), those that have to stay. */
export type NeededContents = (contents: ReadonlySet<string>) => Promise<ReadonlySet<string>>

/** Looks after what is kept: packs revisions, lets go of those that are too many, and removes what no revision needs. */
export class Keeper {
  readonly #context: FolderContext
  readonly #needed: NeededContents
  readonly #lock = new Mutex()
  readonly #packIntervalMs: number
  #timer: Timer | undefined
  #installsPacked = -1
  #thinnedAtMs: number | undefined

  constructor(
    context: FolderContext,
    {
      needed,
      packIntervalMs = PACK_INTERVAL_MS
    }: { readonly needed: NeededContents; readonly packIntervalMs?: number | undefined }
  ) {
    this.#context = context
    this.#needed = needed
    this.#packIntervalMs = packIntervalMs
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
    return this.#lock.run(() => this.#pack())
  }

  /** Packs, thins out and sweeps at once. Rejects with what the disk throws. */
  tidy(): Promise<KeepingReport> {
    return this.#lock.run(async () => {
      await this.#pack()
      return this.#thin()
    })
  }

  async #turn(): Promise<void> {
    const { runtime, closed, isStopped, ledger } = this.#context
    const now = runtime.clock.monotonic()
    if (isStopped()) return
    try {
      if (this.#installsPacked !== ledger.installs) await this.pack()
      if (this.#thinnedAtMs !== undefined && now - this.#thinnedAtMs < THIN_INTERVAL_MS) return
      this.#thinnedAtMs = now
      const { thinned, evicted, bytes } = await this.tidy()
      runtime.trace(`let go of ${thinned + evicted} revisions; the others take ${bytes} bytes`)
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
    const { disk, runtime } = this.#context
    const nowMs = runtime.clock.now()
    const superfluous: KeptRevision[] = []
    await this.#eachPath(revisions => {
      const stays = retained(
        revisions.map(({ atMs }) => atMs),
        nowMs
      )
      superfluous.push(...revisions.filter((_, i) => stays[i] === false))
    })
    const thinned = await this.#drop(superfluous)
    let swept = await disk.history('sweep')
    let evicted = 0
    for (let i = 0; i < EVICTIONS_MAX; i++) {
      const count = await this.#makeRoom(swept.bytes, nowMs)
      if (count === 0) break
      evicted += count
      swept = await disk.history('sweep')
    }
    let revisions = 0
    await this.#eachPath(found => void (revisions += found.length))
    const { bytes, damaged } = swept
    return { revisions, bytes, bytesMax: await this.#bytesMax(bytes), thinned, evicted, damaged }
  }

  /** Lets go of the oldest revisions where all of them take more than they may. Returns how many went. */
  async #makeRoom(bytes: number, nowMs: number): Promise<number> {
    let excess = bytes - (await this.#bytesMax(bytes))
    if (excess <= 0) return 0
    const bytesByDay = new Map<number, number>()
    const isOld = ({ atMs }: KeptRevision): boolean => nowMs - atMs > UNTOUCHABLE_MS
    await this.#eachPath(revisions => {
      for (const { atMs, size } of revisions.filter(isOld))
        bytesByDay.set(dayOf(atMs), (bytesByDay.get(dayOf(atMs)) ?? 0) + size)
    })
    const days = new Set<number>()
    for (const [day, size] of [...bytesByDay].sort(([a], [b]) => a - b)) {
      if (excess <= 0) break
      days.add(day)
      excess -= size
    }
    const going: KeptRevision[] = []
    await this.#eachPath(
      revisions => void going.push(...revisions.filter(one => isOld(one) && days.has(dayOf(one.atMs))))
    )
    return this.#drop(going)
  }

  async #bytesMax(bytes: number): Promise<number> {
    return Math.floor(SPACE_SHARE * ((await this.#context.disk.freeBytes()) + bytes))
  }

  /** Removes revisions, but for those whose content something else needs. Returns how many. */
  async #drop(revisions: readonly KeptRevision[]): Promise<number> {
    const { disk, closed } = this.#context
    const contents = new Set(revisions.map(contentOf).filter(key => key !== undefined))
    const needed = await this.#needed(contents)
    const going = revisions.filter(revision => !needed.has(contentOf(revision) ?? ''))
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

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}

/** undefined: it has no content that could be shared, or is not packed, so that what it has is not known. */
function contentOf({ manifest }: KeptRevision): string | undefined {
  return manifest?.kind === 'file' ? hashKey(manifest.content.root) : undefined
}
