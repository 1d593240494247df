import type { HashKey } from '../core/model/hash.js'
import { parentOf, type RelativePath } from '../core/model/path.js'
import type { Outcome } from '../core/engine/reconcile.js'
import { isLive, payloadOf, type Record } from '../core/model/record.js'
import { updateTree } from '../core/tree/update.js'
import type { Hash } from '../core/model/hash.js'
import type { Entry, EntryChange } from '../store/store.js'
import { writeAt, type FolderContext, type Losses, type Missing } from './context.js'
import { DeleteGuard, findLoss } from './delete-guard.js'
import { isDropped } from './dropped.js'
import { COMMIT_ENTRIES } from './ledger.js'
import { markerGone } from './marker-gone.js'

/** Where the index keeps which paths are to come back: so many of them in one fact. */
const RESTORING_FACT = 'restoring'
const PATHS_IN_FACT = 5000

/** What is said while deletes wait, and while what is rejected is on its way. */
export const HELD_MESSAGES = {
  held: 'many files were deleted at once: the deletes are held until they are accepted or rejected',
  restoring: 'deletes were rejected: what is gone from this disk comes back from the devices that have it'
} as const

/**
 * Items that are gone from this disk and not from the folder: so many went at once that somebody must say that it was meant.
 *
 * In the index such an item is an entry that is live and has no stamp: it survives a restart, peers go on seeing it in the tree, and
 * a peer's change of it is installed as if nothing had ever stood there. Rejecting makes this device fetch the items from whoever has them;
 * accepting makes deletes of them.
 */
export class HeldLosses implements Losses {
  readonly #context: () => FolderContext
  readonly #onchange: () => void
  readonly #guard: DeleteGuard
  readonly #held = new Set<RelativePath>()
  readonly #restoring = new Set<RelativePath>()
  #base: { readonly from: Hash; readonly root: Hash } | undefined

  constructor(context: () => FolderContext, onchange: () => void) {
    this.#context = context
    this.#onchange = onchange
    this.#guard = new DeleteGuard(context)
  }

  /** How many items wait for a decision. */
  get count(): number {
    return this.#held.size
  }

  /** How many items are to come back, and are not here yet. */
  get restoringCount(): number {
    return this.#restoring.size
  }

  /** Some of the paths that wait for a decision. */
  sample(limit: number): RelativePath[] {
    const paths: RelativePath[] = []
    for (const path of this.#held) {
      if (paths.length >= limit) break
      paths.push(path)
    }
    return paths
  }

  /** True for an item that is to come back to this disk. */
  isRestoring(path: RelativePath): boolean {
    return this.#restoring.has(path)
  }

  /** Reads which items were to come back when the folder was open last. */
  load(): void {
    const { store } = this.#context()
    for (let i = 0; ; i++) {
      const part = store.getFact(factName(i))
      if (part === undefined) return
      for (const text of Buffer.from(part).toString().split('\0')) {
        const path = text as RelativePath
        if (isHeld(store.get(path))) this.#restoring.add(path)
      }
    }
  }

  /** An item is missing that the index holds as missing already: known from an earlier run, perhaps. */
  found(path: RelativePath): void {
    if (this.#restoring.has(path) || this.#held.has(path)) return
    this.#held.add(path)
    this.#onchange()
  }

  /** Something stands at the path now, or nothing is meant to any more. */
  settled(path: RelativePath): void {
    const wasHeld = this.#held.delete(path)
    const wasRestoring = this.#restoring.delete(path)
    if (wasHeld || wasRestoring) this.#onchange()
  }

  /**
   * Of items that are missing, those that may become deletes now. The others are held from now on, durably; a file whose content is in `appeared`,
   * or stands elsewhere in the folder, was moved and is never held.
   */
  async withhold(missing: readonly Missing[], appeared: ReadonlySet<HashKey>): Promise<readonly Missing[]> {
    if (missing.length === 0) return missing
    const going = new Map(missing)
    const loss = await findLoss(this.#context(), going, appeared)
    const joins = this.#held.size > 0 && loss.lost > 0
    if (!this.#guard.mustHold(loss) && !joins) return missing
    const held = heldOf(going, loss.moved)
    await this.#hold(missing.filter(([path]) => held.has(path)))
    this.#onchange()
    return missing.filter(([path]) => !held.has(path))
  }

  /** Makes deletes of all that is held or was to come back and is still missing. Returns of how many items. Throws MARKER, and what the store throws. */
  async accept(): Promise<number> {
    const paths = [...this.#held, ...this.#restoring]
    let count = 0
    for (let start = 0; start < paths.length; start += COMMIT_ENTRIES)
      count += await this.#acceptSome(paths.slice(start, start + COMMIT_ENTRIES))
    if (this.#restoring.size === 0) await this.#saveRestoring()
    this.#onchange()
    return count
  }

  /** Has all that is held come back: from now on a walk of any peer finds it. Returns of how many items. Durable when it resolves. */
  async reject(): Promise<number> {
    const paths = [...this.#held]
    for (const path of paths) this.#restoring.add(path)
    await this.#saveRestoring()
    for (const path of paths) this.#held.delete(path)
    this.#onchange()
    return paths.length
  }

  /** Forgets the list of what was to come back, once all of it is back. */
  async tidy(): Promise<void> {
    const { store } = this.#context()
    if (this.#restoring.size === 0 && store.getFact(factName(0)) !== undefined) await this.#saveRestoring()
  }

  /**
   * The root from which a first walk of a peer starts: what this device's disk shows, that is, its tree without what is to come back. So the
   * walk finds those items. The nodes that it needs are in the store.
   */
  async baseRoot(): Promise<Hash> {
    const { store, runtime } = this.#context()
    const from = store.root
    if (this.#restoring.size === 0) return from
    const paths = [...this.#restoring]
    let root = from
    for (let start = 0; start < paths.length; start += COMMIT_ENTRIES) {
      const edits = new Map(paths.slice(start, start + COMMIT_ENTRIES).map(path => [path, undefined]))
      const tree = updateTree(hash => store.node(hash), root, edits)
      await store.putNodes(tree.nodes)
      root = tree.root
      await runtime.timers.breathe()
    }
    this.#base = { from, root }
    return root
  }

  /** Roots that a walk may still need. */
  roots(): Hash[] {
    return this.#base === undefined || this.#restoring.size === 0 ? [] : [this.#base.from, this.#base.root]
  }

  async #hold(items: readonly Missing[]): Promise<void> {
    const { ledger, store, disk, onSuspectPath } = this.#context()
    for (let start = 0; start < items.length; start += COMMIT_ENTRIES) {
      const batch = items.slice(start, start + COMMIT_ENTRIES).map(([path]) => path)
      await ledger.lock.run(async () => {
        const there = await disk.stat(batch)
        const changes: EntryChange[] = []
        batch.forEach((path, i) => {
          const entry = store.get(path)
          if (there[i] !== undefined) onSuspectPath(path)
          else if (isLive(entry?.record)) changes.push({ path, entry: { record: entry.record, stamp: undefined } })
        })
        await ledger.commit(changes, new Map())
        for (const { path } of changes) this.#held.add(path)
      })
    }
  }

  async #acceptSome(paths: readonly RelativePath[]): Promise<number> {
    const context = this.#context()
    const { ledger, store, disk, localEdits, onChange, onSuspect } = context
    return ledger.lock.run(async () => {
      if (!(await disk.checkMarker())) throw markerGone()
      const there = await disk.stat(paths)
      const changes: EntryChange[] = []
      paths.forEach((path, i) => {
        const entry = store.get(path)
        if (there[i] !== undefined) onSuspect([parentOf(path)])
        else if (isHeld(entry)) {
          const record = writeAt(context, path, entry.record, { kind: 'deleted' })
          changes.push({ path, entry: { record, stamp: undefined } })
        }
      })
      await localEdits.replaced(changes.map(({ path }) => ({ path, now: { kind: 'deleted' } })))
      await ledger.commit(changes, new Map())
      for (const { path } of changes) {
        this.#held.delete(path)
        this.#restoring.delete(path)
        onChange({ path, action: 'deleted', kind: 'deleted', origin: 'local' })
      }
      return changes.length
    })
  }

  async #saveRestoring(): Promise<void> {
    const { store, runtime } = this.#context()
    const paths = [...this.#restoring]
    let part = 0
    for (let start = 0; start < paths.length; start += PATHS_IN_FACT, part++) {
      await store.putFact(factName(part), Buffer.from(paths.slice(start, start + PATHS_IN_FACT).join('\0')))
      await runtime.timers.breathe()
    }
    for (; store.getFact(factName(part)) !== undefined; part++) await store.putFact(factName(part), undefined)
  }
}

/** True for an item that is gone from the disk and not from the folder, though nobody has dropped it. */
export function isHeld(entry: Entry | undefined): entry is Entry & { readonly stamp: undefined } {
  return entry !== undefined && entry.stamp === undefined && isLive(entry.record) && !isDropped(entry)
}

/** What brings back an item that is gone from this disk only. */
export function restoration(record: Record): Outcome {
  return { kind: 'apply', record, payload: payloadOf(record), keep: undefined }
}

/** What is held where `going` is missing: all but what was moved, and the directories out of which everything was moved. */
function heldOf(going: ReadonlyMap<RelativePath, Entry>, moved: ReadonlySet<RelativePath>): Set<RelativePath> {
  const emptied = new Set<RelativePath>()
  for (const path of moved) addParents(path, emptied)
  const held = new Set<RelativePath>()
  for (const [path, { record }] of going) {
    if (moved.has(path) || (payloadOf(record).kind === 'directory' && emptied.has(path))) continue
    held.add(path)
    addParents(path, held)
  }
  for (const path of held) if (!going.has(path)) held.delete(path)
  return held
}

function addParents(path: RelativePath, set: Set<RelativePath>): void {
  for (let parent = parentOf(path); parent !== undefined && !set.has(parent); parent = parentOf(parent)) set.add(parent)
}

function factName(part: number): string {
  return `${RESTORING_FACT}-${part}`
}
