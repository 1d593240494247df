import { BackerError, isBackerError, messageOf } from '../core/error.js'
import { hashesEqual, type Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import type { Record } from '../core/model/record.js'
import { diffTrees } from '../core/tree/diff.js'
import { delay } from '../runtime.js'
import type { FolderContext } from './context.js'
import { FetchedNodes, fetchNodes, LateNodes } from './fetch-nodes.js'
import type { Peer } from './peer.js'

/** After how many differences the walk lets others have their turn. */
const BREATH = 256
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
  /** A reader passes on the trees that it walks: it must have them whole. */
  readonly #late: LateNodes | undefined

  constructor(context: FolderContext, consider: Consider, onwalked: () => void) {
    this.#context = context
    this.#consider = consider
    this.#onwalked = onwalked
    this.#late = context.access === 'write' ? new LateNodes(context) : undefined
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
    const nodeAt = (hash: Hash): Uint8Array | undefined => this.#late?.get(hash) ?? store.node(hash)
    const start = from !== store.root && nodeAt(from) === undefined ? store.root : from
    // What this device has just as the peer has it is known: a peer that fetches from here is followed at no more than what it lacks.
    // What is to come back is in this device's tree already, and has to be found all the same.
    const held = start === store.root || losses.restoringCount > 0 ? undefined : store.root
    const fetched = new FetchedNodes(store, this.#late)
    const walk = diffTrees(hash => fetched.get(hash) ?? nodeAt(hash), start, to, { held })
    let count = 0
    for (const step of walk) {
      if (peer.closed || this.#context.closed.aborted) return
      if (step.kind === 'wanted') await fetched.add(await fetchNodes(peer, step.hashes))
      if (step.kind === 'differs' && step.b !== undefined) await this.#consider(peer, step.path, step.b)
      if (step.kind === 'pause' || ++count % BREATH === 0) await this.#context.runtime.timers.breathe()
    }
    await fetched.written()
  }
}
