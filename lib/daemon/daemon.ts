import { EventEmitter } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { basename } from 'node:path'
import { backer, type Backer } from '../backer.js'
import { BackerError, messageOf } from '../core/error.js'
import { parseKey } from '../core/model/key-text.js'
import { folderId } from '../core/model/keys.js'
import { openHome, type Home, type KnownFolder } from '../home/home.js'
import type { Lock } from '../home/lock.js'
import type { Network } from '../net/network.js'
import type { NetworkReport } from '../net/report.js'
import type { Limits } from '../net/rate.js'
import { networkMemory, readLimits, writeLimits } from './network-settings.js'
import { realRuntime } from '../real-runtime.js'
import type { Runtime } from '../runtime.js'
import { AbsentFolders } from './absent-folders.js'
import { PageServer } from './api/page.js'
import { ApiServer } from './api/server.js'
import type { Config } from './config.js'
import { checkDirectory, folderAround } from './directory.js'
import { SCHEMA, timeOf, type StatusDocument } from './document.js'
import type { FolderRequest, Host, HostEvents } from './host.js'
import { HostedFolder } from './hosted-folder.js'
import { readVersion } from './version.js'

/** How long taking this device off the DHT may take: where the DHT does not answer, it forgets the device by itself. */
const LEAVE_DEADLINE_MS = 1000

interface DaemonParts {
  readonly config: Config
  readonly home: Home
  readonly lock: Lock
  readonly device: string
  readonly runtime: Runtime
  /** What unlocks the page. */
  readonly token: string
}

/** The one process that runs a home's folders: it holds the home's lock, one network for all folders, and answers the control socket. */
export class Daemon extends EventEmitter<HostEvents> implements Host {
  readonly home: Home
  readonly runtime: Runtime
  readonly #config: Config
  readonly #lock: Lock
  readonly #server: ApiServer
  readonly #page: PageServer
  readonly #device: string
  readonly #startedAt: number
  readonly #folders = new Map<string, HostedFolder>()
  readonly #absent: AbsentFolders
  #network: Promise<Network> | undefined
  #adding: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  private constructor(parts: DaemonParts) {
    super()
    this.setMaxListeners(0)
    this.home = parts.home
    this.runtime = parts.runtime
    this.#config = parts.config
    this.#lock = parts.lock
    this.#device = parts.device
    this.#startedAt = parts.runtime.clock.now()
    this.#server = new ApiServer(this)
    this.#page = new PageServer(this, { token: parts.token, port: parts.config.pagePort })
    this.#absent = new AbsentFolders(parts.runtime.timers, ({ path }) =>
      this.add({ directory: path, createDirectory: false })
    )
  }

  /** Takes the home's lock and answers on its socket; no folder runs yet. Throws LOCKED where another process runs this home, MALFORMED where the device's key is damaged. */
  static async open(config: Config): Promise<Daemon> {
    const home = openHome(config.home)
    const { publicKey } = await home.deviceKeyPair()
    const lock = await home.lock()
    const device = Buffer.from(publicKey).toString('hex')
    try {
      const token = await home.pageToken()
      const daemon = new Daemon({ config, home, lock, device, token, runtime: realRuntime(config.trace) })
      // Who asks before they run hears of them all the same.
      daemon.#absent.note(await home.folders())
      await daemon.#server.listen(home.directory)
      await daemon.#page.listen()
      return daemon
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  get folders(): readonly HostedFolder[] {
    return [...this.#folders.values()]
  }

  /** Throws NO_FOLDER where this process runs no folder with that id, and for one that could not be opened the reason. */
  folder(id: string): HostedFolder {
    const found = this.#folders.get(id)
    if (found === undefined) throw this.#absent.reason(id) ?? new BackerError('NO_FOLDER', `no folder ${id} runs here`)
    return found
  }

  status(): StatusDocument {
    return {
      schema: SCHEMA,
      version: readVersion(),
      pid: process.pid,
      device: this.#device,
      startedAt: timeOf(this.#startedAt),
      ...(this.#page.address === undefined ? {} : { page: this.#page.address }),
      folders: [...this.folders.map(folder => folder.document()), ...this.#absent.documents()]
    }
  }

  /**
   * Runs one more folder, or finds that it runs already. Resolves once it is open; meeting its peers goes on behind. Throws what
   * `checkDirectory` and `parseKey` throw, MARKER where the directory belongs to another key, USAGE where the folder is elsewhere on this device.
   */
  add(request: FolderRequest): Promise<HostedFolder> {
    // One at a time: two requests for one directory must not both find it free.
    return this.#inTurn(() => this.#add(request))
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#adding.then(act, act)
    this.#adding = turn
    return turn
  }

  async setPaused(id: string, isPaused: boolean): Promise<void> {
    await this.#inTurn(async () => {
      const hosted = this.folder(id)
      const known = await this.home.folder(id)
      if (known !== undefined) await this.home.saveFolder({ ...known, paused: isPaused })
      if (isPaused) await hosted.pause()
      else if (hosted.isPaused) await this.#resume(hosted)
    })
    this.#tellFolder(id)
  }

  async setKeepLocal(id: string, isOn: boolean): Promise<void> {
    const { backer, path } = this.folder(id)
    backer.keepLocal = isOn
    await this.home.saveFolder({ id, path, key: backer.key, keepLocal: isOn })
    this.#tellFolder(id)
  }

  async rename(id: string, name: string): Promise<void> {
    const hosted = this.folder(id)
    const { backer, path } = hosted
    await this.home.saveFolder({ id, path, name, key: backer.key })
    hosted.name = name
    this.#tellFolder(id)
  }

  async leave(id: string): Promise<void> {
    await this.#inTurn(async () => {
      const hosted = this.folder(id)
      this.#folders.delete(id)
      this.#absent.forget(id)
      await hosted.close()
      await this.home.removeFolder(id)
    })
    this.emit('event', { time: timeOf(this.runtime.clock.now()), folder: id, type: 'removed' })
  }

  async #resume(hosted: HostedFolder): Promise<void> {
    const keepLocal = (await this.home.folder(hosted.id))?.keepLocal === true
    hosted.resume(await this.#openAt(hosted.path, { createDirectory: false, keepLocal }))
    this.#listen(hosted)
    void this.#meetPeers(hosted, undefined)
  }

  #listen(hosted: HostedFolder): void {
    hosted.listen(event => {
      this.emit('event', event)
      if (event.type === 'error' && event.name === 'ROLLED_BACK') void this.#openAnew(hosted)
    })
  }

  /** Closes a folder and opens it again: its index is made anew. */
  async #openAnew(hosted: HostedFolder): Promise<void> {
    try {
      await this.#inTurn(async () => {
        if (hosted.isPaused || this.#folders.get(hosted.id) !== hosted) return
        await hosted.pause()
        await this.#resume(hosted)
      })
      this.#tellFolder(hosted.id)
    } catch (error) {
      this.#config.trace?.(`${hosted.path} could not be opened anew: ${messageOf(error)}`)
    }
  }

  #tellFolder(id: string): void {
    const document = this.folder(id).document()
    this.emit('event', { time: timeOf(this.runtime.clock.now()), folder: id, type: 'folder', document })
  }

  /**
   * Runs all folders that the home knows and that do not run yet. One that can't be opened stands in the status with the reason, and is
   * tried again. Resolves when each has been tried once. Throws as `Home.folders` does.
   */
  async openKnown(): Promise<void> {
    const known = await this.home.folders()
    await this.#absent.open(known.filter(({ id }) => !this.#folders.has(id)))
  }

  /** Ends all folders, connections and the socket, and gives the lock up. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #add({ directory, key, name, peers, lan, ...options }: FolderRequest): Promise<HostedFolder> {
    if (this.#closing !== undefined) throw new BackerError('CLOSED', 'backer is stopping')
    const id = key === undefined ? undefined : folderId(parseKey(key))
    const known = await this.home.folders()
    const path = await checkDirectory({
      directory,
      mayBeMissing: options.createDirectory,
      home: this.home.directory,
      others: known.map(folder => folder.path)
    })
    const running = this.folders.find(folder => folder.path === path)
    if (running !== undefined && (id === undefined || id === running.id)) {
      if (options.keepLocal !== undefined) await this.setKeepLocal(running.id, options.keepLocal)
      return this.#useLan(running, lan)
    }
    await refuseSecondCopy(known, path, id)
    const remembered = known.find(folder => folder.path === path)
    const isNews = remembered !== undefined && this.#absent.expect(remembered)
    const keepLocal = options.keepLocal ?? remembered?.keepLocal === true
    const opened = await this.#openAt(path, { ...options, key, keepLocal }).catch((error: unknown) => {
      if (isNews) this.#absent.forget(remembered.id)
      throw error
    })
    await this.home.saveFolder({ id: opened.id, path, name, lan, key: opened.key, keepLocal })
    const hosted = new HostedFolder(
      opened,
      (await this.home.folder(opened.id))?.name ?? basename(path),
      this.runtime.clock
    )
    this.#listen(hosted)
    this.#folders.set(hosted.id, hosted)
    this.#absent.forget(hosted.id)
    if (remembered?.paused === true) await hosted.pause()
    else void this.#meetPeers(hosted, peers)
    this.#tellFolder(hosted.id)
    return hosted
  }

  /** Takes a folder that runs to the LAN, or off it. */
  async #useLan(hosted: HostedFolder, lan: boolean | undefined): Promise<HostedFolder> {
    const known = await this.home.folder(hosted.id)
    if (known === undefined || lan === undefined || lan === (known.lan !== false)) return hosted
    await this.home.saveFolder({ ...known, lan })
    if (hosted.isPaused) return hosted
    await hosted.pause()
    await this.#resume(hosted)
    return hosted
  }

  async #openAt(path: string, options: Omit<FolderRequest, 'directory' | 'name' | 'peers' | 'lan'>): Promise<Backer> {
    const network = await this.#openNetwork()
    return this.#open(backer(path, { ...options, home: this.home.directory, network, trace: this.#config.trace }))
  }

  async #open(opening: Backer): Promise<Backer> {
    try {
      await opening.ready()
      return opening
    } catch (error) {
      await opening.close()
      throw error
    }
  }

  #openNetwork(): Promise<Network> {
    this.#network ??= this.#startNetwork()
    return this.#network
  }

  async #startNetwork(): Promise<Network> {
    const [{ Network }, keyPair] = await Promise.all([import('../net/network.js'), this.home.deviceKeyPair()])
    const { bootstrap, lan, port, relays } = this.#config
    const { runtime } = this
    const network = await Network.open({
      keyPair,
      bootstrap,
      lan,
      port,
      relays,
      runtime,
      memory: networkMemory(this.home),
      onrelayed: device => this.#warnOfRelay(device)
    })
    network.setLimits(await readLimits(this.home))
    return network
  }

  /** How this device stands in the network; undefined while no folder runs. */
  async network(): Promise<NetworkReport | undefined> {
    return (await this.#network)?.report
  }

  limits(): Promise<Limits> {
    return readLimits(this.home)
  }

  /** Keeps rates for good, and has them hold from now on. */
  async setLimits(limits: Limits): Promise<void> {
    await writeLimits(this.home, limits)
    const network = await this.#network
    network?.setLimits(limits)
  }

  #warnOfRelay(device: string): void {
    for (const folder of this.folders) {
      const peer = folder.status().peers.find(({ device: id }) => id === device)
      if (peer === undefined) continue
      this.emit('event', {
        time: timeOf(this.runtime.clock.now()),
        folder: folder.id,
        type: 'problem',
        code: 'RELAYED',
        peer: device,
        message: `more than 100 MB went to or from ${peer.name} through a relay, which is slow: backer doctor says how to get a direct connection`
      })
    }
  }

  /** Announces the folder. It may take long, or never end without a network; the folder works meanwhile. */
  async #meetPeers(hosted: HostedFolder, peers: readonly string[] | undefined): Promise<void> {
    try {
      const known = await this.home.folder(hosted.id)
      if (!hosted.isPaused) await hosted.backer.join({ peers, lan: known?.lan })
    } catch (error) {
      if (this.#closing !== undefined) return
      this.emit('event', {
        time: timeOf(this.runtime.clock.now()),
        folder: hosted.id,
        type: 'problem',
        code: 'NO_PEER',
        message: `other devices can't be looked for: ${messageOf(error)}`
      })
    }
  }

  async #close(): Promise<void> {
    this.#absent.close()
    await this.#adding.catch(() => undefined)
    await Promise.all([this.#server.close(), this.#page.close()])
    await Promise.all(this.folders.map(folder => folder.close()))
    const leaving = this.#network?.then(network => network.close()).catch(() => undefined)
    await Promise.race([leaving, pause(LEAVE_DEADLINE_MS)])
    await this.#lock.release()
  }
}

/** A device holds one copy of a folder: its records say what this device has, not which of two directories has it. */
async function refuseSecondCopy(known: readonly KnownFolder[], path: string, id: string | undefined): Promise<void> {
  const same = known.find(folder => folder.id === id && folder.path !== path)
  if (same === undefined || (await folderAround(same.path)) !== same.path) return
  throw new BackerError('USAGE', `this device has that folder already, in ${same.path}`, {
    path: same.path,
    hint: 'To mirror it within one machine, give the second copy its own BACKER_HOME.'
  })
}
