import { BackerError, messageOf } from '../core/error.js'
import { hashesEqual, hashKey, type Hash } from '../core/model/hash.js'
import type { Head } from '../core/model/head.js'
import type { ReplicaId } from '../core/model/version.js'
import type { FolderLink, HeadUpdate, HoldQuestion, PeerHandlers, PeerLink } from '../../protocol/peer-link.js'
import { clonedError, Clones } from './clones.js'
import type { FolderContext } from './context.js'
import type { FolderEvents } from './events.js'
import { deviceOf } from './head-reader.js'
import type { Heads } from './heads.js'
import { deviceIdOf, type Identity } from './identity.js'
import { Peer } from './peer.js'
import type { Puller } from './puller.js'
import type { FolderState, PeerStatus, Route } from './status.js'
import { Walker } from './walker.js'

/** How many devices may be connected to one folder at once. */
const PEERS_MAX = 256

/** What the peers of a folder tell it. */
export interface PeersHost {
  readonly puller: Puller
  /** What this device keeps of the past, as a peer is told. */
  readonly past: PeerHandlers['onPast']
  /** This device's proof for a peer that it holds a content. */
  readonly prove: (peer: Peer, question: HoldQuestion) => Promise<Uint8Array | undefined>
  readonly onpeer: (peer: Peer) => void
  readonly onevent: (event: FolderEvents['peer'][0]) => void
  /** A device has gone. */
  readonly onleft: (peer: Peer) => void
  /** What some peer has or does has changed. */
  readonly onstate: () => void
  /** A peer has a head of this very device that its index knows nothing of. */
  readonly onrolledback: () => void
  /** True once the first scan is over: before it, nothing can be decided. */
  readonly mayWalk: () => boolean
}

/** The connected peers of one folder: hears what they say, serves what they ask, follows where they go. */
export class Peers implements Iterable<Peer> {
  readonly #context: FolderContext
  readonly #heads: Heads
  readonly #host: PeersHost
  readonly #walker: Walker
  readonly #peers = new Map<string, Peer>()
  readonly #clones: Clones
  #allowWalks: () => void = () => undefined
  readonly #walksAllowed: Promise<void>
  #savingHeads = false
  #ownId = ''

  constructor(context: FolderContext, heads: Heads, host: PeersHost) {
    this.#context = context
    this.#heads = heads
    this.#clones = new Clones(context)
    this.#host = host
    this.#walksAllowed = new Promise(resolve => (this.#allowWalks = resolve))
    this.#walker = new Walker(
      context,
      (peer, path, record) => host.puller.consider(peer, path, record),
      () => this.#walked()
    )
  }

  [Symbol.iterator](): Iterator<Peer> {
    return this.#peers.values()
  }

  load(): void {
    this.#heads.load()
  }

  /** The first scan is over. */
  walkAll(): void {
    this.#allowWalks()
  }

  /** Ends all connections. */
  part(reason: BackerError): void {
    for (const peer of [...this]) peer.link.close(reason)
  }

  /** Every peer is walked once more, from what this device's disk shows. */
  startOver(): void {
    for (const peer of this) peer.startOver()
  }

  /** What a connection needs to serve the folder. */
  link(identity: Identity, replica: ReplicaId, route: (link: PeerLink) => Route): FolderLink {
    this.#ownId = deviceIdOf(identity)
    return {
      folderPublicKey: identity.key.folderPublicKey,
      readSecret: identity.key.kind === 'store' ? new Uint8Array(16) : identity.key.readSecret,
      hello: { name: identity.deviceName, role: identity.certificate === undefined ? 'reader' : 'writer', replica },
      onpeer: link => this.#attach(link, route),
      onroads: () => this.chooseRoads()
    }
  }

  /** True for the root of a tree that a writer has signed as its newest. */
  isSigned(root: Hash): boolean {
    return this.#heads.roots().some(known => hashesEqual(known, root))
  }

  /** Roots that a walk or a peer may still need. */
  roots(): Hash[] {
    return [...this].flatMap(peer => [...peer.targets.values(), ...peer.walked.values()])
  }

  status(ownRoot: Hash): readonly PeerStatus[] {
    return [...this].map(peer => peer.status(ownRoot))
  }

  /** The state of a folder that is itself at rest. */
  state(ownRoot: Hash): FolderState {
    let state: FolderState = 'alone'
    for (const peer of this) {
      if (peer.root === undefined || !hashesEqual(peer.root, ownRoot) || !peer.idle) return 'ahead'
      state = 'in-sync'
    }
    return state
  }

  close(): void {
    this.#allowWalks()
    for (const peer of this) {
      peer.closed = true
      peer.wake.wake()
    }
  }

  /**
   * A connection is there. To a device that is connected already it is one more road: which one is used is for the device with the lesser id
   * to say, by speaking on it, so that both use the same.
   */
  #attach(link: PeerLink, route: (link: PeerLink) => Route): PeerHandlers {
    if (link.deviceId === this.#ownId) {
      this.#clones.tellOwn(this.#ownId, link.remoteHost ?? 'at the other end of a stream')
      return this.#refuse(link, route)
    }
    // Before anything else: a device that was put back to an earlier state can't know it otherwise.
    this.#tellNewest(link)
    const known = this.#peers.get(link.deviceId)
    if (known?.isSame(link) === true) {
      known.join(link)
      if (this.#choosesFor(known)) this.#chooseRoad(known)
      return this.#handlersFor(known, link)
    }
    if (known !== undefined && this.#clones.isClone(link)) {
      this.#clones.tell(link.deviceId, known.name)
      if (this.#clones.isToPart(link.deviceId)) known.end(clonedError(link.deviceId))
      return this.#refuse(link, route)
    }
    if (known !== undefined) this.#giveWay(known)
    const peer = new Peer(link, route, this.#context.runtime.clock.now())
    this.#welcome(peer)
    return this.#handlersFor(peer, link)
  }

  /** Ends a connection to a device whose key is in use at two places, and says why. */
  #refuse(link: PeerLink, route: (link: PeerLink) => Route): PeerHandlers {
    const peer = new Peer(link, route, this.#context.runtime.clock.now())
    peer.closed = true
    link.close(clonedError(link.deviceId))
    return this.#handlersFor(peer, link)
  }

  /** A device has come with another index than before: what it was connected as is over. */
  #giveWay(known: Peer): void {
    const message = 'the device has started anew'
    this.#clones.gaveWay(known.id, known.link.hello.replica)
    this.#detach(known, message)
    known.end(new BackerError('PEER_GONE', message))
  }

  #choosesFor(peer: Peer): boolean {
    return this.#ownId < peer.id
  }

  /** A road has become better or worse. */
  chooseRoads(): void {
    for (const peer of this) if (this.#choosesFor(peer)) this.#chooseRoad(peer)
  }

  /** Takes the best of a device's roads, and says so there. */
  #chooseRoad(peer: Peer): void {
    const best = peer.best()
    if (best === peer.link) return
    peer.use(best)
    this.#host.onpeer(peer)
    this.#host.puller.fetcher.queue.pump()
  }

  #welcome(peer: Peer): void {
    if (this.#peers.size >= PEERS_MAX) peer.link.close(new BackerError('LIMIT', 'too many devices are connected'))
    else this.#peers.set(peer.id, peer)
    if (!this.#clones.isTold(peer.id)) this.#context.problems.clearPeer(peer.id)
    this.#context.problems.clearWaitingFor(peer.id)
    this.#host.onevent({ type: 'connected', peer: peer.status(this.#context.store.root) })
    this.#host.onpeer(peer)
    this.#relay(peer)
    void this.#walker.follow(peer, this.#walksAllowed)
  }

  #handlersFor(peer: Peer, link: PeerLink): PeerHandlers {
    const { server } = this.#host.puller.fetcher
    return {
      onHead: update => this.#onHead(peer, link, update),
      onNews: news => peer.news.take(news),
      onRelayedHeads: heads => this.#onRelayed(peer, heads),
      onNodes: hashes => server.nodes(hashes),
      onContentNodes: (content, hashes) => server.contentNodes(content, hashes),
      onChunks: async asked => {
        const chunks = await server.chunks(asked)
        for (const bytes of chunks) peer.bytesSent += bytes?.byteLength ?? 0
        return chunks
      },
      onPast: path => this.#host.past(path),
      onHold: question => this.#host.prove(peer, question),
      onObstacles: obstacles => {
        peer.obstacles = obstacles
      },
      onHave: (content, ranges) => {
        peer.noteHave(content, ranges)
        this.#host.puller.fetcher.queue.pump()
      },
      onClose: reason => this.#onClose(peer, link, reason)
    }
  }

  #onHead(peer: Peer, link: PeerLink, update: HeadUpdate): void {
    if (link !== peer.link) {
      // What was said before the roads changed and arrives after it is no news.
      if (update.sequence < peer.sequence) return this.#tellNewest(link)
      if (!this.#choosesFor(peer)) peer.use(link)
      // Either it is told that it is followed there, or, where it speaks on a road that this device has left, where it is listened to.
      this.#host.onpeer(peer)
      // It will say so again there: what it said here may be older than what it has said there since. Another tree under one number is no echo.
      if (this.#choosesFor(peer) && update.sequence === peer.sequence && peer.isAt(update.root)) return
    }
    peer.sequence = update.sequence
    peer.root = update.root
    peer.lacks = update.lacks
    peer.idle = update.idle
    if (update.head !== undefined) {
      const before = this.#heads.of(peer.id, link.hello.replica)
      const signed = this.#heads.accept(update.head)
      if (signed === undefined) this.#tellNewest(link)
      else if (before !== undefined && this.#heads.isFork(before, signed)) this.#forked(peer, link, before, update.head)
      else this.#tellElsewhere(peer, link, update.head)
      if (signed !== undefined && deviceOf(signed) !== peer.id)
        throw new BackerError('FORGED', 'a peer gave the head of another device as its own')
      if (signed !== undefined && !hashesEqual(signed.head.root, update.root))
        throw new BackerError('FORGED', 'a peer signed another root than it told')
      if (signed !== undefined) this.#follow(peer, peer.id, signed.head.root)
    }
    this.#saveHeads()
    this.#host.onstate()
  }

  /** A device says less of itself than is known of it: it finds out by that whether it was put back, or another machine speaks in its name. */
  #tellNewest(link: PeerLink): void {
    const newest = this.#heads.of(link.deviceId, link.hello.replica)
    if (newest !== undefined) link.relayHeads([newest])
  }

  /** Where a device has several roads, another machine with its key and index may be at the end of one, at rest: it finds out by what the other has signed since. */
  #tellElsewhere(peer: Peer, link: PeerLink, head: Uint8Array): void {
    for (const other of peer.links) if (other !== link) other.relayHeads([head])
  }

  /** Two trees were signed under one number: two machines have one device's key and index. Each is told of the other's, and goes on with a fresh index. */
  #forked(peer: Peer, link: PeerLink, before: Uint8Array, now: Uint8Array): void {
    this.#clones.tell(peer.id, peer.name)
    link.relayHeads([before])
    this.#tellElsewhere(peer, link, now)
  }

  #onRelayed(peer: Peer, heads: readonly Uint8Array[]): void {
    for (const bytes of heads) {
      const signed = this.#heads.read(bytes)
      const device = deviceOf(signed)
      if (device === this.#ownId && this.#isUnknown(signed.head)) return this.#host.onrolledback()
      if (device !== this.#ownId && this.#heads.keep(signed, bytes)) this.#follow(peer, device, signed.head.root)
    }
    this.#saveHeads()
    this.#host.onstate()
  }

  /** True for a head that this replica signed, as it seems, and that does not fit its index. */
  #isUnknown({ replica, sequence, root }: Head): boolean {
    const { store } = this.#context
    if (replica !== store.replica) return false
    const known = store.rootAt(sequence)
    return sequence > store.sequence || (known !== undefined && !hashesEqual(known, root))
  }

  #follow(peer: Peer, signer: string, root: Hash): void {
    peer.targets.set(signer, root)
    peer.wake.wake()
  }

  /** A walk has ended: all nodes of its root are here, so that a reader can pass the writer's head on. */
  #walked(): void {
    this.#host.puller.nudge()
    for (const peer of this) this.#relay(peer)
    this.#host.onstate()
  }

  /** A reader's own root is only a word; what it holds of the writers' trees it passes on under their signatures. */
  #relay(peer: Peer): void {
    if (this.#context.access === 'write') return
    const whole = new Set([...this].flatMap(other => [...other.walked.values()].map(hashKey)))
    whole.add(hashKey(this.#context.store.root))
    const heads = this.#heads.held(root => whole.has(hashKey(root)))
    if (heads.length > 0) peer.link.relayHeads(heads)
  }

  #saveHeads(): void {
    if (this.#savingHeads) return
    this.#savingHeads = true
    this.#context.runtime.timers.after(1000, () => {
      if (!this.#context.closed.aborted) void this.saved()
    })
  }

  /** Makes what was heard of other devices' heads durable, where it is not. */
  async saved(): Promise<void> {
    if (!this.#savingHeads) return
    this.#savingHeads = false
    await this.#heads
      .save()
      .catch((error: unknown) => this.#context.runtime.trace(`could not keep heads: ${messageOf(error)}`))
  }

  #onClose(peer: Peer, link: PeerLink, reason: BackerError | undefined): void {
    if (reason?.code === 'CLONED' && reason.peer === this.#ownId)
      this.#clones.tellOwn(this.#ownId, `told by ${peer.name}`)
    if (reason !== undefined && BLAMED.has(reason.code)) {
      this.#context.problems.set({ peer: peer.id, code: reason.code, message: `${peer.name}: ${reason.message}` })
    }
    if (peer.closed) return
    const wasInUse = link === peer.link
    if (peer.leave(link)) this.#detach(peer, reason?.message)
    else if (wasInUse) this.#host.onpeer(peer)
  }

  #detach(peer: Peer, reason: string | undefined): void {
    if (peer.closed) return
    peer.closed = true
    peer.wake.wake()
    if (this.#peers.get(peer.id) === peer) this.#peers.delete(peer.id)
    if (this.#context.closed.aborted) return
    this.#host.puller.peerLeft(peer)
    this.#host.onleft(peer)
    this.#host.onevent({
      type: 'disconnected',
      peer: peer.status(this.#context.store.root),
      ...(reason === undefined ? {} : { reason })
    })
    this.#host.onstate()
  }
}

/** Reasons to end a connection that the user should hear of: what a peer did, not that it left. */
const BLAMED: ReadonlySet<string> = new Set([
  'PEER_MISBEHAVED',
  'FORGED',
  'MALFORMED',
  'LIMIT',
  'TREE_CORRUPT',
  'VERSION',
  'BAD_PATH'
])
