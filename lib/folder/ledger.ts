import { hashesEqual, type Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { isLive, payloadOf, sameRecord, type Record } from '../core/model/record.js'
import { updateTree } from '../core/tree/update.js'
import type { Entry, EntryChange, Store } from '../store/store.js'
import { Mutex } from './mutex.js'

/** How many entries one durable commit holds: small enough never to hold up the event loop. */
export const COMMIT_ENTRIES = 1000

/** What a commit came to. */
export interface Committed {
  /** Whose records are others now. */
  readonly paths: readonly RelativePath[]
  /** All paths of the commit, also those of which only the disk looks other. */
  readonly seen: readonly RelativePath[]
  /** The new nodes of both trees, by their hashes. */
  readonly nodes: ReadonlyMap<string, Uint8Array>
  /** Whole contents of small files, where this device's user changed them; undefined for what is not his doing. */
  readonly files: readonly Uint8Array[] | undefined
}

/** What the ledger tells the folder. */
export interface LedgerEvents {
  readonly oncommit: (committed: Committed) => void
  /** A commit changed no record. */
  readonly onseen: (seen: Committed['seen']) => void
}

/**
 * The one way into the index. Whatever looks at the disk and then commits what it saw, and whatever changes the disk and
 * then commits what it did, does both under `lock`, so that neither ever takes the other's half-done work for the truth.
 */
export class Ledger {
  readonly lock = new Mutex()
  readonly #store: Store
  readonly #events: LedgerEvents
  #installs = 0

  constructor(store: Store, events: LedgerEvents) {
    this.#store = store
    this.#events = events
  }

  /** Paths that are being installed: what the disk shows there is this device's own half-done work. */
  readonly busy = new Set<RelativePath>()

  get store(): Store {
    return this.#store
  }

  /** Counts what this device itself did to the disk: an observation begun at another count must be checked again. */
  get installs(): number {
    return this.#installs
  }

  noteInstall(): void {
    this.#installs++
  }

  /**
   * Makes changes of the index durable and updates the tree; the caller holds `lock`. Commits of more than COMMIT_ENTRIES are
   * cut into several: each is whole by itself. `files`: see `Committed`. Throws what the store throws.
   */
  async commit(
    changes: readonly EntryChange[],
    chunkLists: ReadonlyMap<string, Uint8Array>,
    files?: readonly Uint8Array[]
  ): Promise<void> {
    for (let start = 0; start < changes.length; start += COMMIT_ENTRIES) {
      await this.#commitSome(changes.slice(start, start + COMMIT_ENTRIES), chunkLists, files)
    }
  }

  async #commitSome(
    changes: readonly EntryChange[],
    chunkLists: ReadonlyMap<string, Uint8Array>,
    files: readonly Uint8Array[] | undefined
  ): Promise<void> {
    const store = this.#store
    const edits = new Map<RelativePath, Record | undefined>()
    const before = changes.map(({ path }) => store.get(path))
    changes.forEach(({ path, entry }, i) => {
      if (!sameRecord(before[i]?.record, entry?.record)) edits.set(path, entry?.record)
    })
    const { root, nodes: made } = updateTree(hash => store.node(hash), store.root, edits)
    const lacks = this.#lacksAfter(changes, before)
    const nodes = lacks.nodes.size === 0 ? made : new Map([...made, ...lacks.nodes])
    const isNews = edits.size > 0 || !hashesEqual(lacks.root, store.lacks)
    await store.commit({ entries: changes, root, lacks: lacks.root, nodes, chunkLists: listsFor(changes, chunkLists) })
    const seen = changes.map(({ path }) => path)
    if (isNews) this.#events.oncommit({ paths: [...edits.keys()], seen, nodes, files })
    else this.#events.onseen(seen)
  }

  /** The tree of what is not on this disk, once these changes are made. `entries`: what the index has of them `before`. */
  #lacksAfter(changes: readonly EntryChange[], entries: readonly (Entry | undefined)[]): ReturnType<typeof updateTree> {
    const store = this.#store
    const edits = new Map<RelativePath, Record | undefined>()
    changes.forEach(({ path, entry }, i) => {
      const lacked = isLacking(entry) ? entry.record : undefined
      const before = entries[i]
      if (!sameRecord(isLacking(before) ? before.record : undefined, lacked)) edits.set(path, lacked)
    })
    if (edits.size === 0) return { root: store.lacks, nodes: new Map() }
    return updateTree(hash => store.node(hash), store.lacks, edits)
  }

  /** True where `root` is what this device holds. */
  holds(root: Hash): boolean {
    return hashesEqual(root, this.#store.root)
  }
}

/** True for a live file whose content is not on this disk as it should be: it was dropped, is damaged, or is gone and its delete held. */
export function isLacking(entry: Entry | undefined): entry is Entry {
  if (entry === undefined || payloadOf(entry.record).kind !== 'file') return false
  return entry.stamp === undefined || entry.lack !== undefined
}

function listsFor(
  changes: readonly EntryChange[],
  chunkLists: ReadonlyMap<string, Uint8Array>
): ReadonlyMap<string, Uint8Array> {
  if (chunkLists.size === 0) return chunkLists
  const wanted = new Map<string, Uint8Array>()
  for (const { entry } of changes) {
    if (entry === undefined || !isLive(entry.record)) continue
    for (const { payload } of entry.record.versions) {
      if (payload.kind !== 'file' || payload.content.height === 0) continue
      const key = Buffer.from(payload.content.root).toString('hex')
      const list = chunkLists.get(key)
      if (list !== undefined) wanted.set(key, list)
    }
  }
  return wanted
}
