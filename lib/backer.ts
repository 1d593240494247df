import { EventEmitter } from 'node:events'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { Duplex } from 'node:stream'
import type { DhtAddress } from 'hyperdht'
import { BackerError, messageOf } from './core/error.js'
import { formatKey, parseKey } from './core/model/key-text.js'
import { RESERVED_NAME } from './core/model/path.js'
import type { Role } from './core/model/role.js'
import { createWriteKey, toReadKey, toStoreKey, topicOf, type FolderKey } from './core/model/keys.js'
import type { Disk } from './disk/disk.js'
import { openAside } from './disk/aside.js'
import { keepTrimmed } from './disk/mapped.js'
import { checkDirectory, makeDirectory, openDisk } from './disk/open.js'
import { INDEX_NAME } from './disk/own.js'
import { startWatch } from './disk/watch.js'
import type { Browser } from './folder/browse.js'
import type { Drift } from './folder/drift.js'
import type { Dropper } from './folder/dropper.js'
import type { FolderEvents } from './folder/events.js'
import { Folder } from './folder/folder.js'
import type { Getter } from './folder/getter.js'
import type { History } from './folder/history.js'
import type { Verifier } from './folder/verifier.js'
import { deviceIdOf, makeIdentity, type Identity } from './folder/identity.js'
import type { RestorePlan, RestoreReport } from './folder/past.js'
import type { FolderStatus, Route } from './folder/status.js'
import { openHome, type Home } from './home/home.js'
import { takeLock, type Lock } from './home/lock.js'
import { isPrivate, parseAddress, type Address } from './net/address.js'
import type { Network } from './net/network.js'
import { openEnd } from '../protocol/handshake.js'
import { Connection } from '../protocol/connection.js'
import type { PeerLink } from '../protocol/peer-link.js'
import { keepAlive, realRuntime } from './real-runtime.js'
import { delay, type Runtime } from './runtime.js'
import { DATA_NAME, openIndex } from './store/open-index.js'
import type { Store } from './store/store.js'

/** How often everything is looked through although nothing was heard from the watcher. */
const RESCAN_INTERVAL_MS = 60 * 60 * 1000
/** How long saying goodbye to the DHT may take. */
const LEAVE_DEADLINE_MS = 1000

export interface BackerOptions {
  /** A key's text form: joins that folder. Without it the directory's own key is used, or a new folder is made. */
  readonly key?: string | undefined
  /** Where this device's key and its folders' keys are kept: a directory. Default: `.backer/home` in the folder. */
  readonly home?: string | undefined
  /** What other devices call this one. Default: the host's name. */
  readonly deviceName?: string | undefined
  /** A network shared with other folders; without it `join` opens one of its own. */
  readonly network?: Network | Promise<Network> | undefined
  /** Makes the directory where it is missing. */
  readonly createDirectory?: boolean | undefined
  /**
   * Makes a new marker where the home knows the directory as a folder and its marker is gone: only when the user says so, since it would otherwise be
   * made in the empty mount point of a disk that is not there.
   */
  readonly makeMarker?: boolean | undefined
  /** Milliseconds between two looks through everything. Default: an hour. */
  readonly rescanIntervalMs?: number | undefined
  /** Keeps what is edited or deleted on this device as well, at the price of a copy of everything. Default: no. */
  readonly keepLocal?: boolean | undefined
  /** What this device does in the folder. Default: what it did, or else `mirror`. */
  readonly role?: Role | undefined
  /** Hears one line for everything that happens. */
  readonly trace?: ((line: string) => void) | undefined
}

export interface JoinOptions {
  /** The DHT to use instead of the public one. */
  readonly bootstrap?: readonly DhtAddress[] | undefined
  /** False: this folder is not announced nor looked for on the LAN. */
  readonly lan?: boolean | undefined
  /** `host:port` at which other devices of the folder take TCP. */
  readonly peers?: readonly string[] | undefined
}

/**
 * Opens `directory` as a synced folder and keeps it in sync with whatever it gets connected to. Returns at once; `ready` tells when it is open.
 * Errors of opening reject `ready`; later ones that stop the folder come as `error` and stand in `status()`. An open folder keeps the process
 * alive until `close`.
 */
export function backer(directory: string, options: BackerOptions = {}): Backer {
  return new Backer(resolve(directory), options)
}

/** What is there once a folder is open. */
interface Opened {
  readonly folder: Folder
  readonly identity: Identity
}

/** One synced folder: the library's handle. */
export class Backer extends EventEmitter<FolderEvents> {
  readonly directory: string
  readonly #options: BackerOptions
  readonly #runtime: Runtime
  readonly #opening: Promise<Opened>
  readonly #letGo = keepAlive()
  readonly #connections = new Set<Connection>()
  #opened: Opened | undefined
  #network: Network | undefined
  #ownsNetwork = false
  #leave: (() => Promise<void>) | undefined
  #lock: Lock | undefined
  #stopTrimming: () => void = () => undefined
  #closing: Promise<void> | undefined

  constructor(directory: string, options: BackerOptions) {
    super()
    this.directory = directory
    this.#options = options
    this.#runtime = realRuntime(options.trace)
    this.#opening = this.#open()
    this.#opening.catch(() => this.#letGo())
  }

  /** Resolves once the directory, the key and the index are open; the first scan may still run. Rejects with why it can't be opened. */
  async ready(): Promise<void> {
    await this.#opening
  }

  /** The text form of the key that this device holds: the write key's, or the read key's. Throws CLOSED before `ready`. */
  get key(): string {
    return formatKey(this.#now().identity.key)
  }

  /** The folder's id: its public key in z-base-32. Throws CLOSED before `ready`. */
  get id(): string {
    return this.#now().identity.folderId
  }

  /** A key of a kind that this device holds. Throws KEY_KIND where it holds only a lesser one, CLOSED before `ready`. */
  keyText(kind: FolderKey['kind']): string {
    const { key } = this.#now().identity
    if (kind === 'store') return formatKey(toStoreKey(key))
    if (kind === 'read' && key.kind !== 'store') return formatKey(toReadKey(key))
    if (kind === 'write' && key.kind === 'write') return formatKey(key)
    throw new BackerError('KEY_KIND', `this device holds only the ${key.kind} key of ${this.directory}`)
  }

  /**
   * A stream to another device's `createStream()`, over anything that carries bytes both ways: `a.pipe(b).pipe(a)`. It is encrypted and
   * authenticated by itself. May be called before `ready`.
   */
  createStream(): Duplex {
    const keyPair = this.#opening.then(({ identity }) => identity.deviceKeyPair)
    const { outer, noise } = openEnd({ keyPair, runtime: this.#runtime })
    void Promise.all([noise, this.#opening]).then(
      ([stream, { folder }]) => {
        const connection = Connection.over(stream, { runtime: this.#runtime })
        this.#connections.add(connection)
        void connection.closed.then(() => this.#connections.delete(connection))
        connection.offer(
          folder.link(() => 'stream'),
          { initiate: true }
        )
      },
      (error: unknown) => outer.destroy(error instanceof Error ? error : new Error(messageOf(error)))
    )
    return outer
  }

  /**
   * Meets other devices of this folder on the DHT, on the LAN and at given addresses. Resolves once this device is announced on the DHT. Rejects with
   * USAGE where an address is none.
   */
  async join({ bootstrap, lan, peers = [] }: JoinOptions = {}): Promise<void> {
    const addresses = peers.map(addressOf)
    const { folder, identity } = await this.#opening
    const { Network } = await import('./net/network.js')
    this.#ownsNetwork = this.#options.network === undefined
    this.#network =
      (await this.#options.network) ??
      (await Network.open({ keyPair: identity.deviceKeyPair, bootstrap, lan, runtime: this.#runtime }))
    const network = this.#network
    const onNetwork = { topic: topicOf(identity.key), link: folder.link(routeOf), lan, peers: addresses }
    this.#leave = () => network.remove(onNetwork)
    await network.add(onNetwork)
  }

  /** The truth about the folder now. Throws CLOSED before `ready`. */
  status(): FolderStatus {
    return this.#now().folder.status()
  }

  /** What people look at and decide in the folder: its items, conflicts and ignore patterns. Throws CLOSED before `ready`. */
  get browser(): Browser {
    return this.#now().folder.browser
  }

  /** What the folder keeps of its past. Throws CLOSED before `ready`. */
  get history(): History {
    return this.#now().folder.history
  }

  /** True where this device keeps what is edited or deleted on it as well. May be changed. Throws CLOSED before `ready`. */
  get keepLocal(): boolean {
    return this.#now().folder.history.holder.isOn
  }

  set keepLocal(isOn: boolean) {
    this.#now().folder.history.holder.isOn = isOn
  }

  /**
   * Restores to a directory outside the folder, which is made where it is missing; nothing that stands there is replaced. Throws the system's error
   * where the directory can't be made.
   */
  async restoreTo(directory: string, plan: RestorePlan): Promise<RestoreReport> {
    const { folder } = await this.#opening
    return folder.history.restoreAside(plan, await openAside(directory))
  }

  /** What holds this folder's files against what they should be. Throws CLOSED before `ready`. */
  get verifier(): Verifier {
    return this.#now().folder.verifier
  }

  /** What was changed by hand where this device may not write. Throws CLOSED before `ready`. */
  get drift(): Drift {
    return this.#now().folder.drift
  }

  /** Drops files from this disk that other devices hold. Throws CLOSED before `ready`. */
  get dropper(): Dropper {
    return this.#now().folder.dropper
  }

  /** Brings back files that were dropped. Throws CLOSED before `ready`. */
  get getter(): Getter {
    return this.#now().folder.getter
  }

  /** Carries out the deletes that are held (see `status().heldDeletes`). Returns of how many items. Throws MARKER. */
  async acceptDeletes(): Promise<number> {
    const { folder } = await this.#opening
    return folder.acceptDeletes()
  }

  /** Brings back everywhere what the held deletes removed. Returns how many items come back. Throws KEY_KIND where this device may not write. */
  async rejectDeletes(): Promise<number> {
    const { folder } = await this.#opening
    return folder.rejectDeletes()
  }

  /** A device is not counted with any more where it is told on how many devices files lie, until it is connected again. Durable when it resolves. */
  async forgetDevice(device: string): Promise<void> {
    const { folder } = await this.#opening
    await folder.copies.forget(device)
  }

  /** How many chunks came from each device (by its id) since the start. */
  chunksReceived(): ReadonlyMap<string, number> {
    return this.#now().folder.chunksReceived
  }

  /** Looks through the whole directory again. */
  async rescan(): Promise<void> {
    const { folder } = await this.#opening
    folder.rescan()
  }

  /** Ends everything. Resolves when all files and connections are closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const opened = await this.#opening.catch(() => undefined)
    for (const connection of this.#connections) connection.destroy()
    this.#stopTrimming()
    await Promise.all([this.#leaveNetwork(), opened?.folder.close()])
    await this.#lock?.release()
    this.#letGo()
  }

  /** Takes the folder off the network: a DHT that does not answer is not waited for. */
  async #leaveNetwork(): Promise<void> {
    const left = this.#ownsNetwork ? this.#network?.close() : this.#leave?.()
    await Promise.race([left, delay(this.#runtime.timers, LEAVE_DEADLINE_MS)])
  }

  #now(): Opened {
    if (this.#opened === undefined)
      throw new BackerError('CLOSED', `${this.directory} is not open yet: await ready() first`)
    return this.#opened
  }

  async #open(): Promise<Opened> {
    const { directory } = this
    const options = this.#options
    const given = options.key === undefined ? undefined : parseKey(options.key)
    if (given?.kind === 'store') {
      throw new BackerError(
        'KEY_KIND',
        'a store key only holds what others encrypted: a folder is joined with its write or read key'
      )
    }
    const home = openHome(options.home ?? join(directory, RESERVED_NAME, 'home'))
    const isKnown = options.makeMarker !== true && (await home.folder(directory)) !== undefined
    if (options.createDirectory === true && !isKnown) await makeDirectory(directory)
    const marked = await checkDirectory(directory)
    const key = given ?? (await this.#ownKey(home, marked))
    const identity = makeIdentity(
      key,
      await home.deviceKeyPair(),
      options.deviceName ?? hostname(),
      this.#runtime.clock.now(),
      options.role ?? (await home.folder(directory))?.role
    )
    if (marked !== undefined && marked !== identity.folderId) {
      throw new BackerError('MARKER', `${directory} is already a folder with another key`, { path: directory })
    }
    const disk = openDisk({
      root: directory,
      folderId: identity.folderId,
      runtime: this.#runtime,
      isKnown: isKnown || marked !== undefined
    })
    const opened: { close(): Promise<void> }[] = [disk]
    try {
      await home.saveFolder({ id: identity.folderId, path: directory, key: formatKey(key), role: identity.role })
      const store = await this.#openStore(home, identity)
      opened.unshift(store)
      const folder = await this.#start(identity, disk, store)
      const index = join(directory, RESERVED_NAME, INDEX_NAME, DATA_NAME)
      this.#stopTrimming = keepTrimmed(index, this.#runtime.timers)
      this.#opened = { folder, identity }
      return this.#opened
    } catch (error) {
      for (const part of opened) await part.close()
      throw error
    }
  }

  /** The key that this home has for the directory; for a directory that is no folder yet, a new one. */
  async #ownKey(home: Home, marked: string | undefined): Promise<FolderKey> {
    const known =
      (marked === undefined ? undefined : await home.folderKey(marked)) ?? (await home.folderKey(this.directory))
    if (known !== undefined) return known
    if (marked === undefined) return createWriteKey(this.#runtime.random.bytes(32))
    throw new BackerError('KEY_MISSING', `${this.directory} is a folder whose key this device does not hold`, {
      path: this.directory,
      hint: 'Join it with its key.'
    })
  }

  async #openStore(home: Home, identity: Identity): Promise<Store> {
    const own = join(this.directory, RESERVED_NAME)
    this.#lock = await takeLock(join(own, 'lock'))
    const open = (): Promise<Store> =>
      openIndex({
        directory: join(own, INDEX_NAME),
        noteFile: home.indexNoteFile(identity.folderId),
        owner: deviceIdOf(identity),
        random: this.#runtime.random,
        trace: this.#runtime.trace
      })
    const store = await open()
    return (await mayGoOn(store, identity)) ? store : open()
  }

  async #start(identity: Identity, disk: Disk, store: Store): Promise<Folder> {
    const folder = new Folder({
      path: this.directory,
      identity,
      disk,
      store,
      runtime: this.#runtime,
      watch: handlers => startWatch(this.directory, handlers, this.#runtime),
      rescanIntervalMs: this.#options.rescanIntervalMs ?? RESCAN_INTERVAL_MS,
      keepLocal: this.#options.keepLocal ?? false
    })
    this.#forward(folder)
    await folder.start()
    return folder
  }

  #forward(folder: Folder): void {
    folder.on('peer', event => this.emit('peer', event))
    folder.on('progress', progress => this.emit('progress', progress))
    folder.on('change', change => this.emit('change', change))
    folder.on('conflict', conflict => this.emit('conflict', conflict))
    folder.on('problem', problem => this.emit('problem', problem))
    folder.on('verify', event => this.emit('verify', event))
    folder.on('insync', status => this.emit('insync', status))
    folder.on('error', error => this.listenerCount('error') > 0 && this.emit('error', error))
  }
}

const WRITER_FACT = 'writer'

/**
 * False where a device that wrote is not to write any more, or the other way round: its index was set aside then. What it wrote under its replica and others have
 * seen must not be taken for changes that stay here, nor may it use one of its numbers again.
 */
async function mayGoOn(store: Store, { certificate }: Identity): Promise<boolean> {
  const now = certificate === undefined ? 'no' : 'yes'
  const fact = store.getFact(WRITER_FACT)
  const was = fact === undefined ? now : Buffer.from(fact).toString()
  if (was !== now) {
    await store.condemn()
    await store.close()
    return false
  }
  if (fact === undefined) await store.putFact(WRITER_FACT, Buffer.from(now))
  return true
}

/** How a peer was reached, as far as its address tells. */
function routeOf(link: PeerLink): Route {
  if (link.road.isRelayed) return 'relay'
  return link.remoteHost !== undefined && isPrivate(link.remoteHost) ? 'lan' : 'direct'
}

function addressOf(text: string): Address {
  const address = parseAddress(text)
  if (address === undefined)
    throw new BackerError('USAGE', `"${text}" is no host:port`, { hint: 'Write it like 192.0.2.1:49738.' })
  return address
}
