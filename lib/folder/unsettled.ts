import type { RelativePath } from '../core/model/path.js'
import type { Runtime, Timer } from '../runtime.js'
import type { FolderContext } from './context.js'
import type { Candidate } from './survey.js'

/** A file of this size, or of none, is read once nobody has written to it for a while, or after some time all the same. */
const LARGE_BYTES = 1024 * 1024
const SETTLE_MS = 120
const SETTLE_MAX_MS = 3000

/**
 * Large and empty files that were written a moment ago: they are looked at again soon. What a program shows half-way through rewriting a file is a
 * version like any other, but one that would make every device let go of the chunks that the whole file is about to need again. And what is empty was mostly
 * made, or emptied, to be written to.
 */
export class Unsettled {
  readonly #context: { readonly runtime: Pick<Runtime, 'clock' | 'timers'>; readonly store: FolderContext['store'] }
  readonly #lookAgain: (path: RelativePath) => void
  /** Since when (monotonic milliseconds) each was waited for, and in which pass it was seen. */
  readonly #files = new Map<RelativePath, { readonly since: number; readonly pass: number; readonly timer: Timer }>()
  #passes = 0

  constructor(context: FolderContext, lookAgain: (path: RelativePath) => void) {
    this.#context = context
    this.#lookAgain = lookAgain
  }

  get isEmpty(): boolean {
    return this.#files.size === 0
  }

  /** The folder is looked at from here on until `ended`. */
  begin(): void {
    this.#passes++
  }

  /** True for a file that is to be passed over for now. */
  has({ path, listed: { stamp } }: Candidate): boolean {
    const { runtime, store } = this.#context
    const before = store.get(path)?.stamp?.size ?? 0
    const age = runtime.clock.now() - Number(stamp.mtimeNs / 1_000_000n)
    const known = this.#files.get(path)
    const since = known?.since ?? runtime.clock.monotonic()
    const isDoubtful = stamp.kind === 'file' && (stamp.size === 0 || Math.max(stamp.size, before) >= LARGE_BYTES)
    const isPatient = runtime.clock.monotonic() - since < SETTLE_MAX_MS
    this.forget(path)
    if (!isDoubtful || age < 0 || age >= SETTLE_MS || !isPatient) return false
    const timer = runtime.timers.after(SETTLE_MS, () => this.#lookAgain(path))
    this.#files.set(path, { since, pass: this.#passes, timer })
    return true
  }

  forget(path: RelativePath): void {
    this.#files.get(path)?.timer.cancel()
    this.#files.delete(path)
  }

  /** These paths (undefined: all) were looked at: what is not being written there any more, or is gone, is not waited for. */
  ended(looked: readonly RelativePath[] | undefined): void {
    for (const path of looked ?? [...this.#files.keys()])
      if (this.#files.get(path)?.pass !== this.#passes) this.forget(path)
  }
}
