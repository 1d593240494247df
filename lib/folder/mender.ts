import { isBackerError, messageOf } from '../core/error.js'
import type { RelativePath } from '../core/model/path.js'
import { payloadOf, sameContent, type FilePayload } from '../core/model/record.js'
import { sameInode, type Stamp } from '../core/model/stamp.js'
import { stagedName } from '../disk/names.js'
import type { Timer } from '../runtime.js'
import type { ContentSource } from './content-source.js'
import type { FolderContext } from './context.js'
import { damagedPaths, isDamaged, tellDamage, type DamagedEntry } from './damage.js'
import { stageContent } from './stage-content.js'

/** When what nobody could mend is tried again, if nothing else gives a reason to. */
const RETRY_MS = 10 * 60 * 1000
/** How soon it is tried again where somebody has just come who may have it. */
const NUDGE_MS = 500
/** And where something has: each try reads the whole file. */
const HINT_MS = 30_000

/** What became of a damaged file. `over`: it is damaged no more, or gone. `left`: why it is as it was. */
export type Mended = { readonly kind: 'mended' | 'over' } | { readonly kind: 'left'; readonly reason: string }

/**
 * Gives damaged files their content back: what is sound of it is taken from the file itself, the rest from other files, from what is kept, and
 * from peers. It is installed as any change is, so that what a user writes in that moment is his; the damaged file is put aside.
 */
export class Mender {
  readonly #context: FolderContext
  readonly #source: ContentSource
  readonly #damaged = new Set<RelativePath>()
  readonly #underway = new Map<RelativePath, Promise<Mended>>()
  #timer: { readonly timer: Timer; readonly at: number } | undefined
  #isMending = false

  constructor(context: FolderContext, source: ContentSource) {
    this.#context = context
    this.#source = source
  }

  /** How many files are known to be damaged. */
  get count(): number {
    return this.#damaged.size
  }

  /** Some of them. */
  sample(limit: number): RelativePath[] {
    return [...this.#damaged].slice(0, limit).sort()
  }

  /** Finds what was damaged when the folder was open last. */
  async load(): Promise<void> {
    for await (const path of damagedPaths(this.#context)) this.add(path)
    if (this.#damaged.size > 0) this.nudge()
  }

  add(path: RelativePath): void {
    this.#damaged.add(path)
    tellDamage(this.#context, path)
  }

  /** It has been found to be sound, or has become something else. */
  forget(path: RelativePath): void {
    if (!this.#damaged.delete(path)) return
    if (this.#context.problems.get(path)?.code === 'damaged') this.#context.problems.clear(path)
  }

  /** Somebody has come who may have what is missing. */
  nudge(): void {
    if (this.#damaged.size > 0) this.#schedule(NUDGE_MS)
  }

  /** Something has come that may be what is missing. */
  hint(): void {
    if (this.#damaged.size > 0) this.#schedule(HINT_MS)
  }

  close(): void {
    this.#timer?.timer.cancel()
  }

  /** Mends one file now; who asks twice at a time hears the same. Throws what ends the folder. */
  mend(path: RelativePath): Promise<Mended> {
    const known = this.#underway.get(path)
    if (known !== undefined) return known
    const mending = this.#mend(path).finally(() => this.#underway.delete(path))
    this.#underway.set(path, mending)
    return mending
  }

  async #mend(path: RelativePath): Promise<Mended> {
    const { store, onVerify } = this.#context
    const entry = store.get(path)
    const payload = entry === undefined ? undefined : payloadOf(entry.record)
    if (!isDamaged(entry) || payload?.kind !== 'file') {
      this.forget(path)
      return { kind: 'over' }
    }
    this.#damaged.add(path)
    const missing = await this.#stage(path, payload)
    const mended: Mended =
      missing === undefined ? await this.#install(path, payload) : { kind: 'left', reason: missing }
    if (mended.kind === 'left') {
      const { reason } = mended
      tellDamage(this.#context, path, reason)
      onVerify({ kind: 'unmended', path, reason })
      this.#schedule(RETRY_MS)
      return mended
    }
    this.forget(path)
    if (mended.kind === 'mended') onVerify({ kind: 'mended', path })
    return mended
  }

  #schedule(delayMs: number): void {
    const { runtime, closed } = this.#context
    if (closed.aborted) return
    const at = runtime.clock.monotonic() + delayMs
    if (this.#timer !== undefined && this.#timer.at <= at) return
    this.#timer?.timer.cancel()
    const timer = runtime.timers.after(delayMs, () => {
      this.#timer = undefined
      void this.#mendAll()
    })
    this.#timer = { timer, at }
  }

  async #mendAll(): Promise<void> {
    const { closed, isStopped, onFatal } = this.#context
    if (this.#isMending) {
      this.#schedule(NUDGE_MS)
      return
    }
    this.#isMending = true
    try {
      for (const path of [...this.#damaged]) {
        if (closed.aborted || isStopped()) return
        await this.mend(path)
      }
    } catch (error) {
      if (!closed.aborted) onFatal(error)
    } finally {
      this.#isMending = false
    }
  }

  /** Puts the content together in `.backer/tmp`. Gives a sentence where it can't be had. */
  async #stage(path: RelativePath, payload: FilePayload): Promise<string | undefined> {
    const { disk, closed } = this.#context
    try {
      await stageContent(disk, this.#source, { path, payload, maker: 'mend' }, closed)
      return undefined
    } catch (error) {
      if (isBackerError(error, 'UNAVAILABLE')) return 'no connected device has its content'
      return messageOf(error)
    }
  }

  /** Has it take its place, where the damaged file still stands. */
  #install(path: RelativePath, payload: FilePayload): Promise<Mended> {
    const { ledger, disk, store, onSuspectPath } = this.#context
    return ledger.lock.run(async () => {
      const entry = store.get(path)
      if (!isDamaged(entry) || !sameContent(payloadOf(entry.record), payload)) return { kind: 'over' }
      const stamp = await this.#standing(path, entry)
      const { mtimeNs, mode } = payloadOf(entry.record) as FilePayload
      ledger.noteInstall()
      ledger.busy.add(path)
      try {
        const staged = stagedName(payload.content.root, path, 'mend')
        const expected = { kind: 'stamped', stamp } as const
        const displaced = { kind: 'damaged' } as const
        const [result] = await disk.install([{ kind: 'file', path, expected, staged, mtimeNs, mode, displaced }])
        if (result?.kind === 'done') {
          await ledger.commit([{ path, entry: { record: entry.record, stamp: result.stamp } }], new Map())
          return { kind: 'mended' }
        }
        onSuspectPath(path)
        return { kind: 'left', reason: result?.kind === 'failed' ? result.problem.message : 'it has just changed' }
      } finally {
        ledger.busy.delete(path)
      }
    })
  }

  /** How the damaged file looks. One that can't be read can't be told from an edit when a crash has renamed it: its inode says that it is the same. */
  async #standing(path: RelativePath, { stamp, lack }: DamagedEntry): Promise<Stamp> {
    if (lack.found !== undefined) return stamp
    const [now] = await this.#context.disk.stat([path])
    return now !== undefined && now !== 'unknown' && sameInode(now.stamp, stamp) ? now.stamp : stamp
  }
}
