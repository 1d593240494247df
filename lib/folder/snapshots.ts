import { retained } from '../core/engine/retention.js'
import { BackerError, isBackerError, messageOf } from '../core/error.js'
import { hashesEqual, type Hash } from '../core/model/hash.js'
import type { Snapshot } from '../core/model/snapshot.js'
import type { ToldSnapshot } from '../../protocol/messages.js'
import { snapshotId } from '../disk/kept-ids.js'
import type { KeptSnapshot } from '../disk/kept.js'
import type { FolderContext } from './context.js'
import { deviceOf, type HeadReader } from './head-reader.js'
import type { Mutex } from './mutex.js'
import type { Moment } from './past.js'
import type { Peer } from './peer.js'
import { TreeKeeper } from './tree-keeper.js'

/** At most one snapshot is made by the clock in each of these. */
const AUTOMATIC_PERIOD_MS = 3600 * 1000
/** How many of another device's snapshots are taken over in one turn. */
const FOLLOWED_AT_ONCE = 20
/** The latest time that an id can tell: the end of the year 9999. */
const TIME_MAX_MS = 253_402_300_799_999

/** Who makes snapshots here, and who else has some. */
export interface SnapshotParts {
  /** This device's public key in hexadecimal. */
  readonly device: string
  readonly heads: HeadReader
  /** A signed head in wire bytes; undefined on a device that only reads. */
  readonly sign: (root: Hash, sequence: number, timeMs: number) => Uint8Array | undefined
  readonly peers: () => Iterable<Peer>
  /** What changes the history is done under it. */
  readonly lock: Mutex
}

/** A snapshot that a peer has told of. */
interface Offer {
  readonly peer: Peer
  readonly snapshot: Snapshot
  readonly isPinned: boolean
}

/** The kept states of a folder: made here, or taken over from other devices, whose signatures vouch for them. */
export class Snapshots {
  readonly #context: FolderContext
  readonly #parts: SnapshotParts
  readonly #trees: TreeKeeper

  constructor(context: FolderContext, parts: SnapshotParts) {
    this.#context = context
    this.#parts = parts
    this.#trees = new TreeKeeper(context)
  }

  /** Roots whose nodes the index has to keep meanwhile. */
  roots(): Hash[] {
    return this.#trees.roots()
  }

  /** All that are on this device, the latest first. */
  async list(): Promise<readonly KeptSnapshot[]> {
    return (await this.#context.disk.history('snapshots')).snapshots
  }

  /** Keeps the folder as this device has it now. Rejects with what the disk throws. */
  create(kind: Snapshot['kind'], isPinned: boolean): Promise<KeptSnapshot> {
    const { store, runtime, disk } = this.#context
    const { device, sign, lock } = this.#parts
    return lock.run(async () => {
      const { root, sequence } = store
      const atMs = runtime.clock.now()
      const head = sign(root, sequence, atMs)
      const snapshot = { id: snapshotId({ root, atMs, device }), root, atMs, device, kind, head }
      await this.#trees.keep(root)
      await disk.history('keepSnapshot', snapshot)
      if (isPinned) await disk.history('pin', snapshot.id, true, 'user')
      return { ...snapshot, isPinned, isPinnedByMaker: false }
    })
  }

  /** Makes one where the clock asks for it: an hour has begun since the last one, and something has changed. */
  async createIfDue(): Promise<void> {
    const [latest] = await this.list()
    const hourOf = (ms: number): number => Math.floor(ms / AUTOMATIC_PERIOD_MS)
    if (latest !== undefined && hourOf(latest.atMs) === hourOf(this.#context.runtime.clock.now())) return
    if (latest !== undefined && hashesEqual(latest.root, this.#context.store.root)) return
    await this.create('automatic', false)
  }

  /** The tree as it is now, as if it were a snapshot: its nodes stay until the next sweep. */
  async now(): Promise<Hash> {
    const { root } = this.#context.store
    await this.#parts.lock.run(() => this.#trees.keep(root))
    return root
  }

  /** Lets go of those that the rule does not keep. Returns how many went. The caller holds the lock. */
  async thin(nowMs: number): Promise<number> {
    const all = await this.list()
    const stays = retained(
      all.map(({ atMs }) => atMs),
      nowMs
    )
    return this.#drop(all.filter((one, i) => stays[i] === false && one.kind === 'automatic' && !isFixed(one)))
  }

  /** Lets go of those that were made at that time or before, for want of room. Returns how many went. The caller holds the lock. */
  async evict(cutoffMs: number): Promise<number> {
    return this.#drop((await this.list()).filter(one => one.atMs <= cutoffMs && !isFixed(one)))
  }

  /** Removes a snapshot. Rejects with NO_VERSION where it is not on this device. */
  async remove(id: string): Promise<void> {
    const count = await this.#parts.lock.run(() => this.#context.disk.history('dropSnapshots', [id]))
    if (count === 0) throw noSnapshot(id)
  }

  async #drop(going: readonly KeptSnapshot[]): Promise<number> {
    if (going.length === 0) return 0
    const ids = going.map(({ id }) => id)
    return this.#context.disk.history('dropSnapshots', ids)
  }

  /** What this device tells peers: what somebody made here counts as pinned, so that it is not thinned out elsewhere. */
  async told(): Promise<readonly ToldSnapshot[]> {
    return (await this.list()).flatMap(({ head, isPinned, kind }) =>
      head === undefined ? [] : [{ head, isPinned: isPinned || kind === 'manual' }]
    )
  }

  /**
   * The snapshot that shows the folder at a moment: the one with that id, or the last one before that time. One that only a connected device has is
   * fetched first. undefined: there is none.
   */
  async find(moment: Moment): Promise<KeptSnapshot | undefined> {
    const fits = (one: Snapshot): boolean => (moment.kind === 'id' ? one.id === moment.id : one.atMs <= moment.atMs)
    const here = (await this.list()).find(fits)
    if (moment.kind === 'id' && here !== undefined) return here
    const offers = (await this.#offers()).filter(({ snapshot }) => fits(snapshot))
    for (const offer of offers.sort((a, b) => b.snapshot.atMs - a.snapshot.atMs)) {
      if (here !== undefined && offer.snapshot.atMs <= here.atMs) break
      const taken = await this.#tryToTake(offer)
      if (taken !== undefined) return taken
    }
    return here
  }

  /** The earliest moment that can be shown; undefined where there is none at all. */
  async earliestMs(): Promise<number | undefined> {
    return (await this.list()).at(-1)?.atMs
  }

  /**
   * Takes over what other devices keep, so that the same moments are kept everywhere, and with them, wherever it lies, what they consist of. The pins
   * of whoever made a snapshot are kept as well. Only writers are followed: what is told is signed, but which of it is told is not.
   */
  async follow(): Promise<void> {
    const mine = await this.list()
    const offers = (await this.#offers()).filter(({ peer }) => peer.targets.has(peer.id))
    const known = new Set(mine.map(({ id }) => id))
    const fresh = [...new Map(offers.map(offer => [offer.snapshot.id, offer])).values()].filter(
      ({ snapshot }) => !known.has(snapshot.id)
    )
    const stays = retained(
      [...mine, ...fresh.map(({ snapshot }) => snapshot)].map(({ atMs }) => atMs),
      this.#context.runtime.clock.now()
    ).slice(mine.length)
    const wanted = fresh.filter((offer, i) => stays[i] === true || isPinnedByMaker(offer))
    for (const offer of wanted.sort((a, b) => b.snapshot.atMs - a.snapshot.atMs).slice(0, FOLLOWED_AT_ONCE)) {
      if (this.#context.closed.aborted) return
      await this.#tryToTake(offer)
    }
    await this.#followPins(offers)
  }

  /** What a maker that is connected does not pin any more, or does not even have, is not pinned for it either. */
  async #followPins(offers: readonly Offer[]): Promise<void> {
    const makers = new Set(offers.map(({ peer }) => peer.id))
    const pinned = new Set(offers.filter(isPinnedByMaker).map(({ snapshot }) => snapshot.id))
    for (const { id, device, isPinnedByMaker: was } of await this.list()) {
      const isNow = pinned.has(id)
      if (makers.has(device) && isNow !== was) await this.#context.disk.history('pin', id, isNow, 'maker')
    }
  }

  /** Pins a snapshot or takes its pin away. Rejects with NO_VERSION where it is not on this device. */
  async pin(id: string, isPinned: boolean): Promise<void> {
    if (!(await this.list()).some(one => one.id === id)) throw noSnapshot(id)
    await this.#context.disk.history('pin', id, isPinned, 'user')
  }

  /** What connected devices tell of; what is not signed as it should be is passed over. */
  async #offers(): Promise<Offer[]> {
    const asked = [...this.#parts.peers()].map(async peer => {
      const { snapshots } = await peer.link.requestPast(undefined)
      return snapshots.flatMap(told => {
        const snapshot = this.#snapshotOf(told)
        return snapshot === undefined ? [] : [{ peer, snapshot, isPinned: told.isPinned }]
      })
    })
    return (await Promise.all(asked.map(offers => offers.catch(() => [])))).flat()
  }

  #snapshotOf({ head: bytes }: ToldSnapshot): Snapshot | undefined {
    try {
      const signed = this.#parts.heads.read(bytes)
      const { root, timeMs: atMs } = signed.head
      const device = deviceOf(signed)
      if (atMs > TIME_MAX_MS) return undefined
      return { id: snapshotId({ root, atMs, device }), root, atMs, device, kind: 'automatic', head: bytes }
    } catch (error) {
      if (isBackerError(error)) return undefined
      throw error
    }
  }

  async #tryToTake(offer: Offer): Promise<KeptSnapshot | undefined> {
    try {
      return await this.#take(offer)
    } catch (error) {
      this.#context.runtime.trace(`could not take over snapshot ${offer.snapshot.id}: ${messageOf(error)}`)
      return undefined
    }
  }

  async #take(offer: Offer): Promise<KeptSnapshot> {
    const { disk } = this.#context
    const { peer, snapshot } = offer
    const isPinned = isPinnedByMaker(offer)
    await this.#trees.fetch(peer, snapshot.root, () =>
      this.#parts.lock.run(async () => {
        await this.#trees.keep(snapshot.root)
        await disk.history('keepSnapshot', snapshot)
        if (isPinned) await disk.history('pin', snapshot.id, true, 'maker')
      })
    )
    return { ...snapshot, isPinned: false, isPinnedByMaker: isPinned }
  }
}

/** True where neither the rule nor want of room takes a snapshot away. */
function isFixed({ isPinned, isPinnedByMaker: isPinnedElsewhere }: KeptSnapshot): boolean {
  return isPinned || isPinnedElsewhere
}

function isPinnedByMaker({ peer, snapshot, isPinned }: Offer): boolean {
  return isPinned && snapshot.device === peer.id
}

export function noSnapshot(id: string): BackerError {
  return new BackerError('NO_VERSION', `there is no snapshot ${id}`, { hint: 'See them with backer snapshots.' })
}
