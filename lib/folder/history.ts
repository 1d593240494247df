import { BackerError } from '../core/error.js'
import { comparePaths, type RelativePath } from '../core/model/path.js'
import type { FilePayload } from '../core/model/record.js'
import { revisionsOf } from '../disk/history.js'
import type { KeptRevision, RevisionListing } from '../disk/kept.js'
import { idOfRevision } from '../disk/revisions.js'
import { ContentSource } from './content-source.js'
import type { FolderContext } from './context.js'
import type { Fetcher } from './fetcher.js'
import { Keeper } from './keeper.js'
import type { KeepingReport, PastVersion, RestoreItem, RestoreReport } from './past.js'
import type { Peer } from './peer.js'
import { Restorer } from './restore.js'

/** What one folder keeps of its past, and the ways back. */
export class History {
  readonly #context: FolderContext
  readonly #keeper: Keeper
  readonly #source: ContentSource
  readonly #restorer: Restorer

  constructor(
    context: FolderContext,
    fetcher: Fetcher,
    { peers, packIntervalMs }: { readonly peers: () => Iterable<Peer>; readonly packIntervalMs: number | undefined }
  ) {
    this.#context = context
    this.#keeper = new Keeper(context, { needed: () => Promise.resolve(new Set()), packIntervalMs })
    this.#source = new ContentSource(context, fetcher, peers)
    this.#restorer = new Restorer(context, this.#source)
  }

  /** Begins to look after what is kept. */
  start(): void {
    this.#keeper.start()
  }

  close(): void {
    this.#keeper.close()
  }

  /** The kept versions of an item, the latest first; where it has none, those of the items that stood in the directory of this name. */
  async revisions(path: RelativePath): Promise<readonly PastVersion[]> {
    const own = await revisionsOf(directory => this.#list(directory), path)
    if (own.length > 0) return own.map(pastVersion)
    const { revisions } = await this.#list(path)
    return revisions
      .map(pastVersion)
      .sort((a, b) => (a.path === b.path ? b.atMs - a.atMs : comparePaths(a.path, b.path)))
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
    const all = await revisionsOf(directory => this.#list(directory), path)
    const found = choose(all, wanted)
    if (found === undefined) {
      throw new BackerError('NO_VERSION', `no such version of ${path} is kept on this device`, {
        path,
        hint: all.length === 0 ? 'Another device may have one.' : `See them with backer revisions ${path}.`
      })
    }
    const { manifest } = found
    if (manifest === undefined)
      throw new BackerError('FILE_SYSTEM', `the kept version of ${path} can't be read: is the disk full?`, { path })
    return { path, payload: manifest }
  }

  /** Those of the items that do not stand in the folder just so. */
  lacking(items: readonly RestoreItem[]): readonly RestoreItem[] {
    return this.#restorer.lacking(items)
  }

  /** Brings items back into the folder: see `Restorer`. */
  restore(items: readonly RestoreItem[], signal: AbortSignal = this.#context.closed): Promise<RestoreReport> {
    return this.#restorer.restore(items, signal)
  }

  /** The bytes of a file of any time, chunk by chunk. Throws UNAVAILABLE where neither this device nor a connected one has them. */
  read(payload: FilePayload, signal: AbortSignal = this.#context.closed): AsyncGenerator<Uint8Array> {
    return this.#source.read(payload, signal)
  }

  /** Packs, thins out and sweeps what is kept, now. Rejects with what the disk throws. */
  tidy(): Promise<KeepingReport> {
    return this.#keeper.tidy()
  }

  #list(directory: RelativePath | undefined): Promise<RevisionListing> {
    return this.#context.disk.history('list', directory)
  }
}

function pastVersion({ path, storedAt, atMs, manifest, size, mtimeNs }: KeptRevision): PastVersion {
  const mtimeMs = Number(mtimeNs / 1_000_000n)
  return { id: idOfRevision(storedAt), path, atMs, kind: manifest?.kind ?? 'unknown', size, mtimeMs }
}

function choose(
  latestFirst: readonly KeptRevision[],
  { id, atMs }: { readonly id?: string | undefined; readonly atMs?: number | undefined }
): KeptRevision | undefined {
  if (id !== undefined) return latestFirst.find(({ storedAt }) => idOfRevision(storedAt) === id)
  if (atMs === undefined) return latestFirst[0]
  return latestFirst.findLast(revision => revision.atMs > atMs)
}
