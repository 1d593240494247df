import { BackerError, isBackerError, messageOf } from '../core/error.js'
import { hashBytes, hashesEqual, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import type { Record } from '../core/model/record.js'
import { diffTrees } from '../core/tree/diff.js'
import { delay } from '../runtime.js'
import type { Store } from '../store/store.js'
import type { FolderContext } from './context.js'
import type { Peer } from './peer.js'

/** After how many differences the walk lets others have their turn. */
const BREATH = 256
/** How many bytes of fetched nodes are held while they are written: those of one answer and some. */
const UNWRITTEN_BYTES = 2 * 1024 * 1024
/** How long until a tree that could not be had is asked for again. */
const RETRY_MS = 1000

/** What a walk found at one path: what the peer has there. Resolves when there is room for more. */
export type Consider = (peer: Peer, path: RelativePath, record: Record) => Promise<void> | void

/**
 * Follows one peer: whenever it (or, through a reader, a writer behind it) shows a root that has not been walked, walks from the last one
 * to the new one, and hands on every path that differs. The first walk starts from what this device itself holds, so
 * that two equal devices exchange nothing but their roots.
 */
export class Walker {
  readonly #context: FolderContext
  readonly #consider: Consider
  readonly #onwalked: () => void

  constructor(context: FolderContext, consider: Consider, onwalked: () => void) {
    this.#context = context
    this.#consider = consider
    this.#onwalked = onwalked
  }

  /** Runs until the peer goes. `mayWalk` resolves once walking makes sense (the first scan is over). */
  async follow(peer: Peer, mayWalk: Promise<void>): Promise<void> {
    await mayWalk
    while (!peer.closed && !this.#context.closed.aborted) {
      const next = peer.nextWalk()
      if (next === undefined) {
        await peer.wake.wait()
        continue
      }
      try {
        await this.#walk(peer, next.from ?? (await this.#context.losses.baseRoot()), next.to)
        peer.noteWalked(next.signer, next.to)
        this.#onwalked()
      } catch (error) {
        await this.#failed(peer, next.signer, error)
      }
    }
  }

  /** A tree that moved on is tried again from this device's own root; a tree that is wrong ends the connection. */
  async #failed(peer: Peer, signer: string, error: unknown): Promise<void> {
    if (peer.closed || this.#context.closed.aborted) return
    peer.walked.delete(signer)
    if (isBackerError(error, 'UNAVAILABLE') || isBackerError(error, 'TIMEOUT') || isBackerError(error, 'PEER_GONE')) {
      await delay(this.#context.runtime.timers, RETRY_MS, this.#context.closed)
      return
    }
    peer.link.close(
      error instanceof BackerError ? error : new BackerError('PEER_MISBEHAVED', messageOf(error), { cause: error })
    )
  }

  async #walk(peer: Peer, from: Hash, to: Hash): Promise<void> {
    const { store, ledger, losses } = this.#context
    if (hashesEqual(from, to) || (losses.restoringCount === 0 && ledger.holds(to))) return
    // What was walked may have been dropped from the store meanwhile: then the walk starts from what this device holds.
    const start = from !== store.root && store.node(from) === undefined ? store.root : from
    // What this device has just as the peer has it is known: a peer that fetches from here is followed at no more than what it lacks.
    // What is to come back is in this device's tree already, and has to be found all the same.
    const held = start === store.root || losses.restoringCount > 0 ? undefined : store.root
    const fetched = new FetchedNodes(store)
    const walk = diffTrees(hash => fetched.get(hash) ?? store.node(hash), start, to, { held })
    let count = 0
    for (const step of walk) {
      if (peer.closed || this.#context.closed.aborted) return
      if (step.kind === 'wanted') await fetched.add(await this.#fetch(peer, step.hashes))
      if (step.kind === 'differs' && step.b !== undefined) await this.#consider(peer, step.path, step.b)
      if (step.kind === 'pause' || ++count % BREATH === 0) await this.#context.runtime.timers.breathe()
    }
    await fetched.written()
  }

  async #fetch(peer: Peer, hashes: readonly Hash[]): Promise<ReadonlyMap<HashKey, Uint8Array>> {
    const answers = await peer.link.requestNodes(hashes)
    const nodes = new Map<HashKey, Uint8Array>()
    for (const bytes of answers) if (bytes !== undefined) nodes.set(hashKey(hashBytes(bytes)), bytes)
    if (nodes.size < hashes.length)
      throw new BackerError('UNAVAILABLE', 'the peer no longer has the tree that it announced', { peer: peer.id })
    return nodes
  }
}

/** Nodes of one walk on their way into the store, so that the walk goes on while they are written: a sync of the disk for each height would hold it up. */
class FetchedNodes {
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
