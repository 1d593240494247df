import { BackerError } from '../core/error.js'
import { ChunkList, walkContent, nodesOfContent } from '../core/chunk/content-tree.js'
import { isZeroChunk } from '../core/chunk/zeros.js'
import { letGo } from '../core/own-bytes.js'
import { hashBytes, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import { payloadOf, type FilePayload } from '../core/model/record.js'
import type { StagedFile } from '../disk/disk.js'
import type { Random } from '../runtime.js'
import { fillFromDisk } from './at-hand.js'
import type { Budget } from './budget.js'
import type { ChunkQueue, Supplier } from './chunk-queue.js'
import type { DiskFloor, Reservation } from './disk-floor.js'
import type { FolderContext } from './context.js'
import type { Peer } from './peer.js'
import type { Server } from './serve.js'
import type { Want } from './want.js'

/** How many chunks of one file are on their way at once. */
const CHUNKS_UNDERWAY = 48
/** How often peers are told which chunks have come. */
const HAVE_INTERVAL_MS = 25
/** How many chunks in a row are fetched in the file's order. */
const RUN_CHUNKS = 8
/** How many chunks are looked at in one turn of the event loop. */
const CHUNKS_PER_TURN = 4096

/** What transfers share. */
export interface TransferTools {
  readonly context: FolderContext
  readonly queue: ChunkQueue
  readonly budget: Budget
  readonly floor: DiskFloor
  readonly server: Server
  readonly peers: () => Iterable<Peer>
  /** Content bytes that were put in place, from wherever they came. */
  readonly onbytes: (bytes: number) => void
}

/**
 * One file of several chunks on its way into `.backer/tmp`: what an earlier run left there is verified and kept, what lies anywhere in this folder
 * is copied, the rest comes from peers, from several at once. Every chunk is verified before it is written.
 */
export class Transfer {
  readonly #tools: TransferTools
  readonly #want: Want
  readonly #payload: FilePayload
  readonly #signal: AbortSignal
  readonly #rootKey: HashKey
  #list: ChunkList | undefined
  #file: StagedFile | undefined
  /** The chunks that are in place, by hash: where this device can serve them from. */
  readonly #inPlace = new Map<HashKey, number>()
  readonly #unannounced: number[] = []
  #space: Reservation | undefined

  constructor(tools: TransferTools, want: Want, payload: FilePayload, signal: AbortSignal) {
    this.#tools = tools
    this.#want = want
    this.#payload = payload
    this.#signal = signal
    this.#rootKey = hashKey(payload.content.root)
  }

  /** Where a chunk lies in the staged file, if it has come. */
  staged(chunk: HashKey): (() => Promise<Uint8Array>) | undefined {
    const index = this.#inPlace.get(chunk)
    const list = this.#list
    const file = this.#file
    if (index === undefined || list === undefined || file === undefined) return undefined
    return () => file.read(list.offsetOf(index), list.length(index))
  }

  /**
   * Brings the whole file into the staged file `name`. Resolves with its chunk list. Rejects with UNAVAILABLE where no peer has what
   * is missing, and when the signal aborts, and with DISK_FLOOR; what has come stays for the next try.
   */
  async run(name: string): Promise<Uint8Array> {
    const { disk } = this.#tools.context
    const blob = await this.#chunkList()
    const list = new ChunkList(blob)
    this.#list = list
    const { file, resumed } = await disk.stage(name, this.#payload.size)
    this.#file = file
    try {
      const filling = { context: this.#tools.context, list, file, signal: this.#signal, onplaced: this.#onplaced(list) }
      // What an earlier run has written stands on the disk already: how much of it is known when it has been verified.
      if (!resumed) this.#space = await this.#tools.floor.reserve(await this.#bytesToWrite(list))
      const missing = await fillFromDisk(filling, { resumed })
      this.#space ??= await this.#tools.floor.reserve(missing.reduce((sum, i) => sum + list.length(i), 0))
      await this.#fetchAll(list, file, placesByChunk(list, missing))
    } finally {
      this.#space?.end()
      await file.close()
      this.#file = undefined
    }
    return blob
  }

  async #chunkList(): Promise<Uint8Array> {
    const { store } = this.#tools.context
    const { content, size } = this.#payload
    const known = store.chunkList(content.root)
    if (known !== undefined) return known
    const old = this.#oldNodes()
    const walk = walkContent(hash => old.get(hashKey(hash)), content, size)
    let step = walk.next()
    while (step.done !== true) {
      for (const [key, bytes] of await this.#contentNodes(step.value)) old.set(key, bytes)
      step = walk.next()
    }
    return step.value
  }

  /** The content nodes of what stands at the path now: an edit shares most of them. */
  #oldNodes(): Map<string, Uint8Array> {
    const entry = this.#tools.context.store.get(this.#want.path)
    const old = entry === undefined ? undefined : payloadOf(entry.record)
    const list = old?.kind === 'file' ? this.#tools.context.store.chunkList(old.content.root) : undefined
    return new Map(list === undefined ? [] : nodesOfContent(list))
  }

  async #contentNodes(hashes: readonly Hash[]): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>()
    for (const peer of this.#want.sources()) {
      const missing = hashes.filter(hash => !found.has(hashKey(hash)))
      if (missing.length === 0) break
      const answers = await peer.link.requestContentNodes(this.#payload.content.root, missing).catch(() => [])
      for (const bytes of answers) if (bytes !== undefined) found.set(hashKey(hashBytes(bytes)), bytes)
    }
    if (found.size < hashes.length) throw new BackerError('UNAVAILABLE', 'no connected peer has this content')
    return found
  }

  async #fetchAll(list: ChunkList, file: StagedFile, missing: ReadonlyMap<HashKey, readonly number[]>): Promise<void> {
    const order = shuffled([...missing.values()], this.#tools.context.runtime.random)
    const queue = order.values()
    const worker = async (): Promise<void> => {
      for (const places of queue) await this.#fetchOne(list, file, places)
    }
    const teller = this.#announceRegularly()
    try {
      await Promise.all(Array.from({ length: Math.min(CHUNKS_UNDERWAY, order.length) }, worker))
    } finally {
      teller.stop()
    }
  }

  async #fetchOne(list: ChunkList, file: StagedFile, places: readonly number[]): Promise<void> {
    const first = places[0]
    if (first === undefined) return
    const length = list.length(first)
    await this.#tools.budget.take(length)
    try {
      if (this.#signal.aborted) throw new BackerError('UNAVAILABLE', 'no longer wanted')
      const bytes = await this.#tools.queue.request(
        list.hash(first),
        length,
        () => this.#suppliers(first),
        this.#signal
      )
      for (const i of places) {
        await file.write(list.offsetOf(i), bytes)
        this.#placed(hashKey(list.hash(i)), i, length)
      }
      letGo(bytes)
    } finally {
      this.#tools.budget.give(length)
    }
  }

  /** All but the holes. */
  async #bytesToWrite(list: ChunkList): Promise<number> {
    let bytes = 0
    for (let i = 0; i < list.count; i++) {
      if (!isZeroChunk(list.hash(i), list.length(i))) bytes += list.length(i)
      if (i % CHUNKS_PER_TURN === CHUNKS_PER_TURN - 1) await this.#tools.context.runtime.timers.breathe()
    }
    return bytes
  }

  #onplaced(list: ChunkList): (chunk: number) => void {
    return i => this.#placed(hashKey(list.hash(i)), i, list.length(i))
  }

  #placed(hash: HashKey, index: number, length: number): void {
    this.#inPlace.set(hash, index)
    this.#unannounced.push(index)
    this.#space?.wrote(length)
    this.#tools.onbytes(length)
  }

  #suppliers(index: number): Supplier[] {
    const sources = new Set(this.#want.sources())
    const suppliers: Supplier[] = []
    for (const peer of this.#tools.peers()) {
      if (sources.has(peer)) suppliers.push({ peer, isSource: true })
      else if (peer.has(this.#rootKey, index)) suppliers.push({ peer, isSource: false })
    }
    return suppliers
  }

  /** Tells peers which chunks are here, so that a half-finished file is already a source. */
  #announceRegularly(): { stop(): void } {
    const { timers } = this.#tools.context.runtime
    const announce = (): void => {
      const ranges = takeRanges(this.#unannounced)
      if (ranges.length > 0)
        for (const peer of this.#tools.peers()) peer.link.announceHave(this.#payload.content.root, ranges)
      timer = timers.after(HAVE_INTERVAL_MS, announce)
    }
    let timer = timers.after(HAVE_INTERVAL_MS, announce)
    return { stop: () => timer.cancel() }
  }
}

/** The places of chunks, each by its hash, in the order in which they first stand in the file. */
function placesByChunk(list: ChunkList, indexes: readonly number[]): Map<HashKey, number[]> {
  const places = new Map<HashKey, number[]>()
  for (const i of indexes) {
    const key = hashKey(list.hash(i))
    const known = places.get(key)
    if (known === undefined) places.set(key, [i])
    else known.push(i)
  }
  return places
}

/** An order of its own for each device, in runs that lie together: two that fetch the same file soon have different parts for each other. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const runs: T[][] = []
  for (let start = 0; start < items.length; start += RUN_CHUNKS) runs.push(items.slice(start, start + RUN_CHUNKS))
  for (let i = runs.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const [a, b] = [runs[i], runs[j]]
    if (a !== undefined && b !== undefined) [runs[i], runs[j]] = [b, a]
  }
  return runs.flat()
}

/** Empties a list of indexes into ranges of [start, count]. */
function takeRanges(indexes: number[]): [number, number][] {
  const sorted = indexes.splice(0).sort((a, b) => a - b)
  const ranges: [number, number][] = []
  for (const index of sorted) {
    const last = ranges.at(-1)
    if (last !== undefined && last[0] + last[1] === index) last[1]++
    else if (last === undefined || last[0] + last[1] < index) ranges.push([index, 1])
  }
  return ranges
}
