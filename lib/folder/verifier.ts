import { BackerError, messageOf } from '../core/error.js'
import type { RelativePath } from '../core/model/path.js'
import { subtreeSums } from '../core/tree/read.js'
import { delay, type Runtime, type Timer } from '../runtime.js'
import type { ContentSource } from './content-source.js'
import type { FolderContext } from './context.js'
import { Mender } from './mender.js'
import { verifyHistory } from './verify-history.js'
import { verifyPass, verifyPaths, type PassStep } from './verify-pass.js'
import { emptyReport, readPass, readSettings, writePass, writeSettings } from './verify-state.js'
import type { PutAside, VerifyOptions, VerifyPass, VerifyReport, VerifySettings, VerifyStatus } from './verify-state.js'

/** How soon after the start, and how often, it is looked whether a look through everything is due. */
const LOOK_MS = 10 * 60 * 1000
const DAY_MS = 24 * 3600 * 1000
/** How far a look through everything has come is kept this often. */
const CHECKPOINT_MS = 2000
/** How many files that seem to be damaged are kept in mind, to be read soon. */
const DOUBTFUL_MAX = 10_000
const DOUBTFUL_DELAY_MS = 1000
/** How many paths a report names. */
const SAMPLE = 100
/** How many doubtful files are read in one go. */
const DOUBTS_AT_ONCE = 256

/**
 * Reads what lies on the disk and holds it against what should lie there: files against the tree, the index against itself, the history
 * against its hashes. What is damaged is mended. By schedule at a bounded rate, on demand as fast as the disk gives it.
 */
export class Verifier {
  readonly mender: Mender
  readonly #context: FolderContext
  readonly #source: ContentSource
  readonly #doubtful = new Set<RelativePath>()
  #settings: VerifySettings
  #running: VerifyReport | undefined
  #isAsked = 0
  #lastEndedAtMs: number | undefined
  #timer: Timer | undefined
  #doubtTimer: Timer | undefined

  constructor(context: FolderContext, source: ContentSource) {
    this.#context = context
    this.#source = source
    this.mender = new Mender(context, source)
    this.#settings = readSettings(undefined)
  }

  /** Begins: finds what is known to be damaged, and looks at intervals whether everything is to be read again. */
  async start(): Promise<void> {
    const { store } = this.#context
    this.#settings = readSettings(store)
    const ends = (['scheduled', 'asked'] as const).map(name => readPass(store, name)?.endedAtMs ?? 0)
    this.#lastEndedAtMs = ends.every(at => at === 0) ? undefined : Math.max(...ends)
    await this.mender.load()
    this.#schedule()
  }

  close(): void {
    this.#timer?.cancel()
    this.#doubtTimer?.cancel()
    this.mender.close()
  }

  /** A file did not hold what the index says: it is read through soon. */
  doubt(path: RelativePath): void {
    if (this.#doubtful.size >= DOUBTFUL_MAX || this.#context.closed.aborted) return
    this.#doubtful.add(path)
    this.#doubtTimer ??= this.#context.runtime.timers.after(DOUBTFUL_DELAY_MS, () => void this.#clearDoubts())
  }

  status(): VerifyStatus {
    const { damaged, files, bytes } = this.#running ?? { damaged: 0, files: 0, bytes: 0 }
    return {
      ...this.#settings,
      running: this.#running !== undefined,
      files,
      bytes,
      found: damaged,
      damaged: this.mender.count,
      sample: this.mender.sample(SAMPLE),
      ...(this.#lastEndedAtMs === undefined ? {} : { lastEndedAtMs: this.#lastEndedAtMs })
    }
  }

  /** The damaged files that were put aside: at most `limit` of them, and their number. Rejects with what the disk throws. */
  putAside(limit: number): Promise<PutAside> {
    return this.#context.disk.damaged(limit)
  }

  /** Changes when and how fast everything is read by schedule. Durable when it resolves. */
  async setSettings(settings: Partial<VerifySettings>): Promise<void> {
    this.#settings = { ...this.#settings, ...settings }
    await writeSettings(this.#context.store, this.#settings)
    this.#schedule()
  }

  /**
   * Reads everything, or what the options say, and mends what is damaged. Goes on where an earlier call was cut off. Rejects with BUSY where
   * another call runs, and with what ends the folder.
   */
  async run({ sample, maxTimeMs, isAnew, signal }: VerifyOptions = {}): Promise<VerifyReport> {
    if (this.#isAsked > 0) throw new BackerError('BUSY', 'the folder is being verified already')
    const { runtime } = this.#context
    const end = maxTimeMs === undefined ? Infinity : runtime.clock.monotonic() + maxTimeMs
    const chosen = sample === undefined ? () => true : isSampled(runtime, sample)
    this.#isAsked++
    try {
      return await this.#pass({
        name: sample === undefined ? 'asked' : undefined,
        isAnew: isAnew === true,
        chosen,
        isOver: () => signal?.aborted === true || runtime.clock.monotonic() >= end,
        pace: () => Promise.resolve()
      })
    } finally {
      this.#isAsked--
    }
  }

  /** Takes what stands at a path of a damaged file for what it should be from now on: an edit like any other. Throws NO_PATH where it is not damaged. */
  async accept(path: RelativePath): Promise<void> {
    const { ledger, store, onSuspectPath } = this.#context
    await ledger.lock.run(async () => {
      const entry = store.get(path)
      if (entry?.stamp === undefined || entry.lack?.kind !== 'damaged')
        throw new BackerError('NO_PATH', `${path} is not known to be damaged`, { path })
      // Another stamp than the disk shows: so the next look reads it.
      await ledger.commit(
        [{ path, entry: { record: entry.record, stamp: { ...entry.stamp, ctimeNs: 0n } } }],
        new Map()
      )
    })
    this.mender.forget(path)
    onSuspectPath(path)
  }

  #schedule(): void {
    const { runtime, closed } = this.#context
    this.#timer?.cancel()
    if (closed.aborted) return
    this.#timer = runtime.timers.after(LOOK_MS, () => {
      void this.#turn().then(() => this.#schedule())
    })
  }

  /** Reads everything by schedule, where it is due, or goes on where that was cut off. */
  async #turn(): Promise<void> {
    const { runtime, store, closed, isStopped } = this.#context
    const { everyDays, isPaused } = this.#settings
    if (isPaused || everyDays === 0 || isStopped() || this.#isAsked > 0) return
    const pass = readPass(store, 'scheduled')
    const isDue = pass === undefined || runtime.clock.now() - pass.startedAtMs >= everyDays * DAY_MS
    if (pass?.endedAtMs !== undefined && !isDue) return
    try {
      await this.#pass({
        name: 'scheduled',
        isAnew: false,
        chosen: () => true,
        isOver: () => this.#settings.isPaused || this.#settings.everyDays === 0,
        pace: bytes => this.#pace(bytes)
      })
    } catch (error) {
      if (!closed.aborted) runtime.trace(`could not verify: ${messageOf(error)}`)
    }
  }

  /** Waits as long as the rate asks for, and while somebody has asked for a look of his own. */
  async #pace(bytes: number): Promise<void> {
    const { runtime, closed } = this.#context
    await delay(runtime.timers, (bytes / this.#settings.bytesPerSecond) * 1000, closed)
    while (this.#isAsked > 0 && !closed.aborted) await delay(runtime.timers, CHECKPOINT_MS, closed)
  }

  async #pass(plan: {
    readonly name: VerifyPass['name'] | undefined
    readonly isAnew: boolean
    readonly chosen: (path: RelativePath) => boolean
    readonly isOver: () => boolean
    readonly pace: (bytes: number) => Promise<void>
  }): Promise<VerifyReport> {
    const { runtime, store, closed } = this.#context
    const known = plan.name === undefined || plan.isAnew ? undefined : readPass(store, plan.name)
    const from = known?.endedAtMs === undefined ? known : undefined
    const report: VerifyReport = { ...emptyReport(), ...(from?.at === undefined ? {} : { from: from.at }) }
    const startedAtMs = from?.startedAtMs ?? runtime.clock.now()
    const keep = async (at: RelativePath | undefined, endedAtMs?: number): Promise<void> => {
      if (plan.name !== undefined && !closed.aborted)
        await writePass(store, { name: plan.name, startedAtMs, at, endedAtMs })
    }
    this.#running = report
    let keptAt = runtime.clock.monotonic()
    let at = from?.at
    try {
      for await (const step of verifyPass(this.#context, at, plan.chosen)) {
        at = step.at
        await this.#take(step, report)
        if (runtime.clock.monotonic() - keptAt >= CHECKPOINT_MS) {
          await keep(at)
          keptAt = runtime.clock.monotonic()
          this.#tell('progress', report)
        }
        if (closed.aborted || plan.isOver()) break
        await plan.pace(step.bytes)
      }
      if (!plan.isOver())
        await verifyHistory(this.#context, this.#source, { report, pace: plan.pace, isOver: plan.isOver })
      if (closed.aborted || plan.isOver()) {
        await keep(at)
        return { ...report, ...(at === undefined ? {} : { next: at }) }
      }
      const endedAtMs = runtime.clock.now()
      await keep(undefined, endedAtMs)
      if (plan.name !== undefined) this.#lastEndedAtMs = endedAtMs
      report.isComplete = true
      this.#tell('done', report)
      return report
    } catch (error) {
      this.#context.onFatal(error)
      throw error
    } finally {
      this.#running = undefined
    }
  }

  #tell(kind: 'progress' | 'done', { files, bytes }: VerifyReport): void {
    const { store, onVerify } = this.#context
    const filesTotal = subtreeSums(hash => store.node(hash), store.root, undefined).files
    onVerify({ kind, files, bytes, filesTotal })
  }

  /** Counts what a step found, and has mended what is damaged. */
  async #take({ files, bytes }: PassStep, report: VerifyReport): Promise<void> {
    report.bytes += bytes
    for (const { path, verdict } of files) {
      report.files++
      if (verdict.kind === 'sound') this.mender.forget(path)
      if (verdict.kind === 'edited') report.edited++
      if (verdict.kind === 'unreadable') {
        report.unreadable++
        this.#context.problems.set({ path, code: 'unreadable', message: verdict.reason })
      }
      if (verdict.kind !== 'damaged') continue
      report.damaged++
      this.mender.add(path)
      this.#context.onVerify({ kind: 'damaged', path })
      const mended = await this.mender.mend(path)
      if (mended.kind === 'mended') report.mended++
      const unmended = mended.kind === 'left'
      if (unmended) report.unmended++
      if (report.sample.length < SAMPLE)
        report.sample.push({ path, mended: !unmended, ...(mended.kind === 'left' ? { reason: mended.reason } : {}) })
    }
  }

  async #clearDoubts(): Promise<void> {
    const { onFatal, isStopped } = this.#context
    const paths = [...this.#doubtful]
    this.#doubtful.clear()
    this.#doubtTimer = undefined
    if (this.#isClosed() || isStopped()) return
    try {
      for (let start = 0; start < paths.length; start += DOUBTS_AT_ONCE)
        await this.#take(await verifyPaths(this.#context, paths.slice(start, start + DOUBTS_AT_ONCE)), emptyReport())
    } catch (error) {
      if (!this.#isClosed()) onFatal(error)
    }
  }

  #isClosed(): boolean {
    return this.#context.closed.aborted
  }
}

/** Chooses a share of all files, each with the same chance. */
function isSampled({ random }: Runtime, share: number): () => boolean {
  const steps = 1_000_000
  return () => random.below(steps) < share * steps
}
