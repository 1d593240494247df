import { hashBytes, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import type { News } from '../../protocol/peer-link.js'
import { NEWS_BYTES, NEWS_FILES, NEWS_NODES } from '../../protocol/limits.js'
import type { Committed } from './ledger.js'

/**
 * What was changed here since peers were told last, as long as it is little: they get it along with the head, so that a lone small change needs no
 * round trip.
 */
export class FreshNews {
  readonly #nodes = new Map<string, Uint8Array>()
  readonly #files: Uint8Array[] = []
  #bytes = 0
  #isTooMuch = false

  /** Something was changed here. What others have told of is no news, and whoever has not heard of it yet needs more than the rest. */
  note({ nodes, files }: Pick<Committed, 'nodes' | 'files'>): void {
    if (files === undefined) this.#spoil()
    if (files === undefined || this.#isTooMuch) return
    for (const [key, bytes] of nodes) {
      this.#nodes.set(key, bytes)
      this.#bytes += bytes.byteLength
    }
    for (const bytes of files) {
      this.#files.push(bytes)
      this.#bytes += bytes.byteLength
    }
    if (this.#nodes.size <= NEWS_NODES && this.#files.length <= NEWS_FILES && this.#bytes <= NEWS_BYTES) return
    this.#spoil()
  }

  #spoil(): void {
    this.#clear()
    this.#isTooMuch = true
  }

  /** All of it, and begins anew; undefined where there is none, or too much. */
  take(): News | undefined {
    const news = this.#bytes === 0 ? undefined : { nodes: [...this.#nodes.values()], files: [...this.#files] }
    this.#clear()
    this.#isTooMuch = false
    return news
  }

  #clear(): void {
    this.#nodes.clear()
    this.#files.length = 0
    this.#bytes = 0
  }
}

/** What a peer sent along with its last head. What it is, is what its hash says: so it may be used for whatever has that hash. */
export class ReceivedNews {
  #nodes = new Map<HashKey, Uint8Array>()
  #files = new Map<HashKey, Uint8Array>()

  /** Takes the place of what came before. */
  take({ nodes, files }: News): void {
    this.#nodes = byHash(nodes)
    this.#files = byHash(files)
  }

  /** Those of the nodes that came, by their hashes. */
  nodes(hashes: readonly Hash[]): Map<HashKey, Uint8Array> {
    const found = new Map<HashKey, Uint8Array>()
    if (this.#nodes.size === 0) return found
    for (const hash of hashes) {
      const key = hashKey(hash)
      const bytes = this.#nodes.get(key)
      if (bytes !== undefined) found.set(key, bytes)
    }
    return found
  }

  /** The whole content of a file of one chunk, if it came. */
  file(root: Hash): Uint8Array | undefined {
    return this.#files.get(hashKey(root))
  }
}

function byHash(parts: readonly Uint8Array[]): Map<HashKey, Uint8Array> {
  return new Map(parts.map(bytes => [hashKey(hashBytes(bytes)), bytes]))
}
