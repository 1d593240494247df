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
    await walk.step()
    const { changed, missing } = walk.findings
    if (changed.length + missing.length >= (missing.length === 0 ? NEW_FINDINGS_MAX : FINDINGS_MAX))
      yield walk.takeFindings()
  }
  yield walk.takeFindings()
}

class SurveyWalk {
  readonly #context: FolderContext
  readonly #everything: boolean
  readonly #queue: (RelativePath | undefined)[]
  readonly #seen = new Set<RelativePath | undefined>()
  #findings: Findings = { changed: [], missing: [] }

  constructor(context: FolderContext, directories: Iterable<RelativePath | undefined>, everything: boolean) {
    this.#context = context
    this.#everything = everything
    this.#queue = [...directories]
  }

  get done(): boolean {
    return this.#queue.length === 0
  }

  get findings(): Findings {
    return this.#findings
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
    } else if (entry !== undefined && (isLive(entry.record) || entry.stamp !== undefined)) this.#gone(path, entry)
    else this.#context.problems.clear(path)
  }

  async step(): Promise<void> {
    const batch: (RelativePath | undefined)[] = []
    while (batch.length < LIST_BATCH && this.#queue.length > 0) {
      const directory = this.#queue.pop()
      if (this.#seen.has(directory)) continue
      this.#seen.add(directory)
      batch.push(directory)
    }
    this.#context.watching(batch)
    const listings = await this.#context.disk.list(batch)
    listings.forEach((listing, i) => {
      const directory = batch[i]
      if (listing.kind === 'failed') this.#failed(directory, listing.problem)
      else if (listing.kind === 'absent') this.#absent(directory)
      else this.#listed(directory, listing)
    })
  }

  #failed(directory: RelativePath | undefined, problem: ItemProblem): void {
    this.#context.problems.set({ path: directory ?? '.', code: problem.code, message: problem.message })
  }

  /** What the index has below a directory that is not there is not there either, even where the directory's own record says so already. */
  #absent(directory: RelativePath | undefined): void {
    if (directory === undefined) return
    this.#queue.push(parentOf(directory))
    this.#goneBelow(directory)
  }

  #listed(
    directory: RelativePath | undefined,
    { entries, badNames, problems: reasons }: Extract<Listing, { kind: 'listed' }>
  ): void {
    const { store, problems } = this.#context
    problems.clear(directory ?? '.')
    if (problems.count > 0)
      problems.keepOnly(directory ?? '', new Set([...entries.map(({ name }) => name), ...badNames]))
    badNames.forEach((name, i) => {
      const reason = reasons[i]
      if (reason !== undefined) problems.set({ path: joinPath(directory, name), ...reason })
    })
    const known = new Map<RelativePath, Entry>()
    for (const [path, entry] of store.children(directory)) known.set(path, entry)
    for (const listed of entries) {
      const path = joinPath(directory, listed.name)
      this.#compare(path, listed, known.get(path))
      known.delete(path)
    }
    // What can't be synced any more is there all the same: its last version stays.
    for (const name of badNames) known.delete(joinPath(directory, name))
    for (const [path, entry] of known) if (isLive(entry.record) || entry.stamp !== undefined) this.#gone(path, entry)
  }

  /** Holds what stands at a path against what the index has of it. */
  #compare(path: RelativePath, listed: Listed, entry: Entry | undefined): void {
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
    if (isDirectory && (this.#everything || !same || !wasDirectory)) this.#queue.push(path)
    if (!isDirectory && wasDirectory) this.#goneBelow(path)
  }

  #special(path: RelativePath): void {
    this.#context.problems.set({
      path,
      code: 'special-file',
      message: `${path} is a socket, FIFO or device: it is not synced`
    })
  }

  #gone(path: RelativePath, entry: Entry): void {
    const isDirectory = payloadOf(entry.record).kind === 'directory'
    if (this.#context.ignore().ignores(path, isDirectory)) return
    this.#miss(path, entry)
    if (isDirectory) this.#goneBelow(path)
  }

  #goneBelow(directory: RelativePath): void {
    for (const [path, entry] of this.#context.store.below(directory)) {
      if (!isLive(entry.record) && entry.stamp === undefined) continue
      if (this.#context.ignore().ignores(path, payloadOf(entry.record).kind === 'directory')) continue
      this.#miss(path, entry)
    }
  }

  #miss(path: RelativePath, entry: Entry): void {
    if (isHalfDropped(entry)) this.#context.onHalfDropped(path)
    // What was dropped is not to be there.
    else if (isDropped(entry)) this.#context.problems.clear(path)
    else if (isHeld(entry)) this.#context.losses.found(path)
    else this.#findings.missing.push([path, entry])
  }
}
