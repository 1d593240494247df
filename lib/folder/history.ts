import { BackerError, isBackerError, messageOf } from '../core/error.js'
import { hashBytes, type Hash } from '../core/model/hash.js'
import { comparePaths, type RelativePath } from '../core/model/path.js'
import type { FilePayload } from '../core/model/record.js'
import type { Aside } from '../disk/aside.js'
import { revisionsOf } from '../disk/history-list.js'
import { snapshotId } from '../disk/kept-ids.js'
import type { KeptRevision, KeptSnapshot, Manifest, RevisionListing, TreeDifference } from '../disk/kept.js'
import { codeOf } from '../disk/problem.js'
import { idOfRevision } from '../disk/revisions.js'
import type { Past } from '../../protocol/peer-link.js'
import { ContentSource } from './content-source.js'
import type { FolderContext } from './context.js'
import type { Fetcher } from './fetcher.js'
import { Holder } from './holder.js'
import { Keeper } from './keeper.js'
import { Mutex } from './mutex.js'
import {
  pastItem,
  RestoreCount,
  type KeepingReport,
  type Moment,
  type PastItem,
  type PastState,
  type PastVersion,
  type RestoreItem,
  type RestorePlan,
  type RestoreReport
} from './past.js'
import { Restorer } from './restore.js'
import { noSnapshot, Snapshots, type SnapshotParts } from './snapshots.js'

/** How many items of a kept tree are taken in hand at one go. */
const ITEMS_AT_ONCE = 500
/** How many differences between two states are told. */
const DIFFERENCES_MAX = 10_000

const NO_CONTENT: AsyncIterable<Uint8Array> = {
  async *[Symbol.asyncIterator]() {
    // What is no file has no bytes.
  }
}

/** What the history of a folder works with. */
export interface HistoryParts extends Omit<SnapshotParts, 'lock'> {
  /** Whether this device keeps what a local edit replaces. */
  readonly keepLocal: boolean
  /** True once it is known what stands in the folder. */
  readonly mayKeep: () => boolean
  readonly packIntervalMs: number | undefined
}

/** A kept version, and where it is. */
interface Found {
  readonly version: PastVersion
  readonly manifest: Manifest | undefined
}

/** What one folder keeps of its past, and the ways back. */
export class History {
  readonly #context: FolderContext
  readonly #parts: HistoryParts
  readonly #keeper: Keeper
  readonly #source: ContentSource
  readonly #restorer: Restorer
  readonly #snapshots: Snapshots
  /** Keeps what a local edit replaces. */
  readonly holder: Holder

  constructor(context: FolderContext, fetcher: Fetcher, parts: HistoryParts) {
    const lock = new Mutex()
    this.#context = context
    this.#parts = parts
    this.#snapshots = new Snapshots(context, { ...parts, lock })
    this.holder = new Holder(context, parts.keepLocal, { lock, onkept: () => this.#keeper.noteLoose() })
    this.#keeper = new Keeper(context, {
      lock,
      snapshots: this.#snapshots,
      held: () => this.holder.held(),
      mayKeep: parts.mayKeep,
      packIntervalMs: parts.packIntervalMs
    })
    this.#source = new ContentSource(context, fetcher, parts.peers)
    this.#restorer = new Restorer(context, this.#source)
  }

  /** Begins to look after what is kept. */
  start(): void {
    this.#keeper.start()
    this.holder.start()
  }

  close(): void {
    this.#keeper.close()
  }

  /** Roots of trees that are being kept. */
  roots(): Hash[] {
    return this.#snapshots.roots()
  }

  /**
   * The kept versions of an item, the latest first, also those that only connected devices have; where it has none, those of the items that stood in
   * the directory of this name, of this device alone.
   */
  async revisions(path: RelativePath): Promise<readonly PastVersion[]> {
    const own = await this.#versionsOf(path)
    if (own.length > 0) return own.map(({ version }) => version)
    const { revisions } = await this.#list(path)
    return revisions
      .map(pastVersion)
      .sort((a, b) => (a.path === b.path ? b.atMs - a.atMs : comparePaths(a.path, b.path)))
  }

  /** Has a kept version of an item stay whatever the rule says, or not any more. Throws NO_VERSION where this device does not have it. */
  async pinRevision(path: RelativePath, id: string, isPinned: boolean): Promise<void> {
    const own = await revisionsOf(directory => this.#list(directory), path)
    if (!own.some(({ storedAt }) => idOfRevision(storedAt) === id)) throw noVersion(path, own.length > 0)
    await this.#context.disk.history('pin', id, isPinned, 'user')
  }

  /** All snapshots on this device, the latest first. */
  async snapshots(): Promise<readonly PastState[]> {
    return (await this.#snapshots.list()).map(pastState)
  }

  /** Keeps the folder as it is now: until somebody removes it or, where it is not pinned, room is wanted. */
  async createSnapshot({ isPinned = false }: { readonly isPinned?: boolean } = {}): Promise<PastState> {
    return pastState(await this.#snapshots.create('manual', isPinned))
  }

  /** Has a snapshot stay whatever the rule says, or not any more. Throws NO_VERSION where this device does not have it. */
  pinSnapshot(id: string, isPinned: boolean): Promise<void> {
    return this.#snapshots.pin(id, isPinned)
  }

  /** Removes a snapshot of this device. Throws NO_VERSION where it does not have it. */
  removeSnapshot(id: string): Promise<void> {
    return this.#snapshots.remove(id)
  }

  /** The state that a moment means; one that only a connected device keeps is fetched first. Throws NO_VERSION where there is none. */
  async stateAt(moment: Moment): Promise<PastState> {
    const found = await this.#snapshots.find(moment)
    if (found !== undefined) return pastState(found)
    if (moment.kind === 'id') throw noSnapshot(moment.id)
    throw new BackerError('NO_VERSION', 'no snapshot is as old as that, neither here nor on a connected device', {
      hint: 'See those that there are with backer snapshots.'
    })
  }

  /** The items of a directory (undefined: the root) in a state, by name, behind the one called `after`. */
  async listAt(
    { root }: PastState,
    directory: RelativePath | undefined,
    { after, limit }: { readonly after?: RelativePath | undefined; readonly limit: number }
  ): Promise<{ readonly items: readonly PastItem[]; readonly next: RelativePath | undefined }> {
    const { disk } = this.#context
    const { items, next } = await disk.history('treeChildren', { root, directory, after, limit })
    return { items: items.map(pastItem), next }
  }

  /** What stood at a path in a state; undefined where nothing did. */
  async itemAt({ root }: PastState, path: RelativePath): Promise<PastItem | undefined> {
    const item = await this.#context.disk.history('treeItem', root, path)
    return item === undefined ? undefined : pastItem(item)
  }

  /** Where two states show something else, 10,000 paths at most. `b` undefined: how the folder is now. */
  async diff(a: PastState, b: PastState | undefined): Promise<readonly TreeDifference[]> {
    const other = b?.root ?? (await this.#snapshots.now())
    return this.#context.disk.history('treeDifferences', a.root, other, DIFFERENCES_MAX)
  }

  /**
   * What brings back a kept version of an item: the one with this id, else the one that was the first to be replaced after `atMs`, else the
   * latest. Throws NO_VERSION where there is none.
   */
  async itemOf(
    path: RelativePath,
    wanted: { readonly id?: string | undefined; readonly atMs?: number | undefined }
  ): Promise<RestoreItem> {
    // What is packed tells what it was.
    await this.#keeper.pack()
    const all = await this.#versionsOf(path)
    const found = choose(all, wanted)
    if (found === undefined) throw noVersion(path, all.length > 0)
    if (found.manifest === undefined)
      throw new BackerError('FILE_SYSTEM', `the kept version of ${path} can't be read: is the disk full?`, { path })
    return { path, payload: found.manifest }
  }

  /** What brings these items back. */
  planOf(items: readonly RestoreItem[]): RestorePlan {
    return {
      state: undefined,
      async *items() {
        yield await Promise.resolve(items)
      }
    }
  }

  /**
   * What brings back all that stood at these paths and below them in a state (undefined: everything). Throws NO_VERSION for a path at which nothing
   * stood.
   */
  async planAt(state: PastState, paths: readonly (RelativePath | undefined)[]): Promise<RestorePlan> {
    const { disk } = this.#context
    // What is packed can be read chunk by chunk.
    await this.#keeper.packNew()
    const tops: RestoreItem[] = []
    for (const path of paths) {
      const item = path === undefined ? undefined : await disk.history('treeItem', state.root, path)
      if (item !== undefined) tops.push(item)
      else if (path !== undefined)
        throw new BackerError('NO_VERSION', `there was no ${path} in snapshot ${state.id}`, { path })
    }
    const below = (directory: RelativePath | undefined): AsyncGenerator<readonly RestoreItem[]> =>
      this.#below(state.root, directory)
    return {
      state,
      async *items() {
        if (paths.includes(undefined)) {
          yield* below(undefined)
          return
        }
        for (const top of tops) {
          yield [top]
          if (top.payload.kind === 'directory') yield* below(top.path)
        }
      }
    }
  }

  async *#below(root: Hash, directory: RelativePath | undefined): AsyncGenerator<readonly RestoreItem[]> {
    let after: RelativePath | undefined
    do {
      const page = await this.#context.disk.history('treeBelow', { root, directory, after, limit: ITEMS_AT_ONCE })
      yield page.items
      after = page.next
    } while (after !== undefined)
  }

  /** What a restore into the folder would do; `isAside`: what one to another directory would. */
  async preview(plan: RestorePlan, isAside: boolean): Promise<RestoreReport> {
    const count = new RestoreCount()
    for await (const items of plan.items()) {
      const lacking = isAside ? items : this.#restorer.lacking(items)
      for (const item of lacking) count.restored(item)
      count.unchanged(items.length - lacking.length)
    }
    return count.report()
  }

  /** Brings items back into the folder: see `Restorer`. How it was before is kept as a snapshot. */
  async restore(plan: RestorePlan, signal: AbortSignal = this.#context.closed): Promise<RestoreReport> {
    if (plan.state !== undefined) await this.#snapshots.create('automatic', false)
    return this.#restorer.restore(plan.items(), signal)
  }

  /** Restores items to a place outside the folder. */
  async restoreAside(
    plan: RestorePlan,
    aside: Aside,
    signal: AbortSignal = this.#context.closed
  ): Promise<RestoreReport> {
    const count = new RestoreCount()
    for await (const items of plan.items()) {
      for (const item of items) {
        if (signal.aborted) return count.report()
        try {
          await aside.write(item, item.payload.kind === 'file' ? this.read(item.payload, signal) : NO_CONTENT)
          count.restored(item)
        } catch (error) {
          count.failed(item.path, codeOf(error) === 'EEXIST' ? 'something stands there already' : messageOf(error))
        }
      }
    }
    await aside.finish()
    return count.report()
  }

  /** The bytes of a file of any time, chunk by chunk. Throws UNAVAILABLE where neither this device nor a connected one has them. */
  read(payload: FilePayload, signal: AbortSignal = this.#context.closed): AsyncGenerator<Uint8Array> {
    return this.#source.read(payload, signal)
  }

  /** Packs, thins out and sweeps what is kept, now. Rejects with what the disk throws. */
  tidy(): Promise<KeepingReport> {
    return this.#keeper.tidy()
  }

  /** What a peer is told that asks what is kept: of a path, or of the whole folder. Trouble of this device's own is none of its business. */
  async told(path: RelativePath | undefined): Promise<Past> {
    try {
      await this.#keeper.packNew()
      if (path === undefined) return { snapshots: await this.#snapshots.told(), revisions: [] }
      const own = await revisionsOf(directory => this.#list(directory), path)
      const revisions = own.flatMap(({ atMs, manifest }) =>
        manifest === undefined ? [] : [{ atMs, payload: manifest }]
      )
      return { snapshots: [], revisions }
    } catch (error) {
      if (!isBackerError(error)) throw error
      this.#context.runtime.trace(`could not tell what is kept: ${messageOf(error)}`)
      return { snapshots: [], revisions: [] }
    }
  }

  /** The versions of a path that are kept here or by connected writers, the latest first; of equal ones this device's own. */
  async #versionsOf(path: RelativePath): Promise<readonly Found[]> {
    const own = (await revisionsOf(directory => this.#list(directory), path)).map((one): Found => ({
      version: pastVersion(one),
      manifest: one.manifest
    }))
    const others = await this.#versionsElsewhere(path)
    return [...own, ...others].sort(inTime)
  }

  /** Only writers are asked: what was replaced is told without a signature, so that a reader could make it up. */
  async #versionsElsewhere(path: RelativePath): Promise<readonly Found[]> {
    const writers = [...this.#parts.peers()].filter(peer => peer.targets.has(peer.id))
    const asked = writers.map(async (peer): Promise<Found[]> => {
      const { revisions } = await peer.link.requestPast(path)
      return revisions.map(({ atMs, payload }) => {
        const root = payload.kind === 'file' ? payload.content.root : hashBytes(Buffer.from(payload.target))
        const { kind } = payload
        const size = kind === 'file' ? payload.size : 0
        const id = snapshotId({ root, atMs, device: peer.id })
        const mtimeMs = Number(payload.mtimeNs / 1_000_000n)
        const version = { id, path, atMs, kind, size, mtimeMs, isPinned: false, device: peer.name }
        return { version, manifest: payload }
      })
    })
    return (await Promise.all(asked.map(answer => answer.catch(() => [])))).flat()
  }

  #list(directory: RelativePath | undefined): Promise<RevisionListing> {
    return this.#context.disk.history('list', directory)
  }
}

function noVersion(path: RelativePath, hasOthers: boolean): BackerError {
  return new BackerError('NO_VERSION', `no such version of ${path} is kept on this device or a connected one`, {
    path,
    hint: hasOthers ? `See them with backer revisions ${path}.` : 'A device that is not connected may have one.'
  })
}

function pastVersion({ path, storedAt, atMs, manifest, size, mtimeNs, isPinned }: KeptRevision): PastVersion {
  const mtimeMs = Number(mtimeNs / 1_000_000n)
  return { id: idOfRevision(storedAt), path, atMs, kind: manifest?.kind ?? 'unknown', size, mtimeMs, isPinned }
}

function pastState({ id, atMs, device, kind, isPinned, isPinnedByMaker, root }: KeptSnapshot): PastState {
  return { id, atMs, device, kind, isPinned: isPinned || isPinnedByMaker, root }
}

function choose(
  latestFirst: readonly Found[],
  { id, atMs }: { readonly id?: string | undefined; readonly atMs?: number | undefined }
): Found | undefined {
  if (id !== undefined) return latestFirst.find(({ version }) => version.id === id)
  if (atMs === undefined) return latestFirst[0]
  const earliest = latestFirst.findLast(({ version }) => version.atMs > atMs)
  return earliest && latestFirst.find(one => inTime(one, earliest) === 0)
}

/** Negative where `a` is the later one: replaced later, and of what was replaced in one second, written later. */
function inTime({ version: a }: Found, { version: b }: Found): number {
  return b.atMs - a.atMs || b.mtimeMs - a.mtimeMs
}
