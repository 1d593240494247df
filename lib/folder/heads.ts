import { BackerError } from '../core/error.js'
import { hashesEqual, type Hash } from '../core/model/hash.js'
import type { SignedHead } from '../core/model/head.js'
import type { Store } from '../store/store.js'
import { deviceOf, type HeadReader } from './head-reader.js'

/** How many writers' heads are kept: far more than a folder has devices. */
const WRITERS_MAX = 1000

/**
 * The newest signed head of each writer that this device has seen: an older one is never followed again, whoever brings it
 * (invariant S18).
 */
export class Heads {
  readonly #store: Store
  readonly #reader: HeadReader
  readonly #known = new Map<string, { readonly head: SignedHead; readonly bytes: Uint8Array }>()

  constructor(store: Store, reader: HeadReader) {
    this.#store = store
    this.#reader = reader
  }

  /** Reads back what was kept; what no longer verifies is forgotten. */
  load(): void {
    for (const { device, bytes } of this.#store.heads()) {
      const head = this.#parse(bytes)
      if (head !== undefined) this.#known.set(device, { head, bytes })
    }
  }

  /** A signed head. Throws FORGED or MALFORMED. */
  read(bytes: Uint8Array): SignedHead {
    return this.#reader.read(bytes)
  }

  /**
   * Takes in a signed head: gives it where it is as new as any known one of its replica. undefined: an old one, to be passed over. Throws
   * FORGED or MALFORMED.
   */
  accept(bytes: Uint8Array): SignedHead | undefined {
    const head = this.read(bytes)
    return this.keep(head, bytes) ? head : undefined
  }

  /** Keeps a head that was read; false for one that is older than a known one of its replica. Throws LIMIT. */
  keep(head: SignedHead, bytes: Uint8Array): boolean {
    const device = deviceOf(head)
    const known = this.#known.get(device)?.head
    if (known?.head.replica === head.head.replica && known.head.sequence > head.head.sequence) return false
    if (known === undefined && this.#known.size >= WRITERS_MAX)
      throw new BackerError('LIMIT', 'too many devices have written this folder')
    const copy = Uint8Array.from(bytes)
    this.#known.set(device, { head, bytes: copy })
    // Who takes over what a device has remembers what that was, also over a power loss: a device that is put back to an earlier state must find it out from somebody.
    this.#store.noteHead({ device, bytes: copy })
    return true
  }

  /** True where the same replica has signed another tree under the same number `before`: a head in its wire bytes. */
  isFork(before: Uint8Array, { head: { replica, sequence, root } }: SignedHead): boolean {
    const known = this.#parse(before)?.head
    return known?.replica === replica && known.sequence === sequence && !hashesEqual(known.root, root)
  }

  /** Makes what was accepted last durable. */
  async save(): Promise<void> {
    await this.#store.saveHeads()
  }

  /** The newest heads whose roots satisfy `isHeld`, in their wire bytes. */
  held(isHeld: (root: Hash) => boolean): Uint8Array[] {
    return [...this.#known.values()].filter(({ head }) => isHeld(head.head.root)).map(({ bytes }) => bytes)
  }

  /** The newest head of a device that was seen, in its wire bytes. */
  of(device: string): Uint8Array | undefined {
    return this.#known.get(device)?.bytes
  }

  roots(): Hash[] {
    return [...this.#known.values()].map(({ head }) => head.head.root)
  }

  #parse(bytes: Uint8Array): SignedHead | undefined {
    try {
      return this.#reader.read(bytes)
    } catch (error) {
      if (error instanceof BackerError) return undefined
      throw error
    }
  }
}
