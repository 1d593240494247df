import { BackerError } from '../core/error.js'
import { hashesEqual, type Hash } from '../core/model/hash.js'
import type { SignedHead } from '../core/model/head.js'
import type { ReplicaId } from '../core/model/version.js'
import type { Store } from '../store/store.js'
import { deviceOf, type HeadReader } from './head-reader.js'

/** How many writers' heads are kept: far more than a folder has devices. */
const WRITERS_MAX = 1000
/** Of how many replicas of one writer: each index that it ever made is one. */
const REPLICAS_MAX = 32

/** The newest head of a replica, and by which number of its device it is kept. */
interface Known {
  readonly head: SignedHead
  readonly bytes: Uint8Array
  readonly place: number
}

/**
 * The newest signed head of each replica of each writer that this device has seen: an older one is never followed again, whoever brings it
 * (invariant S18). Also of those that a device has given up: it may be put back to one of them, more than once.
 */
export class Heads {
  readonly #store: Pick<Store, 'heads' | 'noteHead' | 'saveHeads'>
  readonly #reader: HeadReader
  /** By device, then by replica: the one that was heard of last comes last. */
  readonly #known = new Map<string, Map<ReplicaId, Known>>()

  constructor(store: Pick<Store, 'heads' | 'noteHead' | 'saveHeads'>, reader: HeadReader) {
    this.#store = store
    this.#reader = reader
  }

  /** Reads back what was kept; what no longer verifies is forgotten. */
  load(): void {
    for (const { writer, bytes } of this.#store.heads()) {
      const head = this.#parse(bytes)
      if (head === undefined) continue
      const device = deviceOf(head)
      const replicas = this.#known.get(device) ?? new Map<ReplicaId, Known>()
      this.#known.set(device, replicas)
      // An index of before had one place for each device.
      const place = Number.parseInt(writer.slice(device.length) || '0', 16)
      replicas.set(head.head.replica, { head, bytes, place })
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
    const { replica, sequence } = head.head
    const replicas = this.#known.get(device) ?? new Map<ReplicaId, Known>()
    const known = replicas.get(replica)
    if (known !== undefined && known.head.head.sequence > sequence) return false
    if (replicas.size === 0 && this.#known.size >= WRITERS_MAX)
      throw new BackerError('LIMIT', 'too many devices have written this folder')
    this.#known.set(device, replicas)
    const place = known?.place ?? placeFor(replicas)
    const copy = Uint8Array.from(bytes)
    replicas.delete(replica)
    replicas.set(replica, { head, bytes: copy, place })
    // Who takes over what a device has remembers what that was, also over a power loss: a device that is put back to an earlier state must find it out from somebody.
    this.#store.noteHead({ writer: device + place.toString(16).padStart(2, '0'), bytes: copy })
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
    return this.#all.filter(({ head }) => isHeld(head.head.root)).map(({ bytes }) => bytes)
  }

  /** The newest head of a device's replica that was seen, in its wire bytes. */
  of(device: string, replica: ReplicaId): Uint8Array | undefined {
    return this.#known.get(device)?.get(replica)?.bytes
  }

  roots(): Hash[] {
    return this.#all.map(({ head }) => head.head.root)
  }

  get #all(): readonly Known[] {
    return [...this.#known.values()].flatMap(replicas => [...replicas.values()])
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

/** Where a replica's head is kept: where none is, or in the place of the one that was heard of longest ago. */
function placeFor(replicas: Map<ReplicaId, Known>): number {
  if (replicas.size < REPLICAS_MAX) return replicas.size
  const [oldest] = replicas
  if (oldest === undefined) return 0
  replicas.delete(oldest[0])
  return oldest[1].place
}
