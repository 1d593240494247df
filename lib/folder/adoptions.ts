import type { Outcome } from '../core/engine/reconcile.js'
import type { RelativePath } from '../core/model/path.js'
import type { Record } from '../core/model/record.js'
import type { EntryChange } from '../store/store.js'
import type { FolderContext } from './context.js'
import { COMMIT_ENTRIES } from './ledger.js'

export interface AdoptionsParts {
  readonly decide: (path: RelativePath, remote: Record) => Outcome
  /** By now the disk is to change for one of them: what peers have must be looked at again. */
  readonly onoutdated: () => void
  /** All are committed. */
  readonly ondone: () => void
}

/** Records of peers that need nothing on the disk: they are committed many at a time. */
export class Adoptions {
  readonly #context: FolderContext
  readonly #parts: AdoptionsParts
  readonly #records = new Map<RelativePath, Record>()
  #running = false

  constructor(context: FolderContext, parts: AdoptionsParts) {
    this.#context = context
    this.#parts = parts
  }

  get idle(): boolean {
    return this.#records.size === 0 && !this.#running
  }

  /** True where it is time to commit them. */
  get isFull(): boolean {
    return this.#records.size >= COMMIT_ENTRIES
  }

  add(path: RelativePath, remote: Record): void {
    this.#records.set(path, remote)
  }

  /** Commits them, unless that is under way. Ends the folder by `onFatal` where the index fails. */
  async commit(): Promise<void> {
    if (this.#running || this.#records.size === 0) return
    this.#running = true
    try {
      while (this.#records.size > 0 && !this.#context.closed.aborted) await this.#commitSome()
    } catch (error) {
      this.#context.onFatal(error)
    }
    this.#running = false
    this.#parts.ondone()
  }

  async #commitSome(): Promise<void> {
    const { ledger, store } = this.#context
    await ledger.lock.run(async () => {
      const changes: EntryChange[] = []
      let isOutdated = false
      for (const [path, remote] of this.#records) {
        if (changes.length >= COMMIT_ENTRIES) break
        this.#records.delete(path)
        const outcome = this.#parts.decide(path, remote)
        if (outcome.kind === 'adopt')
          changes.push({ path, entry: { stamp: undefined, ...store.get(path), record: outcome.record } })
        // Something came to stand there meanwhile.
        if (outcome.kind === 'apply') isOutdated = true
      }
      await ledger.commit(changes, new Map())
      if (isOutdated) this.#parts.onoutdated()
    })
  }
}
