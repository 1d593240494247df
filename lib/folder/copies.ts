import { asBackerError, isBackerError, messageOf } from '../core/error.js'
import { hashesEqual, type Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { EMPTY_ROOT } from '../core/tree/node.js'
import type { Timer } from '../runtime.js'
import type { FolderContext } from './context.js'
import { readHoldings, writeHoldings, type Holding } from './holdings.js'
import { lackingOf } from './lacking.js'
import type { Peer } from './peer.js'
import type { Peers } from './peers.js'
import type { Puller } from './puller.js'
import type { CopiesStatus, Lacking } from './status.js'
import { tallyCopies, type CopiesCount, type CountedDevice } from './tally.js'

/** How soon it is counted after something has changed. */
const DELAY_MS = 300
/** While there is a stream of changes, counting takes at most one part in so many of the time. */
const SHARE = 20
/** While files are under way, so much is to change that it is counted this seldom. */
const BUSY_MS = 10_000
/** Of how many items of one device that is not there it is told that they wait for it. */
const WAITING_MAX = 1000
/** How many letters of a device's id stand for its name, which is not known here. */
const NAME_LETTERS = 8
/** What reading a tree throws that is none. */
const NO_TREE = ['TREE_CORRUPT', 'MALFORMED', 'LIMIT', 'BAD_PATH'] as const

/**
 * Knows on how many devices each file's content lies. A device that is not connected counts with what it said last: it told nothing before that was
 * durable there.
 */
export class Copies {
  readonly #context: FolderContext
  readonly #peers: Peers
  readonly #puller: Puller
  readonly #onchange: () => void
  /** What each other device holds, by its id; in the order in which they told. */
  readonly #holdings = new Map<string, Holding>()
  /** What connected devices told of and do not give, by their ids: until they tell of something else they are not counted. */
  readonly #unreadable = new Map<string, Holding>()
  /** Until when a count can wait while files are under way: monotonic milliseconds. */
  #dueAt: number
  #counted: { readonly own: Pick<Holding, 'root' | 'lacks'>; readonly count: CopiesCount } | undefined
  /** What is read right now must not be swept. */
  #inUse: Hash[] = []
  #timer: Timer | undefined
  #isCounting = false
  /** What devices held that have gone since counting began. */
  readonly #left = new Map<string, Holding>()
  /** How often a device was forgotten. */
  #forgotten = 0

  constructor(context: FolderContext, peers: Peers, puller: Puller, onchange: () => void) {
    this.#context = context
    this.#peers = peers
    this.#dueAt = context.runtime.clock.monotonic() + BUSY_MS
    this.#puller = puller
    this.#onchange = onchange
  }

  load(): void {
    for (const holding of readHoldings(this.#context.store)) this.#holdings.set(holding.device, holding)
    this.note()
  }

  /** What is known; undefined until it was counted for the first time. */
  status(): CopiesStatus | undefined {
    if (this.#counted === undefined) return undefined
    return { ...this.#counted.count.copies, current: this.#isCurrent() }
  }

  /** What other devices do not have, as it was counted last, and why; nothing where there is nothing. */
  lacking(): { readonly lacking?: readonly Lacking[] } {
    const { store } = this.#context
    const lacking = lackingOf({
      lacks: this.#counted?.count.lacks ?? [],
      peers: this.#peers,
      ownRoot: store.root,
      isKnown: path => store.get(path as RelativePath) !== undefined
    })
    return lacking.length === 0 ? {} : { lacking }
  }

  /** A device has gone: it is kept in mind what it held at the end, where all of that is known here. */
  async noteLeft(peer: Peer): Promise<void> {
    const told = toldBy(peer)
    const before = this.#holdings.get(peer.id)
    if (told === undefined || peer.behind || (before !== undefined && isSame(before, told))) return
    const isWalked = [...peer.walked.values()].some(root => hashesEqual(root, told.root))
    const lacks = before?.lacks ?? EMPTY_ROOT
    if (!isWalked || !hashesEqual(told.lacks, lacks)) return
    this.#holdings.set(peer.id, told)
    this.#left.set(peer.id, told)
    this.note()
    const { store, runtime } = this.#context
    await writeHoldings(store, [...this.#holdings.values()]).catch((error: unknown) =>
      runtime.trace(`could not keep what ${peer.id} held: ${messageOf(error)}`)
    )
  }

  /** Roots of trees that are counted with. */
  roots(): Hash[] {
    return [...this.#inUse, ...[...this.#holdings.values()].flatMap(({ root, lacks }) => [root, lacks])]
  }

  /** What this device or another one holds may have changed. */
  note(): void {
    if (!this.#isCounting && !this.#isCurrent()) this.#schedule(DELAY_MS)
  }

  /** A device is not counted with any more, until it is connected again. Durable when it resolves. */
  async forget(device: string): Promise<void> {
    if (!this.#holdings.delete(device)) return
    this.#forgotten++
    this.#counted = undefined
    await writeHoldings(this.#context.store, [...this.#holdings.values()])
    this.note()
  }

  close(): void {
    this.#timer?.cancel()
  }

  #isCurrent(): boolean {
    const { store } = this.#context
    if (this.#counted === undefined || this.#left.size > 0 || !isSame(this.#counted.own, store)) return false
    for (const peer of this.#peers) {
      const told = toldBy(peer)
      const known = this.#unreadable.get(peer.id) ?? this.#holdings.get(peer.id)
      if (told === undefined || known === undefined || !isSame(known, told)) return false
    }
    return true
  }

  #schedule(delayMs: number): void {
    const { runtime, closed } = this.#context
    if (closed.aborted) return
    this.#timer ??= runtime.timers.after(delayMs, () => {
      this.#timer = undefined
      if (this.#isBusy && runtime.clock.monotonic() < this.#dueAt) this.#schedule(DELAY_MS)
      else void this.#count()
    })
  }

  /** This device, or one that is connected, has files to fetch. */
  get #isBusy(): boolean {
    for (const { idle } of this.#peers) if (!idle) return true
    return !this.#puller.idle
  }

  async #count(): Promise<void> {
    const { runtime, closed, onFatal } = this.#context
    if (this.#isCounting || closed.aborted) return
    this.#isCounting = true
    const beganAt = runtime.clock.monotonic()
    try {
      await this.#countOnce()
    } catch (error) {
      if (isBackerError(error, 'STORE_CORRUPT')) onFatal(error)
      // A tree has moved on, a device has gone, the folder is closed: it is tried again where there is reason to.
      runtime.trace(`could not count copies: ${messageOf(error)}`)
    }
    this.#isCounting = false
    this.#dueAt = runtime.clock.monotonic() + BUSY_MS
    this.#inUse = []
    this.#noteAgain(beganAt)
    this.#onchange()
  }

  /** What changed meanwhile is counted too, later the longer counting takes. */
  #noteAgain(beganAt: number): void {
    const { runtime } = this.#context
    if (!this.#isCurrent()) this.#schedule(DELAY_MS + (runtime.clock.monotonic() - beganAt) * SHARE)
  }

  async #countOnce(): Promise<void> {
    const { root, lacks } = this.#context.store
    const own = { root, lacks }
    this.#left.clear()
    const heard = new Map(this.#holdings)
    const connected = new Map<string, Peer>()
    const forgotten = this.#forgotten
    for (const peer of this.#peers) {
      connected.set(peer.id, peer)
      const told = toldBy(peer)
      // While its tree is still being walked it counts with what it held before.
      if (told === undefined || peer.behind) continue
      const before = heard.get(peer.id)
      const unreadable = this.#unreadable.get(peer.id)
      heard.delete(peer.id)
      if (unreadable !== undefined && isSame(unreadable, told)) continue
      this.#unreadable.delete(peer.id)
      heard.set(peer.id, before !== undefined && isSame(before, told) ? before : told)
    }
    const others = [...heard.values()]
    this.#inUse = [root, lacks, ...others.flatMap(other => [other.root, other.lacks])]
    const waiting = new Map(others.map(({ device }) => [device, new Set<string>()]))
    const signed = new Set(others.filter(other => this.#peers.isSigned(other.root)).map(({ device }) => device))
    const count = await tallyCopies(
      this.#context,
      own,
      others.map(holding => ({ holding, peer: connected.get(holding.device) })),
      {
        onwrong: (other, error) => this.#wrong(other, error),
        onother: (device, path, record) => {
          const paths = waiting.get(device)
          if (paths === undefined || paths.size >= WAITING_MAX || !signed.has(device)) return
          if (this.#puller.decide(path, record).kind === 'apply') paths.add(path)
        }
      }
    )
    if (forgotten !== this.#forgotten) return
    this.#counted = { own, count }
    for (const [device, paths] of waiting)
      if (!connected.has(device)) this.#context.problems.waitFor(device, paths, device.slice(0, NAME_LETTERS))
    await this.#keep(new Map([...heard, ...this.#left]))
  }

  /** A device's trees can't be read: it does not count, until it tells of others. */
  #wrong({ holding, peer }: CountedDevice, error: unknown): void {
    if (peer === undefined) {
      if (isBackerError(error, 'UNAVAILABLE')) this.#holdings.delete(holding.device)
      return
    }
    this.#unreadable.set(peer.id, holding)
    if (NO_TREE.some(code => isBackerError(error, code))) peer.link.close(asBackerError(error, 'TREE_CORRUPT'))
  }

  async #keep(heard: ReadonlyMap<string, Holding>): Promise<void> {
    const isNews =
      heard.size !== this.#holdings.size || [...heard].some(([device, one]) => this.#holdings.get(device) !== one)
    if (!isNews) return
    this.#holdings.clear()
    for (const [device, holding] of heard) this.#holdings.set(device, holding)
    await writeHoldings(this.#context.store, [...heard.values()])
  }
}

function isSame(a: Pick<Holding, 'root' | 'lacks'>, b: Pick<Holding, 'root' | 'lacks'>): boolean {
  return hashesEqual(a.root, b.root) && hashesEqual(a.lacks, b.lacks)
}

function toldBy({ id, root, lacks }: Peer): Holding | undefined {
  return root === undefined || lacks === undefined ? undefined : { device: id, root, lacks }
}
