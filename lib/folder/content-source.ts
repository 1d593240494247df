import { ChunkList, walkContent, type Chunk } from '../core/chunk/content-tree.js'
import { BackerError } from '../core/error.js'
import { hashBytes, hashKey, type Hash } from '../core/model/hash.js'
import type { FilePayload } from '../core/model/record.js'
import type { Supplier } from './chunk-queue.js'
import type { FolderContext } from './context.js'
import type { Fetcher } from './fetcher.js'
import type { Peer } from './peer.js'

/** How many chunks are read ahead: of the largest size, a few MiB. */
const READ_AHEAD = 8

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

  /** The bytes of a file, chunk by chunk and verified. Throws UNAVAILABLE where neither this device nor a connected one has them. */
  async *read(payload: FilePayload, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const ahead: Promise<Uint8Array>[] = []
    for (const { hash, length } of await this.#chunks(payload)) {
      const chunk = this.#chunk(hash, length, signal)
      // It is waited for below; until then nobody else hears that it failed.
      chunk.catch(() => undefined)
      ahead.push(chunk)
      const first = ahead.length >= READ_AHEAD ? ahead.shift() : undefined
      if (first !== undefined) yield await first
    }
    for (const chunk of ahead) yield await chunk
  }

  async #chunks({ content, size }: FilePayload): Promise<Iterable<Chunk>> {
    if (size === 0) return []
    if (content.height === 0) return [{ hash: content.root, length: size }]
    return chunksOf(await this.#chunkList({ content, size }))
  }

  async #chunkList({ content, size }: Pick<FilePayload, 'content' | 'size'>): Promise<ChunkList> {
    const { store, disk } = this.#context
    const known = store.chunkList(content.root) ?? (await disk.history('chunkList', content.root))
    if (known !== undefined) return new ChunkList(known)
    const nodes = new Map<string, Uint8Array>()
    const walk = walkContent(hash => nodes.get(hashKey(hash)), content, size)
    let step = walk.next()
    while (step.done !== true) {
      for (const bytes of await this.#contentNodes(content.root, step.value))
        nodes.set(hashKey(hashBytes(bytes)), bytes)
      step = walk.next()
    }
    return new ChunkList(step.value)
  }

  async #contentNodes(root: Hash, hashes: readonly Hash[]): Promise<readonly Uint8Array[]> {
    for (const peer of this.#peers()) {
      const answers = await peer.link.requestContentNodes(root, hashes).catch(() => [])
      const found = answers.flatMap(bytes => (bytes === undefined ? [] : [bytes]))
      if (found.length === hashes.length) return found
    }
    throw new BackerError('UNAVAILABLE', 'neither this device nor a connected one has its content')
  }

  async #chunk(hash: Hash, length: number, signal: AbortSignal): Promise<Uint8Array> {
    const local = await this.#fetcher.server.chunk(hash)
    if (local !== undefined) return local
    const suppliers = (): Supplier[] => [...this.#peers()].map(peer => ({ peer, isSource: true }))
    return this.#fetcher.queue.request(hash, length, suppliers, signal)
  }
}

function* chunksOf(list: ChunkList): Generator<Chunk> {
  for (let i = 0; i < list.count; i++) yield { hash: list.hash(i), length: list.length(i) }
}
