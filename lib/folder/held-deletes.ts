import type { FolderContext } from './context.js'
import { HELD_MESSAGES, type HeldLosses } from './held-losses.js'
import type { Puller } from './puller.js'
import { HELD_SAMPLE, type HeldDeletes } from './status.js'

/** What a folder does about the deletes that it holds. */
export interface HeldDecisionParts {
  readonly context: () => FolderContext
  /** What is gone from this disk. */
  readonly losses: HeldLosses
  /** What other devices removed. */
  readonly puller: () => Puller
  /** Every peer is to be walked anew. */
  readonly startOver: () => void
  readonly onchange: () => void
}

/** Deletes that wait for somebody's word, whoever made them, and what he says. */
export class HeldDecision {
  readonly #parts: HeldDecisionParts
  #state: 'nothing' | 'held' | 'restoring' = 'nothing'

  constructor(parts: HeldDecisionParts) {
    this.#parts = parts
  }

  /** `held`: deletes wait; `restoring`: what was rejected is on its way back. */
  get state(): 'nothing' | 'held' | 'restoring' {
    return this.#state
  }

  /** The deletes that wait; undefined where none do. */
  told(): HeldDeletes | undefined {
    const { losses } = this.#parts
    const { held } = this.#parts.puller()
    if (losses.count + losses.restoringCount + held.size === 0) return undefined
    const sample = losses.sample(HELD_SAMPLE)
    sample.push(...held.sample(HELD_SAMPLE - sample.length))
    return { local: losses.count, remote: held.size, restoring: losses.restoringCount, sample }
  }

  /** See `Folder.acceptDeletes`. */
  async accept(): Promise<number> {
    const { losses, puller } = this.#parts
    const count = (await losses.accept()) + (await puller().acceptRemovals())
    this.changed()
    return count
  }

  /** See `Folder.rejectDeletes`. */
  async reject(): Promise<number> {
    const { losses, puller, startOver } = this.#parts
    const removals = await puller().held.reject()
    const count = await losses.reject()
    if (count > 0) startOver()
    this.changed()
    return removals + count
  }

  /** Tells, once, that deletes have begun to be held, or that none are any more. */
  changed(): void {
    const now = this.#now()
    if (now === this.#state) return
    this.#state = now
    const { problems, onFatal } = this.#parts.context()
    if (now === 'nothing') {
      problems.clearFolder()
      this.#parts.losses.tidy().catch(onFatal)
    } else problems.set({ code: 'HELD', message: HELD_MESSAGES[now] })
    this.#parts.onchange()
  }

  #now(): 'nothing' | 'held' | 'restoring' {
    const { losses, puller } = this.#parts
    if (losses.count + puller().held.size > 0) return 'held'
    return losses.restoringCount > 0 ? 'restoring' : 'nothing'
  }
}
