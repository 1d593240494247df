import { BackerError } from '../core/error.js'
import { mergeRecords, writeVersion } from '../core/engine/merge.js'
import type { RelativePath } from '../core/model/path.js'
import { isLive, payloadOf } from '../core/model/record.js'
import type { Entry, EntryChange } from '../store/store.js'
import { leastCounter, type FolderContext } from './context.js'
import { DeleteGuard, findLoss } from './delete-guard.js'
import { COMMIT_ENTRIES } from './ledger.js'
import type { Want } from './want.js'

/** How many removals are held at once: a walk that finds more waits for the decision. */
export const HELD_MAX = 100_000

/** The fact that says that peers' deletes wait for a decision: which ones shows when they are walked again. */
const GATE_FACT = 'held-removals'

/**
 * Removals that peers ask for and that are so many that somebody must say that they are meant. They stay wants, so that a peer that changes
 * its mind takes them back. Rejecting writes what this device has anew, so that it comes back wherever it was removed.
 */
export class HeldRemovals {
  readonly #context: FolderContext
  readonly #guard: DeleteGuard
  readonly #wants = new Set<Want>()
  #gated: boolean

  constructor(context: FolderContext) {
    this.#context = context
    this.#guard = new DeleteGuard(() => context)
    this.#gated = context.store.getFact(GATE_FACT) !== undefined
  }

  get size(): number {
    return this.#wants.size
  }

  has(want: Want): boolean {
    return this.#wants.has(want)
  }

  delete(want: Want): void {
    this.#wants.delete(want)
  }

  /** A removal is not asked for any more: somebody has brought back what was to go. */
  resolve(want: Want): void {
    if (!this.#wants.delete(want) || this.#wants.size > 0) return
    this.#open().catch((error: unknown) => this.#context.onFatal(error))
  }

  /** Some of the paths that wait for a decision. */
  sample(limit: number): RelativePath[] {
    const paths: RelativePath[] = []
    for (const { path } of this.#wants) {
      if (paths.length >= limit) break
      paths.push(path)
    }
    return paths
  }

  /**
   * Looks at removals whose turn has come: marks those that are to be carried out as meant, and keeps the others. `isForced`: there are more than can be
   * overlooked. `isWanted` tells which of them are still meant once that is decided. Durable when it resolves.
   */
  async judge(
    wants: readonly Want[],
    { isForced, isWanted }: { readonly isForced: boolean; readonly isWanted: (want: Want) => boolean }
  ): Promise<void> {
    const { store } = this.#context
    const going = new Map<RelativePath, Entry>()
    for (const { path } of wants) {
      const entry = store.get(path)
      if (entry !== undefined && isLive(entry.record)) going.set(path, entry)
    }
    const loss = await findLoss(this.#context, going, new Set())
    const mustHold = this.#guard.mustHold(loss) || (loss.lost > 0 && (this.#gated || isForced))
    if (!mustHold) {
      for (const want of wants) want.isMeant = true
      return
    }
    if (!this.#gated) await store.putFact(GATE_FACT, new Uint8Array([1]))
    this.#gated = true
    for (const want of wants) if (isWanted(want)) this.#wants.add(want)
  }

  /** Gives back all that was held: it is meant. */
  async accept(): Promise<readonly Want[]> {
    await this.#open()
    const wants = [...this.#wants]
    this.#wants.clear()
    for (const want of wants) want.isMeant = true
    return wants
  }

  /**
   * Writes anew what this device has of all that was held. Returns of how many items. Throws KEY_KIND where this device may not write,
   * and what the store throws.
   */
  async reject(): Promise<number> {
    if (this.#wants.size > 0 && this.#context.access === 'read') {
      throw new BackerError('KEY_KIND', 'a device that only reads can not bring back what others deleted', {
        hint: 'Reject the deletes on a device that has the write key, or accept them here.'
      })
    }
    const wants = [...this.#wants]
    let count = 0
    for (let start = 0; start < wants.length; start += COMMIT_ENTRIES)
      count += await this.#rejectSome(wants.slice(start, start + COMMIT_ENTRIES))
    // Where more were to come than can be held they are held in their turn.
    if (wants.length < HELD_MAX) await this.#open()
    return count
  }

  async #rejectSome(wants: readonly Want[]): Promise<number> {
    const { ledger, store } = this.#context
    return ledger.lock.run(async () => {
      const changes: EntryChange[] = []
      for (const want of wants) {
        const entry = store.get(want.path)
        const remote = want.remoteRecord()
        if (!this.#wants.has(want) || entry === undefined || !isLive(entry.record) || remote === undefined) continue
        const merged = mergeRecords(entry.record, remote)
        const record = writeVersion(
          merged,
          store.replica,
          payloadOf(entry.record),
          () => false,
          leastCounter(this.#context)
        )
        changes.push({ path: want.path, entry: { record, stamp: entry.stamp } })
      }
      await ledger.commit(changes, new Map())
      return changes.length
    })
  }

  async #open(): Promise<void> {
    await this.#context.store.putFact(GATE_FACT, undefined)
    this.#gated = false
  }
}
