import { ChunkList, walkContent, type Chunk } from '../core/chunk/content-tree.js'
import { BackerError, isBackerError } from '../core/error.js'
import { hashBytes, hashKey, type Hash } from '../core/model/hash.js'
import type { FilePayload } from '../core/model/record.js'
import type { Supplier } from './chunk-queue.js'
import type { FolderContext } from './context.js'
import type { Fetcher } from './fetcher.js'
import type { Peer } from './peer.js'

/** How many chunks are read ahead: of the largest size, a few MiB. */
const READ_AHEAD = 8
/** How many chunks behind the first that is nowhere are looked for, to say how many there are. */
const LOOKED_FOR_MAX = 2000

/** The content of files that may not stand in the folder any more: out of its files, out of what is kept, and from peers that have either. */
export class ContentSource {
  readonly #context: FolderContext
  readonly #fetcher: Fetcher
  readonly #peers: () => Iterable<Peer>

  constructor(context: FolderContext, fetcher: Fetcher, peers: () => Iterable<Peer>) {
    this.#context = context
    this.#fetcher = fetcher
    this.#peers = peers
  }

  /**
   * The bytes of a file, chunk by chunk and verified. Throws UNAVAILABLE where neither this device nor a connected one has them, saying how much is
   * missing and who was asked.
   */
  async *read(payload: FilePayload, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const chunks = await this.#chunks(payload)
    const ahead: Promise<Uint8Array>[] = []
    let next = 0
    for (let i = 0; i < chunks.length; i++) {
      for (; next < Math.min(chunks.length, i + READ_AHEAD); next++) ahead.push(this.#begin(chunks[next], signal))
      try {
        const bytes = await ahead.shift()
        if (bytes !== undefined) yield bytes
      } catch (error) {
        if (!isBackerError(error, 'UNAVAILABLE') || signal.aborted) throw error
        throw await this.#lackOf(chunks, i, payload.size, signal)
      }
    }
  }

  #begin(chunk: Chunk | undefined, signal: AbortSignal): Promise<Uint8Array> {
    if (chunk === undefined) return Promise.resolve(new Uint8Array(0))
    const bytes = this.chunk(chunk, signal)
    // It is waited for when its turn comes; until then nobody else hears that it failed.
    bytes.catch(() => undefined)
    return bytes
  }

  async #chunks({ content, size }: FilePayload): Promise<readonly Chunk[]> {
    if (size === 0) return []
    if (content.height === 0) return [{ hash: content.root, length: size }]
    const list = new ChunkList(await this.chunkList({ content, size }))
    return Array.from({ length: list.count }, (_, i) => ({ hash: list.hash(i), length: list.length(i) }))
  }

  /** The chunk list of a content of a height over 0, verified: from here, or from a peer. Throws UNAVAILABLE where nobody has it. */
  async chunkList({ content, size }: Pick<FilePayload, 'content' | 'size'>): Promise<Uint8Array> {
    const { store, disk } = this.#context
    const known = store.chunkList(content.root) ?? (await disk.history('chunkList', content.root))
    if (known !== undefined) return known
    const nodes = new Map<string, Uint8Array>()
    const walk = walkContent(hash => nodes.get(hashKey(hash)), content, size)
    let step = walk.next()
    while (step.done !== true) {
      for (const bytes of await this.#contentNodes(content.root, step.value))
        nodes.set(hashKey(hashBytes(bytes)), bytes)
      step = walk.next()
    }
    return step.value
  }

  async #contentNodes(root: Hash, hashes: readonly Hash[]): Promise<readonly Uint8Array[]> {
    for (const peer of this.#peers()) {
      const answers = await peer.link.requestContentNodes(root, hashes).catch(() => [])
      const found = answers.flatMap(bytes => (bytes === undefined ? [] : [bytes]))
      if (found.length === hashes.length) return found
    }
    throw new BackerError('UNAVAILABLE', `all of its content is missing: ${this.#whoWasAsked()}`)
  }

  /** A tree node that some connected device has, verified; undefined where none does. */
  async treeNode(hash: Hash): Promise<Uint8Array | undefined> {
    for (const peer of this.#peers()) {
      const [bytes] = await peer.link.requestNodes([hash]).catch(() => [])
      if (bytes !== undefined) return bytes
    }
    return undefined
  }

  /** The bytes of a chunk, verified: out of the folder's files, out of what is kept, or from a peer. Throws UNAVAILABLE where nobody has it. */
  async chunk({ hash, length }: Chunk, signal: AbortSignal): Promise<Uint8Array> {
    const local = await this.#fetcher.server.chunk(hash)
    if (local !== undefined) return local
    const suppliers = (): Supplier[] => [...this.#peers()].map(peer => ({ peer, isSource: true }))
    return this.#fetcher.queue.request(hash, length, suppliers, signal)
  }

  /** How much is missing of a file whose chunk `first` is nowhere. */
  async #lackOf(chunks: readonly Chunk[], first: number, size: number, signal: AbortSignal): Promise<BackerError> {
    const end = Math.min(chunks.length, first + LOOKED_FOR_MAX)
    let count = 0
    let bytes = 0
    for (let i = first; i < end && !signal.aborted; i++) {
      const chunk = chunks[i]
      if (chunk === undefined || (i > first && (await this.#isThere(chunk, signal)))) continue
      count++
      bytes += chunk.length
    }
    const atLeast = end < chunks.length ? 'at least ' : ''
    const parts = `${atLeast}${bytes} of its ${size} bytes (${count} of ${chunks.length} chunks)`
    return new BackerError('UNAVAILABLE', `${parts} are missing: ${this.#whoWasAsked()}`)
  }

  async #isThere(chunk: Chunk, signal: AbortSignal): Promise<boolean> {
    try {
      await this.chunk(chunk, signal)
      return true
    } catch (error) {
      if (isBackerError(error, 'UNAVAILABLE')) return false
      throw error
    }
  }

  #whoWasAsked(): string {
    const names = [...this.#peers()].map(peer => peer.name)
    if (names.length === 0) return 'this device does not have them, and no other one is connected'
    return `neither this device nor a connected one (${names.join(', ')}) has them`
  }
}
