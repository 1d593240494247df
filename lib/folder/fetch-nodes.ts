import { BackerError } from '../core/error.js'
import { hashBytes, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import type { Store } from '../store/store.js'
import type { Peer } from './peer.js'

/** How many bytes of fetched nodes are held while they are written: those of one answer and some. */
const UNWRITTEN_BYTES = 2 * 1024 * 1024

/** Nodes of a tree that a peer has, verified by their hashes. Rejects with UNAVAILABLE where it lacks one, and with what the connection throws. */
export async function fetchNodes(peer: Peer, hashes: readonly Hash[]): Promise<ReadonlyMap<HashKey, Uint8Array>> {
  const answers = await peer.link.requestNodes(hashes)
  const nodes = new Map<HashKey, Uint8Array>()
  for (const bytes of answers) if (bytes !== undefined) nodes.set(hashKey(hashBytes(bytes)), bytes)
  if (nodes.size < hashes.length)
    throw new BackerError('UNAVAILABLE', 'the peer no longer has the tree that it announced', { peer: peer.id })
  return nodes
}

/** Nodes of one walk on their way into the store, so that the walk goes on while they are written: a sync of the disk for each height would hold it up. */
export class FetchedNodes {
  readonly #store: Store
  readonly #nodes = new Map<HashKey, Uint8Array>()
  #bytes = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(store: Store) {
    this.#store = store
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
