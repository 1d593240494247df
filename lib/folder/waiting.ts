import type { Random } from '../runtime.js'
import type { Want } from './want.js'

/** From how many of those that wait the next one is drawn where several peers are there, so that devices fetching the same folder soon have different parts. */
const DRAW_FROM = 1024
/** How many wait for the end of a walk: a directory with as many files can be moved. Of more, what comes then is copied. */
const POSTPONED_MAX = 100_000

/** Wants for whose content nothing has been begun, in the order in which they came. */
export class WaitingWants {
  readonly #random: Random
  readonly #inOrder = new Set<Want>()
  readonly #postponed = new Set<Want>()

  constructor(random: Random) {
    this.#random = random
  }

  /** How many wait, those that are postponed included. */
  get size(): number {
    return this.#inOrder.size + this.#postponed.size
  }

  get postponed(): number {
    return this.#postponed.size
  }

  get mayPostpone(): boolean {
    return this.#postponed.size < POSTPONED_MAX
  }

  add(want: Want): void {
    this.#inOrder.add(want)
  }

  delete(want: Want): void {
    this.#inOrder.delete(want)
    this.#postponed.delete(want)
  }

  /** Takes the next want whose turn it is; from a single peer `inOrder`, so that what is committed together lies together in the tree. */
  draw({ inOrder }: { readonly inOrder: boolean }): Want | undefined {
    let skip = inOrder ? 0 : this.#random.below(Math.max(1, Math.min(this.#inOrder.size, DRAW_FROM)))
    for (const want of this.#inOrder) {
      if (skip-- > 0) continue
      this.#inOrder.delete(want)
      return want
    }
    return undefined
  }

  /** Has a want that was drawn wait until those that are postponed are brought back. */
  postpone(want: Want): void {
    this.#postponed.add(want)
  }

  /** Brings back what was postponed. */
  bringBack(): void {
    for (const want of this.#postponed) this.#inOrder.add(want)
    this.#postponed.clear()
  }
}
