import { EventEmitter } from 'node:events'
import { asBackerError, BackerError } from '../core/error.js'
import type { Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { parseIgnore, type IgnoreRules } from '../disk/ignore.js'
import type { Watch } from '../disk/watch.js'
import type { FolderLink, PeerLink } from '../../protocol/peer-link.js'
import { delay } from '../runtime.js'
import { Announcer } from './announcer.js'
import { Browser } from './browse.js'
import { Collector } from './collector.js'
import { ContentSource } from './content-source.js'
import type { FolderContext } from './context.js'
import { Copies } from './copies.js'
import { removeDeadBelow } from './dead-directories.js'
import { tellFullDisk } from './disk-floor.js'
import type { FolderEvents } from './events.js'
import { HeadReader } from './head-reader.js'
import { Heads } from './heads.js'
import { Drift } from './drift.js'
import { Dropper } from './dropper.js'
import { Getter } from './getter.js'
import { HeldDecision } from './held-deletes.js'
import { HeldLosses } from './held-losses.js'
import { HeldSums } from './held-sums.js'
import { History } from './history.js'
import { IGNORE_FILE, readIgnoreFile } from './ignore-file.js'
import { Ledger, type Committed } from './ledger.js'
import { Observer } from './observer.js'
import type { FolderParts } from './parts.js'
import { Peers } from './peers.js'
import { Problems } from './problems.js'
import { ProgressMeter } from './progress.js'
import { ObstacleTeller } from './obstacles.js'
import { ProgressTeller } from './progress-teller.js'
import { Puller } from './puller.js'
import { recoverFolder } from './recovery.js'
import { Rescans } from './rescans.js'
import { Verifier } from './verifier.js'
import { errorOf, type FolderState, type FolderStatus, type HeldDeletes, type Route } from './status.js'

/** How long a change that is under way at the end is waited for. */
const REST_MS = 3000

/** One synced directory: its index, its disk and its peers, and what goes on between them. */
export class Folder extends EventEmitter<FolderEvents> {
  readonly #parts: FolderParts
  readonly #context: FolderContext
  readonly #losses: HeldLosses
  readonly #held: HeldDecision
  readonly #abort = new AbortController()
  readonly #problems: Problems
  readonly #observer: Observer
  readonly #puller: Puller
  readonly #peers: Peers
  readonly #announcer: Announcer
  readonly #collector: Collector
  readonly #meter: ProgressMeter
  /** What people look at and decide in the folder. */
  readonly browser: Browser
  /** What is kept of its past. */
  readonly history: History
  /** Holds what lies on the disk against what should lie there. */
  readonly verifier: Verifier
  /** What was changed by hand where this device may not write. */
  readonly drift: Drift
  /** On how many devices each file's content lies. */
  readonly copies: Copies
  /** Lets go of files that other devices hold. */
  readonly dropper: Dropper
  /** Brings them back. */
  readonly getter: Getter
  #ignore: IgnoreRules = parseIgnore(undefined)
  #watch: Watch | undefined
  #fatal: BackerError | undefined
  readonly #rescans: Rescans
  readonly #teller: ProgressTeller
  readonly #obstacles: ObstacleTeller
  readonly #sums: HeldSums
  #wasInSync = false
  #closing: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(parts: FolderParts) {
    super()
    this.#parts = parts
    const heads = new HeadReader(parts.identity.key.folderPublicKey)
    this.#sums = new HeldSums(parts.store)
    this.#problems = new Problems(problem => this.emit('problem', problem))
    this.#losses = new HeldLosses(
      () => this.#context,
      () => this.#held.changed()
    )
    this.#held = new HeldDecision({
      context: () => this.#context,
      losses: this.#losses,
      puller: () => this.#puller,
      startOver: () => this.#peers.startOver(),
      onchange: () => this.#changed()
    })
    this.#context = this.#makeContext(parts)
    this.#meter = new ProgressMeter(parts.runtime.clock)
    this.#puller = this.#makePuller()
    this.#observer = new Observer(this.#context, () => this.#changed(), parts.longBytes)
    const { runtime, rescanIntervalMs } = parts
    this.#rescans = new Rescans(runtime.timers, rescanIntervalMs, () => this.rescan())
    const tell = (): void => void this.emit('progress', this.#meter.get())
    this.#teller = new ProgressTeller(runtime.timers, tell, () => this.#puller.idle)
    this.#peers = this.#makePeers(new Heads(parts.store, heads))
    const sign = (root: Hash, sequence: number): Uint8Array | undefined =>
      this.#sign(root, sequence, runtime.clock.now())
    const isAtRest = (): boolean => this.isIdle && this.#losses.count + this.#losses.restoringCount === 0
    this.#announcer = new Announcer(this.#context, () => this.#peers, sign, isAtRest)
    const isWanted = (path: RelativePath): boolean =>
      this.#puller.get(path) !== undefined || this.getter.isGetting(path)
    this.browser = new Browser(this.#context, isWanted)
    this.history = this.#makeHistory(parts, heads)
    const source = new ContentSource(this.#context, this.#puller.fetcher, () => this.#peers)
    this.verifier = new Verifier(this.#context, source)
    this.drift = new Drift(this.#context, source, () => this.#peers)
    this.getter = new Getter(this.#context, source)
    const { key, deviceKeyPair } = parts.identity
    this.dropper = new Dropper(this.#context, {
      folderPublicKey: key.folderPublicKey,
      device: deviceKeyPair.publicKey,
      peers: () => this.#peers,
      isWanted
    })
    this.copies = new Copies(this.#context, this.#peers, this.#puller, () => this.#changed())
    this.#obstacles = new ObstacleTeller(this.#context, this.#peers, this)
    this.#collector = new Collector(this.#context, () => [
      ...this.copies.roots(),
      ...this.#announcer.recentRoots(),
      ...this.#peers.roots(),
      ...this.#losses.roots(),
      ...this.history.roots()
    ])
  }

  /** Begins: reads the ignore rules, watches, looks through everything. Resolves once it has begun. */
  async start(): Promise<void> {
    const { disk, store, watch } = this.#parts
    store.onfailure = error => this.#stopped(error)
    await recoverFolder(this.#context)
    this.#peers.load()
    this.#losses.load()
    this.copies.load()
    this.#held.changed()
    this.#ignore = await readIgnoreFile(disk)
    this.#watch = watch({
      onPaths: paths => this.#observer.hintPaths(paths),
      onDirectories: directories => this.#observer.hint(directories),
      onLimited: message => this.#watchLimited(message),
      ignores: (path, isDirectory) => this.#ignore.ignores(path, isDirectory)
    })
    this.#running = this.#observer.run()
    this.#rescans.start()
    this.history.start()
    await this.verifier.start()
    await this.drift.load()
  }

  /** True where this device has nothing to do. */
  get isIdle(): boolean {
    return this.#observer.scanned && this.#observer.idle && this.#puller.idle && this.#fatal === undefined
  }

  /** What a connection needs to serve this folder. */
  link(route: (link: PeerLink) => Route): FolderLink {
    return this.#peers.link(this.#parts.identity, this.#parts.store.replica, route)
  }

  /** Looks through everything again. */
  rescan(): void {
    this.#observer.hintEverything()
  }

  /** Chunks that came from each peer since the start, by device id. */
  get chunksReceived(): ReadonlyMap<string, number> {
    return this.#puller.fetcher.queue.received
  }

  /** Deletes that wait for somebody's word; undefined where none do. */
  heldDeletes(): HeldDeletes | undefined {
    return this.#held.told()
  }

  /** The held deletes are meant: they are carried out here and everywhere. Returns of how many items. Throws MARKER, and what the store throws. */
  acceptDeletes(): Promise<number> {
    return this.#held.accept()
  }

  /**
   * The held deletes are not meant: what is gone here is fetched again, and what others deleted is given back to them. Returns of how many items.
   * Throws KEY_KIND where others deleted it and this device may not write, and what the store throws.
   */
  rejectDeletes(): Promise<number> {
    return this.#held.reject()
  }

  status(): FolderStatus {
    const { store, identity, path } = this.#parts
    const sums = this.#sums.get()
    const heldDeletes = this.heldDeletes()
    const copies = this.copies.status()
    return {
      id: identity.folderId,
      path,
      access: identity.key.kind === 'write' ? 'write' : 'read',
      role: identity.role,
      state: this.#state(),
      ...(this.#fatal === undefined ? {} : { error: errorOf(this.#fatal) }),
      files: sums.files,
      bytes: sums.bytes,
      records: sums.records,
      root: Buffer.from(store.root).toString('hex'),
      scanned: this.#observer.scanned,
      idle: this.isIdle && this.#losses.restoringCount === 0,
      progress: this.#meter.get(),
      ...(copies === undefined ? {} : { copies }),
      ...this.copies.lacking(),
      ...(heldDeletes === undefined ? {} : { heldDeletes }),
      problems: this.#problems.list(),
      problemCount: this.#problems.count,
      verify: this.verifier.status(),
      ...this.drift.told(),
      peers: this.#peers.status(store.root)
    }
  }

  /** Ends everything that this folder began; its disk and index are closed as well. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#abort.abort()
    this.#rescans.close()
    this.#teller.close()
    this.#observer.wake()
    this.#puller.close()
    this.#announcer.close()
    this.#obstacles.close()
    this.#collector.close()
    this.history.close()
    this.verifier.close()
    this.copies.close()
    this.#peers.close()
    this.#watch?.close()
    // A change that is under way may end well; a disk that hangs is not waited for.
    await Promise.race([this.#atRest(), delay(this.#parts.runtime.timers, REST_MS)])
    await this.#parts.disk.close()
    await this.#atRest()
    await this.#peers.saved()
    this.#sums.get()
    await this.#parts.store.close()
  }

  async #atRest(): Promise<void> {
    await this.#running
    await this.#context.ledger.lock.run(() => Promise.resolve())
  }

  #makeContext({ disk, store, runtime, identity }: FolderParts): FolderContext {
    return {
      disk,
      store,
      runtime,
      problems: this.#problems,
      losses: this.#losses,
      localEdits: {
        isOn: () => this.history.holder.isOn,
        replaced: changes => this.history.holder.replaced(changes),
        expect: path => this.history.holder.expect(path)
      },
      ledger: new Ledger(store, { oncommit: one => this.#committed(one), onseen: seen => this.#puller.touched(seen) }),
      access: identity.certificate === undefined ? 'read' : 'write',
      role: identity.role,
      onBlocked: path => void this.#makeWay(path),
      ignore: () => this.#ignore,
      onChange: change => {
        runtime.trace(`${change.origin} ${change.action} ${change.path}`)
        this.emit('change', change)
      },
      onConflict: conflict => this.emit('conflict', conflict),
      onFatal: error => this.#stopped(error),
      onMarkerFound: () => this.#markerFound(),
      isStopped: () => this.#fatal !== undefined,
      hasFailed: () => this.#fatal !== undefined && this.#fatal.code !== 'MARKER',
      onSuspect: directories => this.#observer.hint(directories),
      onSuspectPath: path => this.#observer.hintPaths([path]),
      looked: () => this.#observer.looked(),
      onHalfDropped: path => void this.dropper.settle(path),
      onDoubtful: path => this.verifier.doubt(path),
      onVerify: event => this.emit('verify', event),
      watching: directories => this.#watch?.add(directories),
      closed: this.#abort.signal
    }
  }

  #makePuller(): Puller {
    const events = {
      onidle: () => this.#changed(),
      onheld: () => this.#held.changed(),
      onwant: (payload: { readonly size: number } | undefined) => {
        this.#meter.want(payload?.size ?? 0)
        this.#teller.soon()
      },
      ondone: () => this.#meter.done()
    }
    return new Puller(
      this.#context,
      () => this.#peers,
      events,
      bytes => this.#meter.fetched(bytes)
    )
  }

  #makeHistory({ identity, packIntervalMs, keepLocal = false }: FolderParts, heads: HeadReader): History {
    return new History(this.#context, this.#puller.fetcher, {
      device: Buffer.from(identity.deviceKeyPair.publicKey).toString('hex'),
      heads,
      sign: (root, sequence, timeMs) => this.#sign(root, sequence, timeMs),
      peers: () => this.#peers,
      mayKeep: () => this.#observer.scanned,
      keepLocal,
      packIntervalMs
    })
  }

  #makePeers(heads: Heads): Peers {
    return new Peers(this.#context, heads, {
      puller: this.#puller,
      past: path => this.history.told(path),
      prove: (peer, question) => this.dropper.prove(peer.id, question),
      onpeer: peer => {
        this.#announcer.greet(peer)
        this.#obstacles.greet(peer)
        this.verifier.mender.nudge()
      },
      onevent: event => this.emit('peer', event),
      onleft: peer => void this.copies.noteLeft(peer),
      onstate: () => this.#changed(),
      onrolledback: () => void this.#rolledBack(),
      mayWalk: () => this.#observer.scanned
    })
  }

  /** What is not the folder's, or not any more, goes from below a directory in whose place something else is to stand, as far as it may. */
  async #makeWay(directory: RelativePath): Promise<void> {
    await this.drift.makeWay(directory)
    await removeDeadBelow(this.#context, directory).catch((error: unknown) => this.#context.onFatal(error))
  }

  /** The index has new records of these paths. */
  #committed({ paths, seen, nodes, files }: Committed): void {
    this.#announcer.news.note({ nodes, files })
    if (paths.includes(IGNORE_FILE)) void this.#reloadIgnore()
    this.#puller.touched(seen)
    this.history.holder.note(paths)
    this.verifier.mender.hint()
    this.drift.note(paths)
    this.#collector.committed(nodes, () => this.#sums.get().records)
    this.#changed()
  }

  /** Whatever peers and listeners should know of may have changed. */
  #changed(): void {
    if (this.#abort.signal.aborted) return
    this.#held.changed()
    if (this.#observer.scanned) this.#peers.walkAll()
    this.#announcer.announce()
    this.copies.note()
    this.#obstacles.note()
    if (this.isIdle) this.#meter.reset()
    const inSync = this.isIdle && this.#state() === 'in-sync'
    if (inSync && !this.#wasInSync) this.emit('insync', this.status())
    this.#wasInSync = inSync
  }

  #state(): FolderState {
    if (this.#fatal !== undefined) return 'stopped'
    if (!this.#observer.scanned) return 'scanning'
    if (!this.isIdle || this.#held.state === 'restoring') return 'syncing'
    if (this.#held.state === 'held') return 'held'
    return this.#peers.state(this.#parts.store.root)
  }

  #sign(root: Hash, sequence: number, timeMs: number): Uint8Array | undefined {
    return this.#parts.identity.signHead({ root, sequence, replica: this.#parts.store.replica, timeMs })
  }

  #stopped(error: unknown): void {
    if (this.#abort.signal.aborted) return
    const reason = asBackerError(error, 'FILE_SYSTEM')
    const isNews = this.#fatal?.code !== reason.code || this.#fatal.message !== reason.message
    this.#fatal = reason
    // Whoever found the marker gone: the observer is the one who looks for it until it is back.
    if (reason.code === 'MARKER') this.#observer.hintEverything()
    if (reason.code === 'FILE_SYSTEM') void tellFullDisk(this.#parts.disk, reason, full => this.#stopped(full))
    if (isNews && this.listenerCount('error') > 0) this.emit('error', reason)
    this.#changed()
  }

  /**
   * Another device holds a head that this one signed and does not know: the whole device was put back to an earlier state. What its index claims to have
   * seen, and which counters are free, is not true any more: from here on nothing is changed, and the next opening makes a fresh index (invariant S13).
   */
  async #rolledBack(): Promise<void> {
    if (this.#fatal?.code === 'ROLLED_BACK') return
    const reason = new BackerError(
      'ROLLED_BACK',
      'this device was put back to an earlier state, or another machine uses its key: other devices know of it what it does not',
      {
        hint: 'Its index is made anew from the files; what differs from other devices is kept beside theirs.'
      }
    )
    this.#fatal = reason
    this.#peers.part(reason)
    try {
      await this.#parts.store.condemn()
    } catch (error) {
      this.#stopped(error)
      return
    }
    if (this.listenerCount('error') > 0) this.emit('error', reason)
    this.#changed()
  }

  /** A disk that was not mounted is back: what stopped the folder is over. A disk that failed is not trusted again until a restart. */
  #markerFound(): void {
    if (this.#fatal?.code !== 'MARKER') return
    this.#fatal = undefined
    this.#puller.nudge()
    this.#changed()
  }

  async #reloadIgnore(): Promise<void> {
    try {
      this.#ignore = await readIgnoreFile(this.#parts.disk)
      this.#observer.hintEverything()
    } catch (error) {
      this.#stopped(error)
    }
  }

  #watchLimited(message: string): void {
    this.#problems.set({ path: '.', code: 'unreadable', message })
    this.#rescans.hurry()
  }
}
