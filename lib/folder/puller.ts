import type { Outcome } from '../core/engine/reconcile.js'
import { parentOf, type RelativePath } from '../core/model/path.js'
import { sameContent, type FilePayload, type Record } from '../core/model/record.js'
import type { Timer } from '../runtime.js'
import { Adoptions } from './adoptions.js'
import type { FolderContext } from './context.js'
import { decideAt } from './decide.js'
import { HELD_MAX, HeldRemovals } from './held-removals.js'
import { Fetcher, LARGE_UNDERWAY, SMALL_UNDERWAY } from './fetcher.js'
import { Gathering, isGathered, type Gathered } from './gathering.js'
import { Installer, type Installed, type WantBook } from './installer.js'
import { fetchObstacle, installObstacle, RETRY_LATER_MS, type Obstacle } from './obstacle.js'
import type { Peer } from './peer.js'
import { WaitingWants } from './waiting.js'
import { filePayload, needsContent, Want } from './want.js'

/**
 * How many wants are held at once; a walk waits while there are more. Removals wait for everything else, and what is stuck may wait for the user:
 * there may be more of them, so that they hold up nothing else.
 */
const WANTS_MAX = 2000
const REMOVALS_MAX = 100_000
const STUCK_MAX = 50_000
/** How many are installed in one batch: it costs some syncs of the disk, however large it is. How long one that could grow waits. */
const BATCH_MAX = 640
const BATCH_WAIT_MS = 20
/** A whole batch is staged while the one before is installed; a smaller one waits for its end, and grows. */
const BATCHES_UNDERWAY = 2
/** How many large files are passed over to find a small one. */
const DEFERRED_MAX = 1024

/** What the puller tells the folder. */
export interface PullerEvents {
  readonly onidle: () => void
  /** Removals are held, or not any more. */
  readonly onheld: () => void
  readonly onwant: (payload: FilePayload | undefined) => void
  readonly ondone: () => void
}

/**
 * Brings this disk to what peers have. Whatever happens (a walk finds a difference, content arrives, a batch is done, a record
 * changes here, a peer goes) changes the wants and then calls `#advance`, which alone decides what is begun next.
 *
 * What holds: a want that is in hand (in `#batch`) is not changed until its install has ended; every want is in `#wants`; those that wait for their turn are in `#waiting`, those at hand in `#ready`, removals in neither: they
 * come last, when nothing else is left that could still need what they remove.
 */
export class Puller implements WantBook {
  readonly fetcher: Fetcher
  readonly #context: FolderContext
  readonly #events: PullerEvents
  readonly #peers: () => Iterable<Peer>
  readonly #installer: Installer
  readonly #gathering: Gathering
  readonly #wants = new Map<RelativePath, Want>()
  readonly #waiting: WaitingWants
  readonly #ready = new Set<Want>()
  readonly #removals = new Set<Want>()
  readonly #stuck = new Set<Want>()
  /** Removals that wait for somebody's word. */
  readonly held: HeldRemovals
  readonly #batch = new Set<Want>()
  readonly #adoptions: Adoptions
  readonly #room: (() => void)[] = []
  #smallUnderway = 0
  #largeUnderway = 0
  #installing = 0
  #judging = false
  #readySince: number | undefined
  #timer: Timer | undefined

  constructor(
    context: FolderContext,
    peers: () => Iterable<Peer>,
    events: PullerEvents,
    onbytes: (bytes: number) => void
  ) {
    this.#context = context
    this.#peers = peers
    this.#events = events
    this.fetcher = new Fetcher(context, peers, onbytes)
    this.#installer = new Installer(context, this)
    this.#gathering = new Gathering(context.runtime.timers, group => void this.#fetchTogether(group))
    this.#waiting = new WaitingWants(context.runtime.random)
    this.held = new HeldRemovals(context)
    this.#adoptions = new Adoptions(context, {
      decide: (path, remote) => this.decide(path, remote),
      onoutdated: () => {
        for (const peer of peers()) peer.startOver()
      },
      ondone: () => this.#advance()
    })
  }

  get hasRemovals(): boolean {
    return this.#removals.size + this.held.size > 0
  }

  get(path: RelativePath): Want | undefined {
    return this.#wants.get(path)
  }

  /** True while nothing is left that this device could do: what is stuck for a reason that the user was told does not count. */
  get idle(): boolean {
    if (!this.#adoptions.idle || this.#installing > 0) return false
    if (this.#wants.size > this.#stuck.size + this.held.size) return false
    for (const { state } of this.#stuck) if (state.kind === 'stuck' && !state.told) return false
    return !this.#walking
  }

  decide(path: RelativePath, remote: Record): Outcome {
    return decideAt(this.#context, path, remote)
  }

  /** Takes in what a peer has at a path. The promise resolves once there is room for more. */
  consider(peer: Peer, path: RelativePath, record: Record): Promise<void> | void {
    const outcome = this.decide(path, record)
    const known = this.#wants.get(path)
    if (known !== undefined) {
      known.claim(peer, record)
      if (!this.#isInHand(known)) this.#reconsider(known)
    } else if (outcome.kind === 'adopt') this.#adoptions.add(path, record)
    else if (outcome.kind === 'apply') {
      const want = new Want(path, outcome)
      want.claim(peer, record)
      this.#wants.set(path, want)
      this.#events.onwant(filePayload(want))
      this.#enqueue(want)
    }
    if (this.#adoptions.isFull || this.#waiting.size + this.#ready.size < 256) this.#advance()
    if (!this.#hasRoom) this.#advance()
    return this.#hasRoom ? undefined : new Promise(resolve => this.#room.push(resolve))
  }

  /** What the index has of these paths changed: what is wanted there is decided anew, and what could not take the place of the directory that they lie in may do so now. */
  touched(paths: readonly RelativePath[]): void {
    for (const path of this.#wants.size > 0 ? paths : []) {
      const want = this.#wants.get(path)
      if (want !== undefined && !this.#isInHand(want)) this.#reconsider(want)
      const parent = parentOf(path)
      const above = parent === undefined ? undefined : this.#wants.get(parent)
      if (above?.state.kind === 'stuck') this.#reconsider(above)
    }
    this.#advance()
  }

  peerLeft(peer: Peer): void {
    for (const want of this.#wants.values()) {
      if (!want.disclaim(peer)) this.#giveUp(want, peer)
      else if (!this.#isInHand(want)) this.#reconsider(want)
    }
    this.fetcher.queue.pump()
    this.#advance()
  }

  /** Something may have changed for the better: a walk has ended, a peer has come. */
  nudge(): void {
    this.fetcher.queue.pump()
    this.#advance()
  }

  close(): void {
    this.#timer?.cancel()
    for (const want of this.#wants.values()) if (want.state.kind === 'fetching') want.state.abort?.abort()
    for (const resolve of this.#room.splice(0)) resolve()
  }

  get #hasRoom(): boolean {
    const [removals, stuck, held] = [this.#removals.size, this.#stuck.size, this.held.size]
    if (removals >= REMOVALS_MAX || stuck >= STUCK_MAX || held >= HELD_MAX) return false
    return this.#wants.size - removals - stuck - held - this.#waiting.postponed < WANTS_MAX
  }

  #isInHand(want: Want): boolean {
    return this.#batch.has(want)
  }

  #enqueue(want: Want): void {
    want.state = { kind: 'waiting' }
    if (want.isRemoval) this.#removals.add(want)
    else if (needsContent(want, this.#context.store)) this.#waiting.add(want)
    else this.#setReady(want, undefined)
  }

  #setReady(want: Want, content: Extract<Want['state'], { kind: 'ready' }>['content']): void {
    want.state = { kind: 'ready', content }
    this.#ready.add(want)
    this.#readySince ??= this.#context.runtime.clock.monotonic()
  }

  staged(want: Want): void {
    this.fetcher.release(want.noteStaged())
  }

  #reconsider(want: Want): void {
    const remote = want.remoteRecord()
    if (remote === undefined) return this.#drop(want)
    const outcome = this.decide(want.path, remote)
    if (outcome.kind !== 'apply') {
      if (outcome.kind === 'adopt') this.#adoptions.add(want.path, remote)
      this.held.resolve(want)
      return this.#end(want)
    }
    const before = want.payload
    want.apply = outcome
    if (want.state.kind === 'stuck' || !sameContent(before, outcome.payload)) {
      this.#letGo(want)
      this.#enqueue(want)
    }
  }

  /** Takes a want out of whatever it is in. */
  #letGo(want: Want): void {
    if (want.state.kind === 'fetching') want.state.abort?.abort()
    if (want.state.kind === 'ready') this.fetcher.release(want.state.content)
    this.#waiting.delete(want)
    this.#ready.delete(want)
    this.#removals.delete(want)
    this.#stuck.delete(want)
    this.held.delete(want)
    want.state = { kind: 'waiting' }
  }

  /** Nothing is left to be done at its path. */
  #end(want: Want): void {
    this.fetcher.forget(want.path)
    this.#drop(want)
  }

  /** The only one that had it is gone: it is wanted again when that one, or another that has it, is there. */
  #giveUp(want: Want, { id, name }: Peer): void {
    this.#drop(want)
    if (this.#context.closed.aborted) return
    this.#context.problems.note({ path: want.path, peer: id, code: 'no-source', message: `source offline: ${name}` })
  }

  #drop(want: Want): void {
    this.#letGo(want)
    if (this.#wants.get(want.path) === want) this.#wants.delete(want.path)
    this.#context.problems.clear(want.path)
    this.#events.ondone()
    this.#tellRoom()
  }

  #tellRoom(): void {
    if (this.#hasRoom) this.#room.shift()?.()
  }

  /** The one place that decides what is begun next. */
  #advance(): void {
    if (this.#context.closed.aborted || this.#context.isStopped()) return
    try {
      this.#startFetches()
      void this.#adoptions.commit()
      void this.#installSome()
      this.#schedule()
      if (this.idle) this.#events.onidle()
    } catch (error) {
      this.#context.onFatal(error)
    }
  }

  get #walking(): boolean {
    for (const peer of this.#peers()) if (peer.behind) return true
    return false
  }

  get #hasSeveralPeers(): boolean {
    let count = 0
    for (const peer of this.#peers()) if (!peer.closed) count++
    return count > 1
  }

  #startFetches(): void {
    if (!this.#walking) this.#waiting.bringBack()
    const deferred: Want[] = []
    const hasSeveralPeers = this.#hasSeveralPeers
    while (this.#smallUnderway < SMALL_UNDERWAY && deferred.length < DEFERRED_MAX) {
      const want = this.#waiting.draw({ inOrder: !hasSeveralPeers })
      const payload = want && filePayload(want)
      if (want === undefined || payload === undefined) break
      const isLarge = payload.content.height > 0
      const isHere = this.#context.store.pathsWithContent(payload.content.root, 1).length > 0
      if (isHere && this.#installer.canMove(want)) this.#setReady(want, undefined)
      // The walk under way may still find that it is to be moved from there.
      else if (isHere && this.#waiting.mayPostpone && this.#walking) this.#waiting.postpone(want)
      else if (isLarge && this.#largeUnderway >= LARGE_UNDERWAY) deferred.push(want)
      else if (isHere || !isGathered(payload)) void this.#fetch(want, payload, isLarge)
      else this.#gather(want, payload, hasSeveralPeers)
    }
    for (const want of deferred) this.#waiting.add(want)
  }

  #gather(want: Want, payload: FilePayload, hasSeveralPeers: boolean): void {
    const state = { kind: 'fetching', abort: undefined } as const
    want.state = state
    this.#smallUnderway++
    const sources = hasSeveralPeers ? want.sources().map(({ id }) => id) : []
    this.#gathering.add({ want, payload, state }, sources.join())
  }

  async #fetchTogether(group: readonly Gathered[]): Promise<void> {
    const contents = await this.fetcher.fetchTogether(group, this.#context.closed)
    if (this.#context.closed.aborted) return
    for (const [i, { want, payload, state }] of group.entries()) {
      const content = contents[i]
      if (want.state !== state) this.fetcher.release(content)
      else if (content === undefined) void this.#fetch(want, payload, false)
      else this.#setReady(want, content)
    }
    this.#smallUnderway -= group.length
    this.#advance()
  }

  async #fetch(want: Want, payload: FilePayload, isLarge: boolean): Promise<void> {
    const abort = new AbortController()
    const state = { kind: 'fetching', abort } as const
    want.state = state
    if (isLarge) this.#largeUnderway++
    else this.#smallUnderway++
    try {
      const content = await this.fetcher.fetch(want, payload, abort.signal)
      if (want.state === state) this.#setReady(want, content)
      else this.fetcher.release(content)
    } catch (error) {
      if (want.state === state) this.#stick(want, fetchObstacle(want, error))
    }
    if (isLarge) this.#largeUnderway--
    else this.#smallUnderway--
    this.#advance()
  }

  #stick(want: Want, why: Obstacle): void {
    this.#letGo(want)
    const told = why.code !== undefined && why.message !== undefined
    this.#stuck.add(want)
    want.state = { kind: 'stuck', retryAt: this.#context.runtime.clock.monotonic() + why.retryMs, told }
    if (why.code !== undefined && why.message !== undefined)
      this.#context.problems.set({ path: want.path, code: why.code, message: why.message })
    this.#tellRoom()
  }

  async #installSome(): Promise<void> {
    if (this.#installing >= BATCHES_UNDERWAY) return
    const batch = this.#takeBatch()
    if (batch.length === 0) return
    this.#installing++
    for (const want of batch) this.#batch.add(want)
    try {
      const results = await this.#installer.install(batch)
      for (const want of batch) this.#batch.delete(want)
      for (const want of batch) this.#concluded(want, results.get(want) ?? { kind: 'stale' })
      for (const [want, result] of results) if (!batch.includes(want)) this.#concluded(want, result)
    } catch (error) {
      for (const want of batch) this.#batch.delete(want)
      for (const want of batch) this.#stick(want, { retryMs: RETRY_LATER_MS })
      this.#context.onFatal(error)
    }
    this.#installing--
    this.#advance()
  }

  /** What is to be installed now: whatever is ready once it is worth it; removals when nothing else is left. */
  #takeBatch(): Want[] {
    if (this.#ready.size > 0) {
      const underway = this.#smallUnderway + this.#largeUnderway > 0 || this.#waiting.size > 0
      const waited = this.#context.runtime.clock.monotonic() - (this.#readySince ?? 0)
      const mayGrow = this.#installing > 0 || (underway && waited < BATCH_WAIT_MS)
      if (mayGrow && this.#ready.size < BATCH_MAX) return []
      const batch = [...this.#ready].slice(0, BATCH_MAX)
      for (const want of batch) this.#ready.delete(want)
      this.#readySince = this.#ready.size > 0 ? this.#context.runtime.clock.monotonic() : undefined
      return batch
    }
    const isTheirTurn =
      this.#waiting.size === 0 && this.#smallUnderway + this.#largeUnderway + this.#installing === 0 && !this.#walking
    const isForced = this.#removals.size >= REMOVALS_MAX
    if ((!isTheirTurn && !isForced) || this.#judging) return []
    const unjudged = [...this.#removals].filter(want => !want.isMeant)
    if (unjudged.length > 0) {
      void this.#judge(unjudged, isForced)
      return []
    }
    const batch = [...this.#removals].slice(-BATCH_MAX)
    for (const want of batch) this.#removals.delete(want)
    return batch
  }

  /** Has the removals looked at whose turn has come: so many of them may have to wait for somebody's word. */
  async #judge(wants: readonly Want[], isForced: boolean): Promise<void> {
    this.#judging = true
    try {
      await this.held.judge(wants, { isForced, isWanted: want => this.#removals.has(want) })
      for (const want of wants) if (this.held.has(want)) this.#removals.delete(want)
    } catch (error) {
      this.#context.onFatal(error)
    }
    this.#judging = false
    this.#events.onheld()
    this.#advance()
  }

  /** Carries out the removals that were held. Returns how many. Throws what the store throws. */
  async acceptRemovals(): Promise<number> {
    const wants = await this.held.accept()
    for (const want of wants) this.#enqueue(want)
    this.#tellRoom()
    this.#advance()
    return wants.length
  }

  /** True where all that peers have told of was carried out, or can't be. */
  get #hasNothingElse(): boolean {
    return !this.#walking && this.#waiting.size + this.#ready.size + this.#removals.size === 0
  }

  #concluded(want: Want, result: Installed): void {
    switch (result.kind) {
      case 'done':
        return this.#isOver(want) ? this.#end(want) : this.#decideAnew(want)
      case 'stale':
        return this.#decideAnew(want)
      case 'blocked':
        want.isBlocked = this.#hasNothingElse
        this.#context.onBlocked(want.path)
        return this.#stick(want, installObstacle(result))
      case 'changed':
      case 'failed':
        // Of what is kept some may have lost by now what it was kept for.
        if (result.kind === 'failed' && result.code === 'kept') this.#context.onBlocked(want.path)
        return this.#stick(want, installObstacle(result))
    }
  }

  #decideAnew(want: Want): void {
    this.#letGo(want)
    this.#enqueue(want)
    this.#reconsider(want)
  }

  /** True where nothing is known beyond what was installed: peers may have told more while the want was in hand. */
  #isOver(want: Want): boolean {
    const remote = want.remoteRecord()
    // What was installed just as a peer has it needs no comparing, unless it may have gone again and is to come back.
    const isSame = remote === want.apply.record && want.apply.keep === undefined
    const isAsInstalled = isSame && this.#context.losses.restoringCount === 0
    return remote === undefined || isAsInstalled || this.decide(want.path, remote).kind === 'current'
  }

  /** Sets the timer for whatever waits for time to pass: a batch that could grow, or something stuck. */
  #schedule(): void {
    this.#timer?.cancel()
    const now = this.#context.runtime.clock.monotonic()
    let next = this.#ready.size > 0 && this.#installing === 0 ? (this.#readySince ?? now) + BATCH_WAIT_MS : Infinity
    for (const { state } of this.#stuck) if (state.kind === 'stuck') next = Math.min(next, state.retryAt)
    if (next === Infinity) return
    this.#timer = this.#context.runtime.timers.after(Math.max(1, next - now), () => this.#retry())
  }

  #retry(): void {
    const now = this.#context.runtime.clock.monotonic()
    try {
      for (const want of [...this.#stuck])
        if (want.state.kind === 'stuck' && want.state.retryAt <= now) this.#reconsider(want)
    } catch (error) {
      this.#context.onFatal(error)
    }
    this.#advance()
  }
}
