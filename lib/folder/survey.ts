import { KnownItems, NO_STAMP } from '../core/model/known-items.js'
import { joinPath, parentOf, type RelativePath } from '../core/model/path.js'
import { isLive, payloadOf } from '../core/model/record.js'
import { sameStamp } from '../core/model/stamp.js'
import type { ItemProblem, Listed, Listing } from '../disk/disk.js'
import type { Entry } from '../store/store.js'
import type { FolderContext } from './context.js'
import { isDropped, isHalfDropped } from './dropped.js'
import { isHeld } from './held-losses.js'

/** How many directories are listed at one go. */
const LIST_BATCH = 64
/** How many such requests are under way at once. */
const LISTS = 2
/** How many items are gathered from the index, or held against it, in one turn of the event loop. */
const ITEMS_PER_TURN = 4000
/** How many paths are looked at in one request. */
const STAT_BATCH = 1000
/** How many findings are held before they are handed on. While nothing is missing nothing can have moved, and they go on early. */
const FINDINGS_MAX = 50_000
const NEW_FINDINGS_MAX = 4000

/** Something on the disk that the index does not know as it is. */
export interface Candidate {
  readonly path: RelativePath
  readonly listed: Listed
}

/** Where the disk and the index differ. */
export interface Findings {
  readonly changed: Candidate[]
  /** Live entries that were not there, children as well as the directories that hold them. */
  readonly missing: [RelativePath, Entry][]
}

/** Where to look: single paths, whole directories (undefined: the root) with what is new below them, or simply everywhere. */
export interface Places {
  readonly paths: readonly RelativePath[]
  readonly directories: readonly (RelativePath | undefined)[]
  readonly everything: boolean
}

/**
 * Looks at the disk and holds it against the index.
 *
 * What could not be listed says nothing: no path below it is ever reported missing (invariant S12).
 * Yields findings, normally once.
 */
export async function* survey(context: FolderContext, places: Places): AsyncGenerator<Findings> {
  const walk = new SurveyWalk(context, places.everything ? [undefined] : places.directories, places.everything)
  if (!places.everything) await walk.lookAt(places.paths)
  while (!walk.done && !context.closed.aborted) {
    const step = walk.step()
    while ((await step.next()).done !== true) if (walk.hasFoundMany) yield walk.takeFindings()
    if (walk.hasFoundMany) yield walk.takeFindings()
  }
  yield walk.takeFindings()
}

/** A directory that is listed. `isWhole`: with all that is in it, also what looks as the index has it. */
interface AskedDirectory {
  readonly path: RelativePath | undefined
  readonly isWhole: boolean
}

interface Asked {
  readonly directories: readonly AskedDirectory[]
  readonly listings: Promise<readonly Listing[]>
}

const NO_NAMES: ReadonlySet<string> = new Set()

class SurveyWalk {
  readonly #context: FolderContext
  readonly #everything: boolean
  readonly #queue: (RelativePath | undefined)[]
  readonly #seen = new Set<RelativePath | undefined>()
  readonly #underWay: Asked[] = []
  /** Directories that are gone, with all that the index has below them. */
  readonly #gone: RelativePath[] = []
  /** Those of which all that the index has below them was taken for missing already: a directory is found gone by its name, by its own watch and by those in it. */
  readonly #missedBelow = new Set<RelativePath>()
  /** Directories that could not be listed before, and those below them. */
  readonly #opened = new Set<RelativePath | undefined>()
  readonly #items = new KnownItems()
  #count = 0
  #findings: Findings = { changed: [], missing: [] }

  constructor(context: FolderContext, directories: Iterable<RelativePath | undefined>, everything: boolean) {
    this.#context = context
    this.#everything = everything
    this.#queue = [...directories]
  }

  get done(): boolean {
    return this.#queue.length + this.#underWay.length + this.#gone.length === 0
  }

  /** True where enough was found to be handed on. */
  get hasFoundMany(): boolean {
    const { changed, missing } = this.#findings
    return changed.length + missing.length >= (missing.length === 0 ? NEW_FINDINGS_MAX : FINDINGS_MAX)
  }

  takeFindings(): Findings {
    const taken = this.#findings
    this.#findings = { changed: [], missing: [] }
    return taken
  }

  /** Looks at single paths: what one of them was is known, so that nothing round it has to be listed. */
  async lookAt(paths: readonly RelativePath[]): Promise<void> {
    for (let start = 0; start < paths.length; start += STAT_BATCH) {
      const batch = paths.slice(start, start + STAT_BATCH)
      const found = await this.#context.disk.stat(batch)
      batch.forEach((path, i) => this.#lookedAt(path, found[i]))
    }
  }

  #lookedAt(path: RelativePath, found: Listed | 'unknown' | undefined): void {
    if (found === 'unknown') {
      this.#queue.push(parentOf(path))
      return
    }
    const entry = this.#context.store.get(path)
    if (found !== undefined) {
      // A directory that was removed and made again looks as before, but nobody watches it, and nobody knows what is in it.
      if (found.stamp.kind === 'directory' && !this.#context.ignore().ignores(path, true)) this.#queue.push(path)
      this.#compare(path, found, entry)
    } else if (entry !== undefined && (isLive(entry.record) || entry.stamp !== undefined)) this.#isGone(path, entry)
    else this.#context.problems.clear(path)
  }

  /**
   * Holds some directories against the index. While they are listed, what the index has of the next ones is gathered. Yields now and then, for
   * a directory may hold very many items, and so may one that is gone.
   */
  async *step(): AsyncGenerator<void> {
    // Before anything else is found: what is new may have been moved from there.
    for (let directory = this.#gone.pop(); directory !== undefined; directory = this.#gone.pop())
      yield* this.#missBelow(directory)
    while (this.#underWay.length < LISTS && this.#queue.length > 0) this.#underWay.push(await this.#ask())
    const asked = this.#underWay.shift()
    const listings = await asked?.listings
    for (const [i, { path, isWhole }] of (asked?.directories ?? []).entries()) {
      const listing = listings?.[i]
      if (listing?.kind === 'failed') this.#failed(path, listing.problem)
      else if (listing?.kind === 'absent') this.#absent(path)
      else if (listing !== undefined) yield* this.#listed(path, listing, isWhole)
    }
  }

  /** True after every so many items: others have their turn then. */
  #isTurnOver(): boolean {
    return ++this.#count % ITEMS_PER_TURN === 0
  }

  async #ask(): Promise<Asked> {
    const paths: (RelativePath | undefined)[] = []
    while (paths.length < LIST_BATCH && this.#queue.length > 0) {
      const path = this.#queue.pop()
      if (this.#seen.has(path)) continue
      this.#seen.add(path)
      paths.push(path)
    }
    this.#context.watching(paths)
    const directories = paths.map(path => ({ path, isWhole: this.#context.problems.hasAnyIn(path ?? '') }))
    const known: Uint8Array<ArrayBuffer>[] = []
    for (const one of directories) known.push(await this.#knownIn(one))
    const listings = this.#context.disk.list(paths, known)
    // Whoever waits for it is told; it may be that nobody does any more.
    listings.catch(() => undefined)
    return { directories, listings }
  }

  async #knownIn({ path, isWhole }: AskedDirectory): Promise<Uint8Array<ArrayBuffer>> {
    const items = this.#items
    for (const item of this.#context.store.known(path)) {
      items.add(isWhole ? { name: item.name, stamp: NO_STAMP } : item)
      if (this.#isTurnOver()) await this.#context.runtime.timers.breathe()
    }
    return items.take()
  }

  #failed(directory: RelativePath | undefined, problem: ItemProblem): void {
    this.#context.problems.set({ path: directory ?? '.', code: problem.code, message: problem.message })
  }

  /** What the index has below a directory that is not there is not there either, even where the directory's own record says so already. */
  #absent(directory: RelativePath | undefined): void {
    if (directory === undefined) return
    this.#queue.push(parentOf(directory))
    this.#gone.push(directory)
  }

  async *#listed(
    directory: RelativePath | undefined,
    { entries, missing, badNames, problems: reasons }: Extract<Listing, { kind: 'listed' }>,
    isWhole: boolean
  ): AsyncGenerator<void> {
    const { store, problems, runtime } = this.#context
    if (problems.get(directory ?? '.')?.code === 'unreadable') this.#opened.add(directory)
    problems.clear(directory ?? '.')
    if (isWhole) problems.keepOnly(directory ?? '', new Set([...entries.map(({ name }) => name), ...badNames]))
    badNames.forEach((name, i) => {
      const reason = reasons[i]
      if (reason !== undefined) problems.set({ path: joinPath(directory, name), ...reason })
    })
    const unreadable = problems.unreadableIn(directory ?? '')
    for (const listed of entries) {
      const path = joinPath(directory, listed.name)
      this.#compare(path, listed, store.get(path), unreadable)
      if (this.#isTurnOver()) yield runtime.timers.breathe()
    }
    for (const name of missing) {
      const path = joinPath(directory, name)
      const entry = store.get(path)
      if (entry !== undefined && (isLive(entry.record) || entry.stamp !== undefined)) this.#isGone(path, entry)
      if (this.#isTurnOver()) yield runtime.timers.breathe()
    }
  }

  /** Holds what stands at a path against what the index has of it. `unreadable`: the names in its directory of which something could not be read. */
  #compare(path: RelativePath, listed: Listed, entry: Entry | undefined, unreadable = NO_NAMES): void {
    if (this.#context.ledger.busy.has(path)) {
      this.#context.onSuspectPath(path)
      return
    }
    const isDirectory = listed.stamp.kind === 'directory'
    if (this.#context.ignore().ignores(path, isDirectory)) return
    if (isHalfDropped(entry)) return this.#context.onHalfDropped(path)
    if (listed.stamp.kind === 'special') return this.#special(path)
    // Also what is no part of the folder any more, and was kept here, is known as it is.
    const same = entry?.stamp !== undefined && sameStamp(entry.stamp, listed.stamp)
    const wasDirectory = entry !== undefined && payloadOf(entry.record).kind === 'directory'
    if (!same) this.#findings.changed.push({ path, listed })
    if (isDirectory && (!same || !wasDirectory || this.#isToBeWalked(path, unreadable.has(listed.name))))
      this.#queue.push(path)
    if (!isDirectory && wasDirectory) this.#gone.push(path)
  }

  /** True for a directory that is to be listed whatever it looks like: what happened in it, while the way to it was closed, was perhaps not even heard of. */
  #isToBeWalked(directory: RelativePath, wasUnreadable: boolean): boolean {
    if (this.#everything || wasUnreadable) return true
    if (!this.#opened.has(parentOf(directory))) return false
    this.#opened.add(directory)
    return true
  }

  #special(path: RelativePath): void {
    this.#context.problems.set({
      path,
      code: 'special-file',
      message: `${path} is a socket, FIFO or device: it is not synced`
    })
  }

  #isGone(path: RelativePath, entry: Entry): void {
    const isDirectory = payloadOf(entry.record).kind === 'directory'
    if (this.#context.ignore().ignores(path, isDirectory)) return
    this.#miss(path, entry)
    if (isDirectory) this.#gone.push(path)
  }

  async *#missBelow(directory: RelativePath): AsyncGenerator<void> {
    const { store, ignore, runtime } = this.#context
    if (this.#wasMissed(directory)) return
    this.#missedBelow.add(directory)
    for (const [path, entry] of store.below(directory)) {
      if (this.#isTurnOver()) yield runtime.timers.breathe()
      if (!isLive(entry.record) && entry.stamp === undefined) continue
      if (ignore().ignores(path, payloadOf(entry.record).kind === 'directory')) continue
      this.#miss(path, entry)
    }
  }

  #wasMissed(directory: RelativePath): boolean {
    for (let at: RelativePath | undefined = directory; at !== undefined; at = parentOf(at))
      if (this.#missedBelow.has(at)) return true
    return false
  }

  #miss(path: RelativePath, entry: Entry): void {
    if (isHalfDropped(entry)) this.#context.onHalfDropped(path)
    // What was dropped is not to be there.
    else if (isDropped(entry)) this.#context.problems.clear(path)
    else if (isHeld(entry)) this.#context.losses.found(path)
    else this.#findings.missing.push([path, entry])
  }
}
