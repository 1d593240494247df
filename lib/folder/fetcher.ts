import { EMPTY_CONTENT } from '../core/chunk/content-builder.js'
import { CHUNK_BYTES_MAX } from '../core/chunk/fastcdc.js'
import { BackerError } from '../core/error.js'
import { hashesEqual, hashKey, type HashKey } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import type { FilePayload } from '../core/model/record.js'
import { stagedName } from '../disk/names.js'
import type { AskedChunk } from '../../protocol/peer-link.js'
import { Budget } from './budget.js'
import { ChunkQueue, type Supplier } from './chunk-queue.js'
import type { FolderContext } from './context.js'
import { DiskFloor } from './disk-floor.js'
import type { Gathered } from './gathering.js'
import { Partials } from './partials.js'
import type { Peer } from './peer.js'
import { Server } from './serve.js'
import { Transfer, type TransferTools } from './transfer.js'
import type { ReadyContent, Want } from './want.js'

/** Content bytes that are asked for or wait in memory to be written, over all files of a folder. */
const MEMORY_BYTES = 12 * 1024 * 1024
/** How many small files and how many large ones are on their way at once. */
export const SMALL_UNDERWAY = 384
export const LARGE_UNDERWAY = 3
const PLACES_TRIED = 2

/** Brings the content of files: from this disk where it lies there already, else from peers. */
export class Fetcher {
  readonly queue: ChunkQueue
  readonly server: Server
  readonly #tools: TransferTools
  readonly #transfers = new Map<Want, Transfer>()
  readonly #partials: Partials

  constructor(context: FolderContext, peers: () => Iterable<Peer>, onbytes: (bytes: number) => void) {
    this.queue = new ChunkQueue(() => [...peers()].length)
    this.#partials = new Partials(context)
    this.server = new Server(context, chunk => this.#findStaged(chunk))
    const { disk, runtime } = context
    const [budget, floor] = [new Budget(MEMORY_BYTES), new DiskFloor(disk, runtime.clock)]
    this.#tools = { context, queue: this.queue, budget, floor, server: this.server, peers, onbytes }
  }

  /**
   * The content that a want needs. Rejects with UNAVAILABLE where no connected peer has it, with DISK_FLOOR where the disk is too full for it. Whoever takes content of kind `bytes` gives it back
   * with `release` once it is on the disk or not wanted any more.
   */
  async fetch(want: Want, payload: FilePayload, signal: AbortSignal): Promise<ReadyContent> {
    if (!isPossible(payload))
      throw new BackerError('MALFORMED', `no file has the size and content that ${want.path} is said to have`)
    if (payload.content.height === 0) return { kind: 'bytes', bytes: await this.#fetchSmall(want, payload, signal) }
    const name = stagedName(payload.content.root, want.path)
    return this.#partials.use(want.path, name, () => this.#transfer(want, payload, { name, signal }))
  }

  async #transfer(
    want: Want,
    payload: FilePayload,
    { name, signal }: { readonly name: string; readonly signal: AbortSignal }
  ): Promise<ReadyContent> {
    if (signal.aborted) throw new BackerError('UNAVAILABLE', 'no longer wanted')
    const transfer = new Transfer(this.#tools, want, payload, signal)
    this.#transfers.set(want, transfer)
    try {
      return { kind: 'staged', name, chunks: await transfer.run(name) }
    } finally {
      this.#transfers.delete(want)
    }
  }

  /** No other content is wanted at `path`: what was begun for it goes. */
  forget(path: RelativePath): void {
    this.#partials.forget(path)
  }

  /**
   * The contents of several small files, out of one hand and in one message; TOGETHER_MAX and TOGETHER_BYTES of gathering.ts are within the bounds of one. In order; undefined for what
   * did not come: it is to be fetched by itself, which tells why. Never rejects. What came is given back as `fetch` has it.
   */
  async fetchTogether(files: readonly Gathered[], signal: AbortSignal): Promise<readonly (ReadyContent | undefined)[]> {
    const { budget, floor, onbytes } = this.#tools
    const bytes = files.reduce((sum, { payload }) => sum + payload.size, 0)
    try {
      await floor.spend(bytes, files.length)
    } catch {
      return []
    }
    await budget.take(bytes)
    const contents = await this.#contents(files, signal).catch(() => [])
    const came = files.map(({ payload }, i) => {
      const content = contents[i]
      return content?.byteLength === payload.size ? content : undefined
    })
    const cameBytes = came.reduce((sum, content) => sum + (content?.byteLength ?? 0), 0)
    budget.give(bytes - cameBytes)
    onbytes(cameBytes)
    return came.map(content => content && { kind: 'bytes', bytes: content })
  }

  async #contents(files: readonly Gathered[], signal: AbortSignal): Promise<readonly (Uint8Array | undefined)[]> {
    const wanted = new Map<HashKey, AskedChunk>()
    const given = files.map(({ want, payload }) => sentAlong(want, payload))
    for (const [i, { payload }] of files.entries())
      if (payload.size > 0 && given[i] === undefined)
        wanted.set(hashKey(payload.content.root), { hash: payload.content.root, length: payload.size })
    const chunks =
      wanted.size === 0 ? [] : await this.queue.requestTogether([...wanted.values()], () => sourcesOfAll(files), signal)
    const found = new Map([...wanted.keys()].map((key, i) => [key, chunks[i]]))
    return files.map(({ payload }, i) => {
      if (payload.size > 0) return given[i] ?? found.get(hashKey(payload.content.root))
      return isPossible(payload) ? new Uint8Array(0) : undefined
    })
  }

  release(content: ReadyContent | undefined): void {
    if (content?.kind === 'bytes') this.#tools.budget.give(content.bytes.byteLength)
  }

  async #fetchSmall(want: Want, payload: FilePayload, signal: AbortSignal): Promise<Uint8Array> {
    await this.#tools.floor.spend(payload.size)
    await this.#tools.budget.take(payload.size)
    try {
      if (signal.aborted) throw new BackerError('UNAVAILABLE', 'no longer wanted')
      const bytes = await this.#smallContent(want, payload, signal)
      this.#tools.onbytes(payload.size)
      return bytes
    } catch (error) {
      this.#tools.budget.give(payload.size)
      throw error
    }
  }

  async #smallContent(want: Want, payload: FilePayload, signal: AbortSignal): Promise<Uint8Array> {
    if (payload.size === 0) return new Uint8Array(0)
    const { root } = payload.content
    for (const place of this.#tools.context.store.places(root, PLACES_TRIED)) {
      if (place.length !== payload.size) continue
      const bytes = await this.server.readPlace(root, place)
      if (bytes !== undefined) return bytes
    }
    const given = sentAlong(want, payload)
    if (given !== undefined) return given
    const suppliers = (): Supplier[] => want.sources().map(peer => ({ peer, isSource: true }))
    return this.queue.request(root, payload.size, suppliers, signal)
  }

  #findStaged(chunk: HashKey): (() => Promise<Uint8Array>) | undefined {
    for (const transfer of this.#transfers.values()) {
      const staged = transfer.staged(chunk)
      if (staged !== undefined) return staged
    }
    return undefined
  }
}

/** The whole content of a small file, where a peer that has it sent it along with its head. */
function sentAlong(want: Want, { content, size }: FilePayload): Uint8Array | undefined {
  for (const peer of want.sources()) {
    const bytes = peer.news.file(content.root)
    if (bytes?.byteLength !== size) continue
    peer.bytesReceived += size
    return bytes
  }
  return undefined
}

/** The peers whose own disk shows all of these files. */
function sourcesOfAll(files: readonly Gathered[]): Supplier[] {
  const [first = [], ...others] = files.map(({ want }) => want.sources())
  return first.filter(peer => others.every(peers => peers.includes(peer))).map(peer => ({ peer, isSource: true }))
}

/** False where a size and a content can't belong together: nothing may be kept free, asked for or made for such a file. */
function isPossible({ size, content: { height, root } }: FilePayload): boolean {
  if (size === 0) return height === 0 && hashesEqual(root, EMPTY_CONTENT.root)
  return height > 0 || size <= CHUNK_BYTES_MAX
}
