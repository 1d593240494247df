import { BackerError, isBackerError } from '../core/error.js'
import { choosePeer, PEER_WINDOW_REQUESTS, type Candidate } from '../core/engine/schedule.js'
import { hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import type { AskedChunk } from '../../protocol/peer-link.js'
import type { Peer } from './peer.js'

/** A peer that may have a chunk; `isSource` as in the schedule. */
export interface Supplier {
  readonly peer: Peer
  readonly isSource: boolean
}

/** Chunks that are asked for in one message. */
interface Demand {
  readonly chunks: readonly AskedChunk[]
  /** Bytes of all of them. */
  readonly length: number
  readonly isSmall: boolean
  readonly suppliers: () => readonly Supplier[]
  readonly signal: AbortSignal
  readonly refused: Set<Peer>
  /** Has at least one of them. */
  readonly resolve: (chunks: readonly (Uint8Array | undefined)[]) => void
  readonly reject: (error: BackerError) => void
}

/** Chunks up to this size go first: a folder of small files is not held up by a large one. */
const SMALL_BYTES = 64 * 1024
/** With over MANY requests open at a peer, the next are sent to it GULP at a time: a message by itself costs more than what is in it. */
const MANY = 64
const GULP = 16
/** How far down a queue to look for something that a free peer can give. */
const LOOK_AHEAD = 64

/**
 * What is wanted from peers, and whom to ask. Small chunks and large ones wait in queues of their own that take turns. The same chunk
 * is never asked for twice at a time. Its length is bounded by who asks: they take bytes from a budget first.
 */
export class ChunkQueue {
  readonly #small: Demand[] = []
  readonly #large: Demand[] = []
  readonly #underway = new Map<HashKey, Promise<Uint8Array>>()
  readonly #peerCount: () => number
  #pumping = false
  #ended = 0

  /** `peerCount`: how many peers are connected. */
  constructor(peerCount: () => number) {
    this.#peerCount = peerCount
  }

  /** How many chunks came from each peer (by device id) since the start. */
  readonly received = new Map<string, number>()

  /**
   * The bytes of a chunk, verified; the caller may let go of them, but not before the next turn. `suppliers` is asked anew each time, as peers come and go. Rejects with UNAVAILABLE when no
   * supplier is left that has not refused, and when `signal` aborts.
   */
  request(hash: Hash, length: number, suppliers: () => readonly Supplier[], signal: AbortSignal): Promise<Uint8Array> {
    const key = hashKey(hash)
    const shared = this.#underway.get(key)
    // Whoever asked first may let go of the bytes as soon as it has used them, which it can't within the turn in which they come.
    if (shared !== undefined) return shared.then(bytes => Uint8Array.from(bytes))
    const promise = this.requestTogether([{ hash, length }], suppliers, signal)
      .then(([bytes]) => {
        if (bytes === undefined) throw unavailable()
        return bytes
      })
      .finally(() => this.#underway.delete(key))
    this.#underway.set(key, promise)
    promise.catch(() => undefined)
    return promise
  }

  /**
   * Several chunks out of one hand, in one message: at most CHUNKS_PER_REQUEST, of at most CHUNK_BYTES together, none of them twice. In order; undefined for those
   * that whoever gave the others does not have. They may be views of one buffer. Rejects as `request` does, where nobody has any of them.
   */
  requestTogether(
    chunks: readonly AskedChunk[],
    suppliers: () => readonly Supplier[],
    signal: AbortSignal
  ): Promise<readonly (Uint8Array | undefined)[]> {
    return new Promise((resolve, reject) => {
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      const isSmall = chunks.every(chunk => chunk.length <= SMALL_BYTES)
      const demand: Demand = { chunks, length, isSmall, suppliers, signal, refused: new Set(), resolve, reject }
      this.#queueOf(demand).push(demand)
      this.pump()
    })
  }

  /** Hands out demands to peers with room: called whenever an answer came, a peer came, or something new is known. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    let progress = true
    while (progress) {
      const small = this.#pumpOne(this.#small)
      const large = this.#pumpOne(this.#large)
      progress = small || large
    }
    this.#pumping = false
  }

  #queueOf(demand: Demand): Demand[] {
    return demand.isSmall ? this.#small : this.#large
  }

  /** Starts the first demand of a queue that some peer can take; false where there is none. */
  #pumpOne(queue: Demand[]): boolean {
    const full = new Set<Peer>()
    for (let i = 0; i < Math.min(queue.length, LOOK_AHEAD); i++) {
      const demand = queue[i]
      if (demand === undefined) return false
      if (demand.signal.aborted) {
        queue.splice(i, 1)
        demand.reject(new BackerError('UNAVAILABLE', 'no longer wanted'))
        return true
      }
      const open = demand.suppliers().filter(({ peer }) => !demand.refused.has(peer) && !peer.closed)
      if (open.length === 0) {
        queue.splice(i, 1)
        demand.reject(unavailable())
        return true
      }
      const free = open.filter(({ peer }) => peer.link.requestsInFlight < PEER_WINDOW_REQUESTS)
      const chosen = choosePeer(free.map(candidateOf), demand.length)
      const supplier = chosen === undefined ? undefined : free[chosen]
      if (supplier === undefined) {
        for (const { peer } of open) full.add(peer)
        if (full.size >= this.#peerCount()) return false
        continue
      }
      queue.splice(i, 1)
      void this.#ask(demand, supplier.peer)
      return true
    }
    return false
  }

  async #ask(demand: Demand, peer: Peer): Promise<void> {
    const { link } = peer
    try {
      const chunks = await link.requestChunks(demand.chunks, demand.signal)
      const came = chunks.filter(bytes => bytes !== undefined)
      if (came.length === 0) throw unavailable()
      peer.failures = 0
      peer.bytesReceived += came.reduce((sum, bytes) => sum + bytes.byteLength, 0)
      this.received.set(peer.id, (this.received.get(peer.id) ?? 0) + came.length)
      demand.resolve(chunks)
    } catch (error) {
      // The road went, not the peer: it is asked again on the one that is left.
      if (isBackerError(error, 'PEER_GONE') && !peer.closed && peer.link !== link) this.#queueOf(demand).unshift(demand)
      else this.#refused(demand, peer, error)
    }
    // While many are under way, the next ones are asked for together.
    if (++this.#ended % GULP === 0 || link.requestsInFlight < MANY) this.pump()
  }

  /** Whatever the reason, this peer is not asked for this chunk again; the next one is. */
  #refused(demand: Demand, peer: Peer, error: unknown): void {
    if (!isBackerError(error, 'UNAVAILABLE')) peer.failures++
    demand.refused.add(peer)
    this.#queueOf(demand).unshift(demand)
  }
}

function unavailable(): BackerError {
  return new BackerError('UNAVAILABLE', 'no connected peer has this content')
}

function candidateOf({ peer, isSource }: Supplier): Candidate {
  const { outstandingBytes, windowBytes } = peer.link
  return { outstandingBytes, windowBytes, isSource, failures: peer.failures }
}
