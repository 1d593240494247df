import { isBackerError, messageOf } from '../core/error.js'
import { HASH_BYTES, type Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { isLive, payloadOf, sameContent, type Payload } from '../core/model/record.js'
import type { Replaced, ToHold } from '../disk/kept.js'
import { delay } from '../runtime.js'
import type { FolderContext } from './context.js'
import { isDropped } from './dropped.js'
import type { Mutex } from './mutex.js'

/** How many files are copied in one call, and about how many bytes. */
const FILES_AT_ONCE = 64
const BYTES_AT_ONCE = 32 * 1024 * 1024
/** How many paths wait by name; more of them, and the whole folder is looked through. */
const WAITING_MAX = 20_000
/** After how many entries others have their turn. */
const BREATH = 1000
/** When it is tried again where the disk was too full, or failed. */
const RETRY_MS = 60_000
/** The randomness that naming one revision takes. */
const RANDOM_BYTES = 32
/** Under what path it is told that copies can't be held. */
const PROBLEM_PATH = '.backer/history'

/** What a holder works with. */
export interface HolderParts {
  /** What changes the history is done under it. */
  readonly lock: Mutex
  /** Something was kept whole that is to be packed. */
  readonly onkept: () => void
}

/**
 * Holds a copy of everything that stands in the folder, on a device that keeps what a local edit replaces: when an edit is found the old bytes are
 * gone from the file. What was replaced before it could be copied is not covered.
 *
 * What holds: before the index forgets a version that was replaced here, a revision of it is durable, if a copy was held.
 */
export class Holder {
  readonly #context: FolderContext
  readonly #parts: HolderParts
  readonly #waiting = new Set<RelativePath>()
  readonly #expected = new Set<RelativePath>()
  #isOn: boolean
  #everything = true
  #isRunning = false

  constructor(context: FolderContext, isOn: boolean, parts: HolderParts) {
    this.#context = context
    this.#isOn = isOn
    this.#parts = parts
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** Begins or ends to hold copies; those that are not wanted any more go with the next sweep. */
  set isOn(isOn: boolean) {
    this.#isOn = isOn
    this.#everything = true
    this.#waiting.clear()
    this.#context.problems.clear(PROBLEM_PATH)
    this.start()
  }

  /** True while nothing waits to be copied. */
  get isIdle(): boolean {
    return !this.#isOn || (!this.#everything && this.#waiting.size === 0 && !this.#isRunning)
  }

  /** Begins to copy what the index has. */
  start(): void {
    if (this.#isOn && !this.#isRunning) void this.#run()
  }

  /** The index has new records of these paths. */
  note(paths: readonly RelativePath[]): void {
    if (!this.#isOn) return
    for (const path of paths) {
      if (this.#waiting.size < WAITING_MAX) this.#waiting.add(path)
      else this.#everything = true
    }
    this.start()
  }

  /** The contents of which a copy is held: their roots, one behind the other. undefined: none is. */
  async held(): Promise<Uint8Array | undefined> {
    if (!this.#isOn) return undefined
    const roots: Hash[] = []
    let count = 0
    for (const [, entry] of this.#context.store.below(undefined)) {
      if (++count % BREATH === 0) await this.#context.runtime.timers.breathe()
      const payload = payloadOf(entry.record)
      if (payload.kind === 'file' && !isDropped(entry)) roots.push(payload.content.root)
    }
    const bytes = new Uint8Array(roots.length * HASH_BYTES)
    roots.forEach((root, i) => bytes.set(root, i * HASH_BYTES))
    return bytes
  }

  /**
   * What stood at these paths is gone, or about to be forgotten, because somebody replaced or deleted it here: makes revisions of it. `now`: what stands
   * there instead. Resolves when they are durable; rejects with what the disk throws.
   */
  async replaced(changes: readonly { readonly path: RelativePath; readonly now: Payload }[]): Promise<void> {
    if (!this.#isOn) return
    const { store, disk, runtime } = this.#context
    const gone = changes.flatMap(({ path, now }): Replaced[] => {
      if (this.#expected.delete(path)) return []
      const record = store.get(path)?.record
      const payload = record === undefined ? undefined : payloadOf(record)
      if (payload === undefined || payload.kind === 'deleted' || payload.kind === 'directory') return []
      return sameContent(payload, now) ? [] : [{ path, payload }]
    })
    if (gone.length === 0) return
    const world = { nowMs: runtime.clock.now(), randomness: runtime.random.bytes(RANDOM_BYTES * gone.length) }
    const lost = await disk.history('keepHeld', gone, world)
    this.#parts.onkept()
    for (const path of lost) runtime.trace(`${path} was replaced here before a copy of it was held`)
  }

  /** What stands at this path is replaced by this device itself, which keeps it: no user's edit. */
  expect(path: RelativePath): void {
    if (this.#isOn) this.#expected.add(path)
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    const { closed, runtime } = this.#context
    while (this.#isOn && !closed.aborted) {
      try {
        if (!(await this.#holdSome())) break
      } catch (error) {
        if (isBackerError(error, 'CLOSED') || isBackerError(error, 'STORE_CLOSED')) break
        this.#tell(messageOf(error))
        this.#everything = true
        await delay(runtime.timers, RETRY_MS, closed)
      }
    }
    this.#isRunning = false
  }

  /** Copies some of what waits; false where nothing does. */
  async #holdSome(): Promise<boolean> {
    if (this.#everything) {
      this.#everything = false
      this.#waiting.clear()
      for await (const batch of this.#batches(this.#allPaths())) await this.#hold(batch)
      return true
    }
    if (this.#waiting.size === 0) return false
    const paths = [...this.#waiting]
    this.#waiting.clear()
    for await (const batch of this.#batches(paths)) await this.#hold(batch)
    return true
  }

  *#allPaths(): Generator<RelativePath> {
    for (const [path] of this.#context.store.below(undefined)) yield path
  }

  async *#batches(paths: Iterable<RelativePath>): AsyncGenerator<readonly ToHold[]> {
    const { store, runtime, closed } = this.#context
    let batch: ToHold[] = []
    let bytes = 0
    let count = 0
    for (const path of paths) {
      if (++count % BREATH === 0) await runtime.timers.breathe()
      if (closed.aborted || !this.#isOn) return
      const entry = store.get(path)
      const payload = isLive(entry?.record) ? payloadOf(entry.record) : undefined
      if (entry?.stamp === undefined || payload?.kind !== 'file') continue
      batch.push({ path, stamp: entry.stamp, content: payload.content })
      bytes += payload.size
      if (batch.length < FILES_AT_ONCE && bytes < BYTES_AT_ONCE) continue
      yield batch
      batch = []
      bytes = 0
    }
    if (batch.length > 0) yield batch
  }

  async #hold(files: readonly ToHold[]): Promise<void> {
    const { disk, problems, runtime, closed } = this.#context
    const outcomes = await this.#parts.lock.run(() => disk.history('hold', files))
    if (!outcomes.includes('full')) {
      problems.clear(PROBLEM_PATH)
      return
    }
    this.#tell('there is no room for copies of all that stands in the folder')
    files.forEach(({ path }, i) => {
      if (outcomes[i] === 'full') this.#waiting.add(path)
    })
    await delay(runtime.timers, RETRY_MS, closed)
  }

  #tell(why: string): void {
    const message = `what is edited or deleted here may not be kept: ${why}`
    this.#context.problems.set({ path: PROBLEM_PATH, code: 'unwritable', message })
  }
}
