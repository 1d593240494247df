import { BackerError, messageOf } from '../core/error.js'
import { hashBytes, hashFromKey, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import type { Timer } from '../runtime.js'
import type { Store } from '../store/store.js'
import type { FolderContext } from './context.js'
import type { Peer } from './peer.js'

/** How many bytes of fetched nodes are held while they are written: those of one answer and some. */
const UNWRITTEN_BYTES = 2 * 1024 * 1024

/** Nodes of a tree that a peer has, verified by their hashes; it is asked for those that it did not send along with its head. Rejects with UNAVAILABLE where it lacks one, and with what the connection throws. */
export async function fetchNodes(peer: Peer, hashes: readonly Hash[]): Promise<ReadonlyMap<HashKey, Uint8Array>> {
  const nodes = peer.news.nodes(hashes)
  const answers =
    nodes.size === hashes.length
      ? []
      : await peer.link.requestNodes(nodes.size === 0 ? hashes : hashes.filter(hash => !nodes.has(hashKey(hash))))
  for (const bytes of answers) if (bytes !== undefined) nodes.set(hashKey(hashBytes(bytes)), bytes)
  if (nodes.size < hashes.length)
    throw new BackerError('UNAVAILABLE', 'the peer no longer has the tree that it announced', { peer: peer.id })
  return nodes
}

/** Nodes of one walk on their way into the store, so that the walk goes on while they are written: a sync of the disk for each height would hold it up. */
export class FetchedNodes {
  readonly #store: Store
  readonly #late: LateNodes | undefined
  readonly #nodes = new Map<HashKey, Uint8Array>()
  #bytes = 0
  #writing: Promise<void> = Promise.resolve()

  /** `late`: takes them where they are few; without it all of them are in the store when they are written. */
  constructor(store: Store, late?: LateNodes) {
    this.#store = store
    this.#late = late
  }

  get(hash: Hash): Uint8Array | undefined {
    return this.#nodes.size === 0 ? undefined : this.#nodes.get(hashKey(hash))
  }

  /** Takes nodes in. Resolves once there is room for more; rejects as the store does. */
  async add(nodes: ReadonlyMap<HashKey, Uint8Array>): Promise<void> {
    for (const [key, bytes] of nodes) {
      this.#nodes.set(key, bytes)
      this.#bytes += bytes.byteLength
    }
    if (this.#late?.take(nodes) === true) return
    this.#writing = Promise.all([this.#writing, this.#store.putNodes(nodes)]).then(() => undefined)
    this.#writing.catch(() => undefined)
    if (this.#bytes < UNWRITTEN_BYTES) return
    await this.#writing
    this.#nodes.clear()
    this.#bytes = 0
  }

  /** Resolves once all of them are in the store. */
  async written(): Promise<void> {
    await this.#writing
  }
}

/** How long nodes are held, and how many bytes of them. */
const LATE_MS = 1000
const LATE_BYTES = 256 * 1024

/**
 * Nodes that are written some time later, and only where they are not in the store by then: a small change that a peer told of has been made here long before, and with it the
 * same nodes were written, so that a commit of their own would only keep the disk from what is waited for. For a device whose own head is all that others hear of.
 */
export class LateNodes {
  readonly #context: Pick<FolderContext, 'store' | 'runtime' | 'closed'>
  readonly #nodes = new Map<HashKey, Uint8Array>()
  #bytes = 0
  #timer: Timer | undefined

  constructor(context: Pick<FolderContext, 'store' | 'runtime' | 'closed'>) {
    this.#context = context
  }

  get(hash: Hash): Uint8Array | undefined {
    return this.#nodes.size === 0 ? undefined : this.#nodes.get(hashKey(hash))
  }

  /** False where there is no room for them. */
  take(nodes: ReadonlyMap<HashKey, Uint8Array>): boolean {
    const fresh = [...nodes].filter(([key]) => !this.#nodes.has(key))
    const bytes = fresh.reduce((sum, [, { byteLength }]) => sum + byteLength, this.#bytes)
    if (bytes > LATE_BYTES) return false
    for (const [key, node] of fresh) this.#nodes.set(key, node)
    this.#bytes = bytes
    this.#timer ??= this.#context.runtime.timers.after(LATE_MS, () => void this.#write())
    return true
  }

  async #write(): Promise<void> {
    const { store, runtime, closed } = this.#context
    this.#timer = undefined
    if (closed.aborted) return
    const held = [...this.#nodes]
    try {
      const missing = new Map(held.filter(([key]) => store.node(hashFromKey(key)) === undefined))
      if (missing.size > 0) await store.putNodes(missing)
    } catch (error) {
      // They will be asked for again.
      runtime.trace(`could not keep nodes: ${messageOf(error)}`)
    }
    for (const [key, { byteLength }] of held) if (this.#nodes.delete(key)) this.#bytes -= byteLength
  }
}
