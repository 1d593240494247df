import { hashKey, type HashKey } from '../core/model/hash.js'
import { parentOf, type RelativePath } from '../core/model/path.js'
import { isLive, payloadOf, winnerOf, type Content } from '../core/model/record.js'
import { sameStamp, type Stamp } from '../core/model/stamp.js'
import { payloadOfObserved, type Observed } from '../core/engine/observe.js'
import type { Hashed } from '../disk/disk.js'
import { delay } from '../runtime.js'
import type { Entry, EntryChange, Lack } from '../store/store.js'
import { writeAt, writeAtDropped, type FolderContext } from './context.js'
import { seenThroughDamage, tellDamage } from './damage.js'
import { inOrder } from './delete-order.js'
import { detailsOf, type Change } from './events.js'
import { COMMIT_ENTRIES } from './ledger.js'
import { LongReads } from './long-reads.js'
import { markerGone } from './marker-gone.js'
import { WakeSignal } from './signal.js'
import { survey, type Candidate, type Findings, type Places } from './survey.js'
import { Unsettled } from './unsettled.js'
import { WrittenBack } from './written-back.js'

/** How long a delete waits for the other half of a move: a rename reaches the watcher as two events. And for more of its kind, so often at most: many together may have to wait for somebody's word. */
const MOVE_GRACE_MS = 60
const GRACES_MAX = 10
/** How long until something that could not be read, or kept changing, is looked at again. */
const RETRY_MS = 2000
/** How many single paths are kept in mind. */
const PATH_HINTS_MAX = 5000
/** How many files are hashed in one request, and how many bytes at most beyond the first. */
const HASH_BATCH_FILES = 64
const HASH_BATCH_BYTES = 8 * 1024 * 1024
/** How many hash requests are under way at once. */
const HASH_BATCHES = 8

/** One path as it was seen, with the chunk list of its content where it has one. */
interface Observation {
  readonly path: RelativePath
  readonly observed: Observed
  readonly chunks?: Uint8Array
  /** The content itself, where it is small and one of few. */
  readonly bytes?: Uint8Array
  /** Where it is known to be the damaged form of what the index has: that it still is. */
  readonly lack?: Lack
}

/**
 * Turns what happens on the disk into records. Hints of any kind (the watcher's, the clock's, an install that found
 * something unexpected) only say where to look; what counts is what is found there.
 */
export class Observer {
  readonly #context: FolderContext
  readonly #onidle: () => void
  readonly #wake = new WakeSignal()
  readonly #hints = new Set<RelativePath | undefined>()
  readonly #pathHints = new Set<RelativePath>()
  readonly #unsettled: Unsettled
  readonly #longReads: LongReads
  readonly #writtenBack: WrittenBack
  /** Who waits until what was hinted at has been looked at. */
  #waiting: (() => void)[] = []
  #everything = true
  #working = true
  #isListed = false
  #scanned = false

  /** `longBytes`: from which size on files are read on the side. */
  constructor(context: FolderContext, onidle: () => void, longBytes?: number) {
    this.#context = context
    this.#onidle = onidle
    const lookAgain = (path: RelativePath): void => this.hintPaths([path])
    this.#unsettled = new Unsettled(context, lookAgain)
    this.#longReads = new LongReads({ hash: paths => context.disk.hash(paths), onread: lookAgain, longBytes })
    this.#writtenBack = new WrittenBack(context.runtime.clock)
  }

  /** True once the whole folder has been looked at since the start, and what is in it was read. */
  get scanned(): boolean {
    return this.#scanned
  }

  /** True while nothing is left to look at. */
  get idle(): boolean {
    return !this.#working && !this.#hasHints && this.#unsettled.isEmpty && this.#longReads.isEmpty
  }

  hint(directories: Iterable<RelativePath | undefined>): void {
    for (const directory of directories) this.#hints.add(directory)
    this.#wake.wake()
  }

  /** Single paths to look at; too many of them become their directories. */
  hintPaths(paths: Iterable<RelativePath>): void {
    for (const path of paths) {
      if (this.#pathHints.size < PATH_HINTS_MAX) this.#pathHints.add(path)
      else this.#hints.add(parentOf(path))
    }
    this.#wake.wake()
  }

  get #hasHints(): boolean {
    return this.#everything || this.#hints.size > 0 || this.#pathHints.size > 0
  }

  hintEverything(): void {
    this.#everything = true
    this.#wake.wake()
  }

  /** Resolves once what was hinted at by now has been looked at, or can't be: the folder has stopped or is closed. */
  looked(): Promise<void> {
    if (this.#isClosed()) return Promise.resolve()
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      this.#wake.wake()
    })
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Looks until the folder is closed. Ends the folder by `onFatal` where it can't go on. */
  async run(): Promise<void> {
    this.#wake.wake()
    while (!this.#isClosed()) {
      await this.#wake.wait()
      if (this.#isClosed()) break
      try {
        await this.#drain()
      } catch (error) {
        this.#release()
        if (this.#isClosed()) return
        this.#context.onFatal(error)
        await delay(this.#context.runtime.timers, RETRY_MS, this.#context.closed)
        this.hintEverything()
      }
    }
    this.#release()
  }

  #isClosed(): boolean {
    return this.#context.closed.aborted
  }

  wake(): void {
    this.#wake.wake()
  }

  async #drain(): Promise<void> {
    this.#working = true
    while (this.#hasHints && !this.#isClosed() && !this.#context.hasFailed()) {
      const waiting = this.#waiting.splice(0)
      await this.#pass().finally(() => waiting.forEach(resolve => resolve()))
    }
    this.#release()
    this.#working = false
    this.#onidle()
  }

  async #pass(): Promise<void> {
    const { disk, runtime, closed } = this.#context
    const everything = this.#everything
    this.#unsettled.begin()
    // What is being installed right now would only have to be looked at again.
    await this.#context.ledger.lock.run(() => Promise.resolve())
    if (!(await disk.checkMarker())) throw markerGone()
    this.#context.onMarkerFound()
    const findings: Findings = { changed: [], missing: [] }
    this.#longReads.begin()
    const places = this.#takeHints()
    const looked = [...places.paths]
    // What was found is read while the next is listed.
    let settling = Promise.resolve()
    for await (const found of survey(this.#context, places)) {
      if (findings.changed.length > 0 && findings.missing.length === 0) {
        await settling
        settling = this.#settle(takeAll(findings))
        settling.catch(() => undefined)
      }
      addTo(findings, found)
    }
    await settling
    let missed = 0
    for (let i = 0; i < GRACES_MAX && findings.missing.length > missed && !everything; i++) {
      missed = findings.missing.length
      await delay(runtime.timers, MOVE_GRACE_MS, closed)
      const more = this.#takeHints()
      looked.push(...more.paths)
      for await (const found of survey(this.#context, more)) addTo(findings, found)
    }
    await this.#settle(findings)
    this.#unsettled.ended(everything ? undefined : looked)
    this.#longReads.ended()
    if (everything) this.#isListed = true
    if (this.#isListed && this.#longReads.isEmpty) this.#scanned = true
  }

  #takeHints(): Places {
    const places = { directories: [...this.#hints], paths: [...this.#pathHints], everything: this.#everything }
    this.#hints.clear()
    this.#pathHints.clear()
    this.#everything = false
    return places
  }

  /** Hashes what needs it and commits all findings: what is new first, what is gone last, so that a move never looks like a loss. */
  async #settle(findings: Findings): Promise<void> {
    const installs = this.#context.ledger.installs
    const moved = new Map(
      findings.missing.flatMap(([, entry]) => (entry.stamp === undefined ? [] : [[entry.stamp.inode, entry]]))
    )
    const ready: Observation[] = []
    const unread: Candidate[] = []
    for (const candidate of dedupe(findings.changed)) {
      if (this.#unsettled.has(candidate)) continue
      const known = observeUnread(candidate, moved)
      if (known !== undefined) ready.push(known)
      else if (!this.#longReads.isLong(candidate)) unread.push(candidate)
      else ready.push(...this.#readLong(candidate, moved))
    }
    // A large file that was renamed goes with its old name.
    for (const candidate of await this.#longReads.withInode(inodesOf(findings.missing)))
      ready.push(...this.#readLong(candidate, moved))
    // What was read is committed while more is read.
    let committing = Promise.resolve()
    for await (const hashed of this.#hashAll(unread)) {
      ready.push(...hashed.map(one => this.#throughDamage(one, moved)))
      if (ready.length < COMMIT_ENTRIES) continue
      await committing
      committing = this.#commit(ready.splice(0), installs)
      committing.catch(() => undefined)
    }
    await committing
    if (findings.missing.length > 0 && !(await this.#context.disk.checkMarker())) throw markerGone()
    for (const [path] of findings.missing) this.#unsettled.forget(path)
    const missing = [...new Map(findings.missing)]
    const gone = await this.#context.losses.withhold(missing, contentsOf(ready))
    for (const [path] of gone) ready.push({ path, observed: { kind: 'absent' } })
    await this.#commit(ready, installs)
  }

  /** What is known to be damaged is taken for what it should be: at its path, or at the one to which it was renamed. */
  #throughDamage(observation: Observation, moved: ReadonlyMap<bigint, Entry>): Observation {
    const { path, observed } = observation
    if (observed.kind !== 'file') return observation
    const from = this.#context.store.get(path) ?? movedFrom(moved, observed.stamp)
    const content = seenThroughDamage(observed, from)
    if (content === undefined || from?.lack === undefined) return observation
    return { path, observed: { ...observed, content }, lack: from.lack }
  }

  /** What was read on the side of a large file; nothing where it is yet to be read. */
  #readLong(candidate: Candidate, moved: ReadonlyMap<bigint, Entry>): Observation[] {
    const hashed = this.#longReads.take(candidate)
    if (hashed === undefined) return []
    return this.#hashed(candidate.path, hashed).map(one => this.#throughDamage(one, moved))
  }

  async *#hashAll(candidates: readonly Candidate[]): AsyncGenerator<Observation[]> {
    const batches = hashBatches(candidates)
    const running: Promise<Observation[]>[] = []
    for (const batch of batches) {
      if (this.#context.closed.aborted) return
      running.push(this.#hash(batch))
      if (running.length >= HASH_BATCHES) yield await (running.shift() ?? [])
    }
    for (const last of running) yield await last
  }

  async #hash(batch: readonly Candidate[]): Promise<Observation[]> {
    const results = await this.#context.disk.hash(batch.map(candidate => candidate.path))
    return batch.flatMap(({ path }, i) => {
      const result = results[i]
      return result === undefined ? [] : this.#hashed(path, result)
    })
  }

  #hashed(path: RelativePath, result: Hashed): Observation[] {
    const { problems, runtime } = this.#context
    if (result.kind === 'hashed') {
      problems.clear(path)
      const { stamp, content, chunks, bytes } = result
      return [{ path, observed: { kind: 'file', stamp, content }, chunks, ...(bytes === undefined ? {} : { bytes }) }]
    }
    if (result.kind === 'failed') {
      problems.set({ path, code: result.problem.code, message: result.problem.message })
      runtime.timers.after(RETRY_MS, () => this.hintPaths([path]))
    } else this.hintPaths([path])
    return []
  }

  async #commit(observations: readonly Observation[], installs: number): Promise<void> {
    if (observations.length === 0) return
    const { ledger, disk } = this.#context
    const fresh = observations.filter(({ observed }) => this.#isFresh(observed))
    if (fresh.length > 0) await disk.keepWritten(fresh.map(({ path }) => path))
    await ledger.lock.run(async () => {
      if (this.#context.hasFailed()) return
      const needsCheck = observations.some(({ observed }) => observed.kind === 'absent') || ledger.installs !== installs
      const confirmed = needsCheck ? await this.#stillTrue(observations) : observations
      const { sure, early } = inOrder(this.#context.store, confirmed, (path, isDirectory) =>
        this.#context.ignore().ignores(path, isDirectory)
      )
      if (early.length > 0) this.#context.runtime.timers.after(RETRY_MS, () => this.hintPaths(early))
      for (const some of slicesOf(sure, COMMIT_ENTRIES)) await this.#commitSome(some)
    })
  }

  /** Of a directory that was moved there may be a hundred thousand: what they become is in memory for as many at a time as are committed together. */
  async #commitSome(observations: readonly Observation[]): Promise<void> {
    const chunkLists = new Map<string, Uint8Array>()
    await this.#keepReplaced(observations)
    const told: Change[] = []
    const changes = observations.flatMap(observation => this.#change(observation, chunkLists, told))
    const files = observations.flatMap(({ bytes }) => (bytes === undefined ? [] : [bytes]))
    await this.#context.ledger.commit(changes, chunkLists, files)
    told.forEach(change => this.#context.onChange(change))
  }

  async #keepReplaced(observations: readonly Observation[]): Promise<void> {
    const { store, disk, localEdits } = this.#context
    if (!localEdits.isOn()) return
    await localEdits.replaced(
      observations.flatMap(({ path, observed }) => {
        const now = payloadOfObserved(observed, store.get(path), disk.traits)
        return now === undefined ? [] : [{ path, now }]
      })
    )
  }

  /** True for what the system may not have brought to the disk by itself yet. */
  #isFresh(observed: Observed): boolean {
    return observed.kind === 'absent' || !this.#writtenBack.has(observed.stamp.ctimeNs)
  }

  /** The observations that the disk still confirms; the others are looked at again. */
  async #stillTrue(observations: readonly Observation[]): Promise<readonly Observation[]> {
    const held: Observation[] = []
    for (const some of slicesOf(observations, COMMIT_ENTRIES)) held.push(...(await this.#areStillTrue(some)))
    return held
  }

  async #areStillTrue(observations: readonly Observation[]): Promise<readonly Observation[]> {
    const now = await this.#context.disk.stat(observations.map(({ path }) => path))
    return observations.filter(({ path, observed }, i) => {
      const there = now[i]
      const stamp = there === 'unknown' ? undefined : there?.stamp
      const holds =
        observed.kind === 'absent' ? there === undefined : stamp !== undefined && sameStamp(observed.stamp, stamp)
      if (!holds) this.hintPaths([path])
      return holds
    })
  }

  #change(
    { path, observed, chunks, lack }: Observation,
    chunkLists: Map<string, Uint8Array>,
    told: Change[]
  ): EntryChange[] {
    const { store, disk, problems } = this.#context
    const known = store.get(path)
    const payload = payloadOfObserved(observed, known, disk.traits)
    const stamp = observed.kind === 'absent' ? undefined : observed.stamp
    problems.clear(path)
    this.#context.losses.settled(path)
    const damage = lack === undefined ? {} : { lack }
    if (lack !== undefined) tellDamage(this.#context, path)
    if (payload === undefined)
      return known === undefined ? [] : [{ path, entry: { record: known.record, stamp, ...damage } }]
    if (payload.kind === 'file' && payload.content.height > 0 && chunks !== undefined)
      chunkLists.set(hashKey(payload.content.root), chunks)
    const record =
      known === undefined
        ? writeAt(this.#context, path, undefined, payload)
        : writeAtDropped(this.#context, path, known, payload)
    const { kind } = payload
    told.push({ path, action: actionOf(known, kind), kind, origin: 'local', ...detailsOf(winnerOf(record)) })
    return [{ path, entry: { record, stamp, ...damage } }]
  }
}

function actionOf(known: Entry | undefined, kind: string): 'created' | 'changed' | 'deleted' {
  if (kind === 'deleted') return 'deleted'
  return isLive(known?.record) ? 'changed' : 'created'
}

/** Of what is gone, by inode, the entry of what this may be under another name. */
function movedFrom(moved: ReadonlyMap<bigint, Entry>, { device, inode }: Stamp): Entry | undefined {
  const from = moved.size === 0 ? undefined : moved.get(inode)
  return from?.stamp?.device === device ? from : undefined
}

/** What can be told of a candidate without reading it: all but files, and files whose directory was renamed. */
function observeUnread({ path, listed }: Candidate, moved: ReadonlyMap<bigint, Entry>): Observation | undefined {
  const { stamp } = listed
  if (stamp.kind === 'directory') return { path, observed: { kind: 'directory', stamp } }
  if (stamp.kind === 'symlink') return { path, observed: { kind: 'symlink', stamp, target: listed.target ?? '' } }
  const content = movedContent(stamp, movedFrom(moved, stamp))
  return content === undefined ? undefined : { path, observed: { kind: 'file', stamp, content } }
}

/**
 * The content of a file that went along when a directory above it was renamed. A file that was renamed itself has another ctime, which might
 * as well come from a write that kept size and mtime: it is read.
 */
function movedContent(stamp: Stamp, from: Entry | undefined): Content | undefined {
  if (from?.stamp === undefined || !sameStamp(from.stamp, stamp)) return undefined
  const payload = payloadOf(from.record)
  return payload.kind === 'file' ? payload.content : undefined
}

function inodesOf(missing: Findings['missing']): ReadonlySet<bigint> {
  return new Set(missing.flatMap(([, { stamp }]) => (stamp === undefined ? [] : [stamp.inode])))
}

function* slicesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}

function dedupe(candidates: readonly Candidate[]): Iterable<Candidate> {
  return new Map(candidates.map(candidate => [candidate.path, candidate])).values()
}

function hashBatches(candidates: readonly Candidate[]): Candidate[][] {
  const batches: Candidate[][] = []
  let batch: Candidate[] = []
  let bytes = 0
  for (const candidate of candidates) {
    const { size } = candidate.listed.stamp
    if (batch.length > 0 && (batch.length >= HASH_BATCH_FILES || bytes + size > HASH_BATCH_BYTES)) {
      batches.push(batch)
      batch = []
      bytes = 0
    }
    batch.push(candidate)
    bytes += size
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}

/** One by one: there may be more of them than a call takes arguments. */
function addTo(findings: Findings, { changed, missing }: Findings): void {
  for (const candidate of changed) findings.changed.push(candidate)
  for (const entry of missing) findings.missing.push(entry)
}

function takeAll(findings: Findings): Findings {
  return { changed: findings.changed.splice(0), missing: findings.missing.splice(0) }
}

function contentsOf(observations: readonly Observation[]): ReadonlySet<HashKey> {
  return new Set(
    observations.flatMap(({ observed }) => (observed.kind === 'file' ? [hashKey(observed.content.root)] : []))
  )
}
