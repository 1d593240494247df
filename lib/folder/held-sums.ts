import { isBackerError } from '../core/error.js'
import { subtreeSums } from '../core/tree/read.js'
import { EMPTY_SUMS, type Sums } from '../core/tree/sums.js'
import type { Store } from '../store/store.js'

/** What a folder holds. */
export class HeldSums {
  readonly #store: Store
  #last = EMPTY_SUMS

  constructor(store: Store) {
    this.#store = store
  }

  /** As it is now, or was when this was last asked before the index was closed; nothing where the index is damaged. */
  get(): Sums {
    const store = this.#store
    try {
      return (this.#last = subtreeSums(hash => store.node(hash), store.root, undefined))
    } catch (error) {
      if (isBackerError(error, 'STORE_CLOSED')) return this.#last
      if (!isBackerError(error, 'STORE_CORRUPT')) throw error
      return EMPTY_SUMS
    }
  }
}
