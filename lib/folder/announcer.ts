import { hashesEqual, type Hash } from '../core/model/hash.js'
import type { HeadUpdate, PeerLink } from '../../protocol/peer-link.js'
import type { Timer } from '../runtime.js'
import type { FolderContext } from './context.js'
import { FreshNews } from './news.js'
import type { Peer } from './peer.js'

/**
 * At most this often a new root is told while there is a stream of changes; a lone one is told at once. The longer the stream lasts, the rarer: each root
 * that is told is walked by all peers, and what lies between two of them is of use only to those who fetch the same from here.
 */
const INTERVAL_MS = 60
const INTERVAL_MAX_MS = 1000
const INTERVAL_GROWTH = 1.3

/** That a device has begun to do something is told once it has lasted for this long: most of what it does is over before, or has a new root to tell. */
const BUSY_MS = 60

/** For this long a root that was told is kept whole, for those who walk it. */
const KEPT_MS = 60_000
/** Only so many of them: each costs what it does not share with the others. */
const RECENT_MAX = 4

/** Signs what this device holds. undefined: it may not write, so that its root is only a word about itself. */
export type SignHead = (root: Hash, sequence: number) => Uint8Array | undefined

/** Tells peers what this device holds and whether it is at rest: at once when things are quiet, bundled when they are not. */
export class Announcer {
  /** What goes along with the next root that is told. */
  readonly news = new FreshNews()
  readonly #context: FolderContext
  readonly #peers: () => Iterable<Peer>
  readonly #sign: SignHead
  readonly #isIdle: () => boolean
  #told: HeadUpdate | undefined
  /** The signed head that each connection had last: it goes there once. */
  readonly #signed = new WeakMap<PeerLink, Uint8Array>()
  #recent: { readonly roots: readonly Hash[]; readonly at: number }[] = []
  #timer: Timer | undefined
  /** All that the timer waits to tell is that this device is busy. */
  #isForBusy = false
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
    if (this.#context.closed.aborted) return
    const isForBusy = this.#isOnlyBusy()
    if (this.#timer !== undefined && (isForBusy || !this.#isForBusy)) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#isForBusy = isForBusy
    if (isForBusy) return this.#tellAfter(BUSY_MS)
    const wait = this.#isIdle() ? 0 : this.#lastAt + this.#intervalMs - this.#context.runtime.clock.monotonic()
    if (wait <= 0) return this.#tell()
    this.#intervalMs = Math.min(INTERVAL_MAX_MS, this.#intervalMs * INTERVAL_GROWTH)
    this.#tellAfter(wait)
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

  #tellAfter(ms: number): void {
    this.#timer = this.#context.runtime.timers.after(ms, () => {
      this.#timer = undefined
      this.#tell()
    })
  }

  /** All that is new is that this device has something to do. */
  #isOnlyBusy(): boolean {
    const { store } = this.#context
    const told = this.#told
    return told?.idle === true && !this.#isIdle() && isTold(told, store)
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
    if (before !== undefined && isTold(before, store)) {
      this.#told = { ...before, idle }
      return before.idle !== idle
    }
    const { root, lacks, sequence } = store
    this.#told = { root, lacks, idle, sequence, head: this.#sign(root, sequence) }
    this.#sendNews(before?.root)
    this.#recent.push({ roots: [root, lacks], at: this.#context.runtime.clock.monotonic() })
    if (this.#recent.length > RECENT_MAX) this.#recent.shift()
    return true
  }

  /** To those who hold what was told before: they need no more to follow. What a reader holds is followed by nobody. */
  #sendNews(before: Hash | undefined): void {
    const news = this.news.take()
    if (news === undefined || before === undefined || this.#told?.head === undefined) return
    const bytes = news.files.reduce((sum, file) => sum + file.byteLength, 0)
    for (const peer of this.#peers()) {
      if (peer.closed || !peer.isAt(before)) continue
      peer.link.sendNews(news)
      peer.bytesSent += bytes
    }
  }

  #send(peer: Peer): void {
    if (this.#told === undefined || peer.closed) return
    const { head } = this.#told
    const hasIt = head !== undefined && this.#signed.get(peer.link) === head
    peer.link.sendHead(hasIt ? { ...this.#told, head: undefined } : this.#told)
    if (head !== undefined) this.#signed.set(peer.link, head)
  }
}

function isTold(told: HeadUpdate, { root, lacks }: { readonly root: Hash; readonly lacks: Hash }): boolean {
  return hashesEqual(told.root, root) && hashesEqual(told.lacks, lacks)
}
