import { isBackerError } from '../core/error.js'
import { assertNever } from '../core/invariant.js'
import { noteLoss } from '../core/engine/merge.js'
import type { Outcome } from '../core/engine/reconcile.js'
import { hashKey } from '../core/model/hash.js'
import { comparePaths, parentOf, type RelativePath } from '../core/model/path.js'
import { isLive, payloadOf, sameContent, winnerOf, type Record } from '../core/model/record.js'
import type { Displaced, Expected, InstallResult, InstallStep, ProblemCode, SmallFile } from '../disk/disk.js'
import { stagedName } from '../disk/names.js'
import type { Entry, EntryChange } from '../store/store.js'
import { Aliases } from './aliases.js'
import { copyOf } from './conflict-copy.js'
import type { FolderContext } from './context.js'
import { isDamaged } from './damage.js'
import { detailsOf, type Change } from './events.js'
import { foreignInTheWay, holdsOnlyForeign } from './foreign.js'
import { isHeld } from './held-losses.js'
import { encodeIntent, type Meant } from './intent.js'
import { reviveDirectory } from './revive.js'
import type { Apply, Want } from './want.js'

/** How many paths of the same content are looked at to find one that is about to go. */
const MOVE_CANDIDATES = 16

/**
 * What became of a want. `stale`: the index has moved on, so it must be decided anew. `changed`: the disk shows something that the index does
 * not know yet. `blocked`: something else must be done first.
 */
export type Installed =
  | { readonly kind: 'done' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'changed' }
  | { readonly kind: 'blocked' }
  | { readonly kind: 'failed'; readonly code: ProblemCode | 'DISK_FLOOR'; readonly message: string }

/** What the installer asks of whoever holds the wants. */
export interface WantBook {
  /** True while some removal waits for its turn. */
  readonly hasRemovals: boolean
  get(path: RelativePath): Want | undefined
  decide(path: RelativePath, remote: Record): Outcome
  /** What a want needs is in `.backer/tmp`: it need not be in memory any more. */
  staged(want: Want): void
}

/** One step of a batch, and what its success means for the index. */
interface Planned {
  readonly step: InstallStep
  readonly apply: Apply
  readonly want: Want | undefined
  /** For a move: the want that the move carries out as well, as it was decided when this was planned. It is in no batch: peers may tell more meanwhile. */
  readonly source?: { readonly want: Want; readonly apply: Apply }
}

/** What a batch means for the index, and what is told of it once that is durable. */
interface News {
  readonly changes: EntryChange[]
  readonly told: (() => void)[]
  /** Directories that stay on the disk and are no part of the folder any more. */
  readonly left: Set<RelativePath>
}

/** Carries batches of wants out: disk first, then the index, under the ledger's lock, so that nobody sees one without the other. */
export class Installer {
  readonly #context: FolderContext
  readonly #book: WantBook

  constructor(context: FolderContext, book: WantBook) {
    this.#context = context
    this.#book = book
  }

  /** Installs wants in the order in which they are safe. Throws what ends the folder: a failing disk or index. */
  async install(wants: readonly Want[]): Promise<ReadonlyMap<Want, Installed>> {
    const { disk, ledger } = this.#context
    const results = new Map<Want, Installed>()
    let staged: readonly string[]
    try {
      staged = await this.#stageSmall(wants)
    } catch (error) {
      if (!isBackerError(error, 'DISK_FLOOR')) throw error
      // Nothing has been changed yet.
      const { message } = error
      return new Map(wants.map(want => [want, { kind: 'failed', code: 'DISK_FLOOR', message }]))
    }
    for (const want of wants) this.#book.staged(want)
    const placed = new Set<string>()
    await ledger.lock.run(async () => {
      const planned = this.#planAll(wants, results)
      if (planned.length === 0) return
      ledger.noteInstall()
      for (const { step, source } of planned)
        for (const path of [step.path, source?.want.path]) if (path !== undefined) ledger.busy.add(path)
      try {
        await this.#carryOut(planned, chunkListsOf(wants), results)
        for (const { step, want } of planned)
          if (step.kind === 'file' && want !== undefined && results.get(want)?.kind === 'done') placed.add(step.staged)
      } catch (error) {
        // Before anybody else has the lock, and takes what is half done for the user's doing.
        this.#context.onFatal(error)
        throw error
      } finally {
        ledger.busy.clear()
      }
    })
    await disk.discard(staged.filter(name => !placed.has(name)))
    return results
  }

  /** Gives the names alone: nobody holds on to the bytes while they are installed. */
  async #stageSmall(wants: readonly Want[]): Promise<readonly string[]> {
    const files = smallFiles(wants)
    await this.#context.disk.stageSmall(files)
    return files.map(({ name }) => name)
  }

  async #carryOut(
    planned: readonly Planned[],
    chunkLists: ReadonlyMap<string, Uint8Array>,
    results: Map<Want, Installed>
  ): Promise<void> {
    const meant = planned.flatMap(plan => this.#meant(plan))
    const intent = meant.every(({ record }) => !isLive(record)) ? undefined : encodeIntent(this.#context.store, meant)
    const outcomes = await this.#context.disk.install(
      planned.map(({ step }) => step),
      intent
    )
    const news: News = { changes: [], told: [], left: new Set() }
    for (let i = 0; i < planned.length; i++) {
      const [plan, outcome] = [planned[i], outcomes[i]]
      if (plan === undefined || outcome === undefined) continue
      if (await this.#mayStay(plan, outcome, news)) this.#concludeLeft(plan, news, results)
      else this.#conclude(plan, outcome, news, results)
    }
    await this.#context.ledger.commit(news.changes, chunkLists)
    news.told.forEach(tell => tell())
  }

  #planAll(wants: readonly Want[], results: Map<Want, Installed>): Planned[] {
    const planned: Planned[] = []
    const parents = new Set<RelativePath>()
    const used = new Set<Want>()
    const aliases = new Aliases(this.#context.store, this.#context.disk.traits)
    const sorted = [...wants].sort((a, b) => comparePaths(a.path, b.path))
    for (const want of sorted.filter(one => !one.isRemoval)) {
      if (!this.#stillHolds(want, results)) continue
      if (want.isBlocked && this.#mustStay(want, wants)) {
        planned.push(this.#planRevival(want.path, want))
        continue
      }
      const plan = this.#plan(want, used)
      if (plan.step.kind === 'file' && !isAtHand(want, plan.step.staged)) {
        results.set(want, { kind: 'stale' })
        continue
      }
      const clash = aliases.clashOf(want.path, plan.source?.want.path)
      if (clash !== undefined) {
        results.set(want, heldBack(want.path, clash))
        continue
      }
      aliases.claim(want.path)
      this.#planParents(want.path, planned, parents)
      planned.push(plan)
    }
    for (const want of sorted.reverse().filter(one => one.isRemoval && !used.has(one))) {
      if (!this.#stillHolds(want, results)) continue
      if (this.#mustStay(want, wants)) planned.push(this.#planRevival(want.path, want))
      else planned.push(this.#plan(want, used))
    }
    return planned
  }

  /** False (and the want is to be decided again) where the index has moved on since the want was made. */
  #stillHolds(want: Want, results: Map<Want, Installed>): boolean {
    const remote = want.remoteRecord()
    const outcome = remote === undefined ? undefined : this.#book.decide(want.path, remote)
    if (outcome?.kind === 'apply' && sameContent(outcome.payload, want.payload)) {
      want.apply = outcome
      return true
    }
    results.set(want, { kind: 'stale' })
    return false
  }

  /** Makes the directories above a path exist again where they were removed by somebody who had not seen what lies there. `seen`: those that were looked at. */
  #planParents(path: RelativePath, planned: Planned[], seen: Set<RelativePath>): void {
    const parent = parentOf(path)
    if (parent === undefined || seen.has(parent)) return
    seen.add(parent)
    const entry = this.#context.store.get(parent)
    if (entry?.stamp !== undefined && payloadOf(entry.record).kind === 'directory') return
    const want = this.#book.get(parent)
    if (want?.payload.kind === 'directory') return
    this.#planParents(parent, planned, seen)
    planned.push(this.#planRevival(parent, want))
  }

  #planRevival(path: RelativePath, want: Want | undefined): Planned {
    const entry = this.#context.store.get(path)
    const isMissing = isHeld(entry) && payloadOf(entry.record).kind === 'directory'
    const apply: Apply = isMissing
      ? { kind: 'apply', record: entry.record, payload: payloadOf(entry.record), keep: undefined }
      : reviveDirectory(this.#context, path, want?.remoteRecord())
    return { step: this.#step(path, apply, entry), apply, want }
  }

  /**
   * True for a directory that holds something live which is not on its way out. Whoever removed it, or put a file in its place, need not have seen that: it
   * may have been dropped there.
   */
  #mustStay(want: Want, batch: readonly Want[]): boolean {
    const local = this.#context.store.get(want.path)
    if (local === undefined || payloadOf(local.record).kind !== 'directory') return false
    const leaving = new Set(batch.filter(one => one.isRemoval).map(one => one.path))
    for (const [path, entry] of this.#context.store.children(want.path)) {
      if (isLive(entry.record) && !leaving.has(path) && this.#book.get(path)?.isRemoval !== true) return true
    }
    return false
  }

  /** True where the file that a want needs is about to be removed elsewhere, so that it can be moved. */
  canMove(want: Want): boolean {
    return this.#moveSource(want, this.#context.store.get(want.path), new Set()) !== undefined
  }

  #plan(want: Want, used: Set<Want>): Planned {
    const entry = this.#context.store.get(want.path)
    const source = this.#moveSource(want, entry, used)
    if (source !== undefined) used.add(source)
    const step = this.#step(want.path, want.apply, entry, source, want)
    return {
      step,
      apply: want.apply,
      want,
      ...(source === undefined ? {} : { source: { want: source, apply: source.apply } })
    }
  }

  /** A path whose file is about to be removed and has just the content that is wanted. */
  #moveSource(want: Want, entry: Entry | undefined, used: ReadonlySet<Want>): Want | undefined {
    const { payload } = want
    if (
      !this.#book.hasRemovals ||
      payload.kind !== 'file' ||
      (entry?.stamp !== undefined && isLive(entry.record) && sameContent(payloadOf(entry.record), payload))
    )
      return undefined
    for (const path of this.#context.store.pathsWithContent(payload.content.root, MOVE_CANDIDATES)) {
      const leaving = this.#book.get(path)
      if (leaving?.isRemoval !== true || used.has(leaving) || leaving.state.kind === 'stuck') continue
      const there = this.#context.store.get(path)
      if (there?.stamp !== undefined && there.lack === undefined && sameContent(payloadOf(there.record), payload))
        return leaving
    }
    return undefined
  }

  #step(path: RelativePath, apply: Apply, entry: Entry | undefined, source?: Want, want?: Want): InstallStep {
    const { payload, keep } = apply
    const expected: Expected =
      entry?.stamp === undefined ? { kind: 'nothing' } : { kind: 'stamped', stamp: entry.stamp }
    const displaced = this.#displaced(path, entry, keep)
    const shown = entry === undefined || isHeld(entry) ? undefined : payloadOf(entry.record)
    switch (payload.kind) {
      case 'deleted':
        return { kind: 'remove', path, expected, displaced }
      case 'directory':
        return { kind: 'directory', path, expected, mode: payload.mode, displaced }
      case 'symlink':
        return { kind: 'symlink', path, expected, target: payload.target, mtimeNs: payload.mtimeNs, displaced }
      case 'file': {
        const { mode, mtimeNs } = payload
        if (shown !== undefined && sameContent(shown, payload))
          return { kind: 'metadata', path, expected, mode, mtimeNs }
        const from = source === undefined ? undefined : this.#context.store.get(source.path)?.stamp
        if (source !== undefined && from !== undefined)
          return { kind: 'move', path, expected, from: source.path, fromStamp: from, mtimeNs, mode, displaced }
        const { root } = payload.content
        const staged = want?.stagedName(root) ?? stagedName(root, path)
        return { kind: 'file', path, expected, staged, mtimeNs, mode, displaced }
      }
      default:
        return assertNever(payload)
    }
  }

  /** Where what stands at a path goes. What is known to be damaged is no version of anybody's. */
  #displaced(path: RelativePath, entry: Entry | undefined, keep: Apply['keep']): Displaced {
    if (isDamaged(entry)) return { kind: 'damaged' }
    const copy = keep === undefined ? undefined : copyOf(this.#context.store, path, keep)
    return copy === undefined ? { kind: 'revision' } : { kind: 'conflict', path: copy.path }
  }

  /** A directory that was made just now is watched, and then listed once: somebody may have used it already. */
  #watchNew(path: RelativePath): void {
    this.#context.watching([path])
    this.#context.onSuspect([path])
  }

  #conclude(plan: Planned, outcome: InstallResult, news: News, results: Map<Want, Installed>): void {
    const { step, want } = plan
    if (outcome.kind === 'done') {
      this.#concludeDone(plan, outcome, news)
      if (want !== undefined) results.set(want, { kind: 'done' })
      if (plan.source !== undefined) results.set(plan.source.want, { kind: 'done' })
      return
    }
    // A directory on the way is not there: what the index has below it is not either, whatever it says.
    if (outcome.kind === 'blocked' && step.path.startsWith(`${outcome.by}/`))
      this.#context.onSuspect([parentOf(step.path)])
    if (outcome.kind === 'changed')
      this.#context.onSuspect([
        parentOf(step.path),
        ...(plan.source === undefined ? [] : [parentOf(plan.source.want.path)])
      ])
    if (want === undefined) return
    const problem = foreignInTheWay(this.#context, step, outcome)
    results.set(want, problem === undefined ? failureOf(outcome) : { kind: 'failed', ...problem })
  }

  /** True for a directory that is to go, and in which nothing of the folder is left but something that others have no say in. */
  async #mayStay({ step, want }: Planned, outcome: InstallResult, { left }: News): Promise<boolean> {
    if (outcome.kind !== 'blocked' || step.kind !== 'remove' || want === undefined) return false
    return outcome.by.startsWith(`${step.path}/`) && (await holdsOnlyForeign(this.#context, step.path, left))
  }

  /** The directory stays on this disk, and is no part of the folder any more: the index knows that, and how it looks. */
  #concludeLeft({ step, apply, want }: Planned, { changes, left }: News, results: Map<Want, Installed>): void {
    const entry = this.#context.store.get(step.path)
    left.add(step.path)
    if (entry !== undefined) changes.push({ path: step.path, entry: { ...entry, record: apply.record } })
    if (want !== undefined) results.set(want, { kind: 'done' })
  }

  /** What a step that succeeds makes of the index: of its own path, of the path that a move leaves, of a conflict copy. */
  #meant({ step, apply, source }: Planned): Meant[] {
    const { record, keep } = apply
    const meant: Meant[] = [{ path: step.path, record: keep === undefined ? record : noteLoss(record, keep) }]
    if (source !== undefined) meant.push({ path: source.want.path, record: source.apply.record })
    const copy = keep === undefined ? undefined : copyOf(this.#context.store, step.path, keep)
    if (copy !== undefined) meant.push({ ...copy, isCopy: true })
    return meant
  }

  #concludeDone(plan: Planned, outcome: InstallResult & { kind: 'done' }, { changes, told }: News): void {
    const { step, apply, want, source } = plan
    const { onChange, onConflict, store, losses } = this.#context
    const path = step.path
    const before = store.get(path)
    const action =
      step.kind === 'remove'
        ? 'deleted'
        : step.kind === 'move'
          ? 'moved'
          : step.kind === 'metadata'
            ? 'metadata'
            : before?.stamp !== undefined
              ? 'changed'
              : 'created'
    if (apply.payload.kind === 'directory') this.#watchNew(path)
    losses.settled(path)
    for (const { path: at, record, isCopy = false } of this.#meant(plan)) {
      // Where the bytes went to the revisions instead, there is no conflict copy.
      if (isCopy && outcome.conflictStamp === undefined) continue
      const stamp = isCopy ? outcome.conflictStamp : at === path ? outcome.stamp : undefined
      // What only got another time or mode is as damaged as before.
      const lack = at === path && step.kind === 'metadata' ? before?.lack : undefined
      changes.push({ path: at, entry: { record, stamp, ...(lack === undefined ? {} : { lack }) } })
      if (isCopy) told.push(() => onConflict({ path, copy: at }))
    }
    const via = want?.via
    const change: Change = {
      path,
      action,
      kind: apply.payload.kind,
      origin: want === undefined ? 'local' : 'remote',
      ...(source === undefined ? {} : { from: source.want.path }),
      ...(via === undefined ? {} : { via }),
      ...detailsOf(winnerOf(apply.record))
    }
    told.push(() => onChange(change))
  }
}

function heldBack(path: RelativePath, clash: RelativePath): Installed {
  const message = `${path} can't stand here beside ${clash}: this file system takes their names for the same. Rename one of them.`
  return { kind: 'failed', code: 'collision', message }
}

/** True where the whole of what a step installs lies in `.backer/tmp` under the name `staged`. */
function isAtHand({ state }: Want, staged: string): boolean {
  if (state.kind !== 'ready' || state.content === undefined) return false
  return state.content.kind === 'bytes' || state.content.name === staged
}

function failureOf(outcome: Exclude<InstallResult, { kind: 'done' }>): Installed {
  if (outcome.kind === 'changed') return { kind: 'changed' }
  if (outcome.kind === 'blocked') return { kind: 'blocked' }
  return { kind: 'failed', code: outcome.problem.code, message: outcome.problem.message }
}

function smallFiles(wants: readonly Want[]): SmallFile[] {
  return wants.flatMap(want => {
    const { payload, state } = want
    if (payload.kind !== 'file' || state.kind !== 'ready' || state.content?.kind !== 'bytes') return []
    const { content, mode, mtimeNs } = payload
    return [{ name: want.stagedName(content.root), bytes: state.content.bytes, metadata: { mode, mtimeNs } }]
  })
}

function chunkListsOf(wants: readonly Want[]): ReadonlyMap<string, Uint8Array> {
  const lists = new Map<string, Uint8Array>()
  for (const { payload, state } of wants) {
    const hasList = payload.kind === 'file' && payload.content.height > 0
    if (hasList && state.kind === 'ready' && state.content?.kind === 'staged') {
      lists.set(hashKey(payload.content.root), state.content.chunks)
    }
  }
  return lists
}
