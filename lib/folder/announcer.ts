import { hashesEqual, type Hash } from '../core/model/hash.js'
import type { Timer } from '../runtime.js'
import type { FolderContext } from './context.js'
import type { Peer } from './peer.js'

/**
 * At most this often a new root is told while there is a stream of changes; a lone one is told at once. The longer the stream lasts, the rarer: each root
 * that is told is walked by all peers, and what lies between two of them is of use only to those who fetch the same from here.
 */
const INTERVAL_MS = 60
const INTERVAL_MAX_MS = 1000
const INTERVAL_GROWTH = 1.3

/** For this long a root that was told is kept whole, for those who walk it. */
const KEPT_MS = 60_000
/** Only so many of them: each costs what it does not share with the others. */
const RECENT_MAX = 4

/** Signs what this device holds. undefined: it may not write, so that its root is only a word about itself. */
export type SignHead = (root: Hash, sequence: number) => Uint8Array | undefined

/** Tells peers what this device holds and whether it is at rest: at once when things are quiet, bundled when they are not. */
export class Announcer {
  readonly #context: FolderContext
  readonly #peers: () => Iterable<Peer>
  readonly #sign: SignHead
  readonly #isIdle: () => boolean
  #told:
    | {
        readonly root: Hash
        readonly lacks: Hash
        readonly idle: boolean
        readonly head: Uint8Array | undefined
        readonly sequence: number
      }
    | undefined
  #recent: { readonly roots: readonly Hash[]; readonly at: number }[] = []
  #timer: Timer | undefined
  #lastAt = -Infinity
  #intervalMs = INTERVAL_MS

  constructor(context: FolderContext, peers: () => Iterable<Peer>, sign: SignHead, isIdle: () => boolean) {
    this.#context = context
    this.#peers = peers
    this.#sign = sign
    this.#isIdle = isIdle
  }

  /** Something that peers should know may have changed. */
  announce(): void {
    if (this.#timer !== undefined || this.#context.closed.aborted) return
    const { clock, timers } = this.#context.runtime
    const wait = this.#isIdle() ? 0 : this.#lastAt + this.#intervalMs - clock.monotonic()
    if (wait <= 0) this.#tell()
    else {
      this.#intervalMs = Math.min(INTERVAL_MAX_MS, this.#intervalMs * INTERVAL_GROWTH)
      this.#timer = timers.after(wait, () => {
        this.#timer = undefined
        this.#tell()
      })
    }
  }

  /** Tells one peer that has just come; and all others, if what it is told is news for them as well. */
  greet(peer: Peer): void {
    try {
      const isNews = this.#update()
      for (const one of isNews ? [...this.#peers()] : [peer]) this.#send(one)
    } catch (error) {
      this.#context.onFatal(error)
    }
  }

  /** Roots that peers may be walking right now, of both trees. */
  recentRoots(): Hash[] {
    const since = this.#context.runtime.clock.monotonic() - KEPT_MS
    this.#recent = this.#recent.filter(({ at }, i) => at > since || i === this.#recent.length - 1).slice(-RECENT_MAX)
    return this.#recent.flatMap(({ roots }) => roots)
  }

  close(): void {
    this.#timer?.cancel()
  }

  #tell(): void {
    try {
      if (!this.#update()) return
      this.#lastAt = this.#context.runtime.clock.monotonic()
      for (const peer of this.#peers()) this.#send(peer)
    } catch (error) {
      this.#context.onFatal(error)
    }
  }

  /** Brings what is to be told up to date; true where it differs from what was told last. */
  #update(): boolean {
    const { store } = this.#context
    const idle = this.#isIdle()
    if (idle) this.#intervalMs = INTERVAL_MS
    const before = this.#told
    if (before !== undefined && hashesEqual(before.root, store.root) && hashesEqual(before.lacks, store.lacks)) {
      this.#told = { ...before, idle }
      return before.idle !== idle
    }
    const { root, lacks, sequence } = store
    this.#told = { root, lacks, idle, sequence, head: this.#sign(root, sequence) }
    this.#recent.push({ roots: [root, lacks], at: this.#context.runtime.clock.monotonic() })
    if (this.#recent.length > RECENT_MAX) this.#recent.shift()
    return true
  }

  #send(peer: Peer): void {
    if (this.#told !== undefined && !peer.closed) peer.link.sendHead(this.#told)
  }
}
