import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { openHome, type Home } from '../home/home.js'
import type { Lock } from '../home/lock.js'
import type { Limits } from '../net/rate.js'
import type { Role } from '../core/model/role.js'
import type { NetworkReport } from '../net/report.js'
import { realRuntime } from '../real-runtime.js'
import type { Runtime } from '../runtime.js'
import { PageServer } from './api/page.js'
import { RemotePage } from './api/remote-page.js'
import { ApiServer } from './api/server.js'
import type { Config } from './config.js'
import { SCHEMA, timeOf, type DaemonEvent, type FolderDocument, type StatusDocument } from './document.js'
import { FolderMemory } from './folder-memory.js'
import { Hooks } from './hooks.js'
import type { FolderRequest, Host, HostEvents } from './host.js'
import type { HostedFolder } from './hosted-folder.js'
import { HostedFolders } from './hosted-folders.js'
import { LOG_NAME } from './log-level.js'
import { logEvent, openLog, type Log } from './log.js'
import { cloneNotice, noticesOf, type Notice } from './notices.js'
import { changeSettings, readSettings, withSettings, type Settings } from './settings.js'
import { SharedNetwork } from './shared-network.js'
import { readVersion } from './version.js'

interface DaemonParts {
  readonly config: Config
  readonly settings: Settings
  readonly home: Home
  readonly lock: Lock
  readonly device: string
  readonly runtime: Runtime
  readonly log: Log
  readonly memory: FolderMemory
  readonly closeLog: () => void
  /** What unlocks the page. */
  readonly token: string
}

/** The one process that runs a home's folders: it holds the home's lock, one network for all folders, and answers the control socket. */
export class Daemon extends EventEmitter<HostEvents> implements Host {
  readonly home: Home
  readonly runtime: Runtime
  readonly log: Log
  readonly memory: FolderMemory
  readonly #parts: DaemonParts
  readonly #server: ApiServer
  readonly #page: PageServer
  /** Where its user wants it. */
  readonly #remotePage: RemotePage | undefined
  readonly #startedAt: number
  readonly #network: SharedNetwork
  readonly #folders: HostedFolders
  readonly #hooks: Hooks
  readonly #ondying = (error: unknown): void => this.log.fatal({ err: error }, 'the process ends because of a mistake')
  #settings: Settings
  /** What this process has found out about the device as a whole. */
  #clone: ReturnType<typeof cloneNotice> | undefined
  #closing: Promise<void> | undefined

  private constructor(parts: DaemonParts) {
    super()
    this.setMaxListeners(0)
    const { home, runtime, config, log, memory } = parts
    this.#parts = parts
    this.home = home
    this.runtime = runtime
    this.log = log
    this.memory = memory
    this.#settings = parts.settings
    this.#startedAt = runtime.clock.now()
    this.#server = new ApiServer(this)
    this.#page = new PageServer(this, { token: parts.token, port: config.pagePort })
    const { pageListen, pageCertificate: certificate, pageKey: key } = config
    this.#remotePage = pageListen && new RemotePage(this, home.directory, { ...pageListen, certificate, key })
    this.#hooks = new Hooks(log, () => this.#settings)
    this.#network = new SharedNetwork({
      config,
      home,
      runtime,
      log,
      onrelayed: device => this.#warnOfRelay(device),
      oncloned: host => this.#warnOfClone(host)
    })
    this.#folders = new HostedFolders({
      home,
      runtime,
      deviceName: config.deviceName,
      network: () => this.#network.open(),
      memory,
      onevent: event => this.#happened(event)
    })
  }

  /**
   * Takes the home's lock and answers on its socket; no folder runs yet. Throws LOCKED where another process runs this home, MALFORMED where the
   * device's key, or what the home keeps, is damaged.
   */
  static async open(asked: Config): Promise<Daemon> {
    const home = openHome(asked.home)
    const { publicKey } = await home.deviceKeyPair()
    const lock = await home.lock()
    const device = Buffer.from(publicKey).toString('hex')
    try {
      const settings = await readSettings(home.directory)
      const config = withSettings(asked, settings)
      const { log, close: closeLog } = openLog(join(home.directory, LOG_NAME), config.logLevel ?? 'info')
      const runtime = realRuntime(tracer(log, config.trace))
      const memory = await FolderMemory.open(home, device, runtime)
      const token = await home.pageToken()
      const daemon = new Daemon({ config, settings, home, lock, device, token, runtime, log, closeLog, memory })
      await daemon.#listen()
      return daemon
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  get folders(): readonly HostedFolder[] {
    return this.#folders.running
  }

  get settings(): Settings {
    return this.#settings
  }

  /** Throws NO_FOLDER where this process runs no folder with that id, and for one that could not be opened the reason. */
  folder(id: string): HostedFolder {
    return this.#folders.get(id)
  }

  document(id: string): FolderDocument {
    return this.#folders.document(id)
  }

  status(): StatusDocument {
    return {
      schema: SCHEMA,
      version: readVersion(),
      pid: process.pid,
      device: this.#parts.device,
      startedAt: timeOf(this.#startedAt),
      ...(this.#page.address === undefined ? {} : { page: this.#page.address }),
      ...(this.#remotePage?.address === undefined ? {} : { remotePage: this.#remotePage.address }),
      folders: this.#folders.documents()
    }
  }

  async notices(): Promise<readonly Notice[]> {
    const found = [this.#clone, this.#remotePage?.notice].filter(notice => notice !== undefined)
    return [...found, ...(await noticesOf(this.home.directory))]
  }

  add(request: FolderRequest): Promise<HostedFolder> {
    return this.#folders.add(request)
  }

  setPaused(id: string, isPaused: boolean): Promise<void> {
    return this.#folders.setPaused(id, isPaused)
  }

  setKeepLocal(id: string, isOn: boolean): Promise<void> {
    return this.#folders.setKeepLocal(id, isOn)
  }

  rename(id: string, name: string): Promise<void> {
    return this.#folders.rename(id, name)
  }

  setRole(id: string, role: Role): Promise<void> {
    return this.#folders.setRole(id, role)
  }

  leave(id: string): Promise<void> {
    return this.#folders.leave(id)
  }

  openKnown(): Promise<void> {
    return this.#folders.openKnown()
  }

  network(): Promise<NetworkReport | undefined> {
    return this.#network.report()
  }

  limits(): Promise<Limits> {
    return this.#network.limits()
  }

  setLimits(limits: Limits): Promise<void> {
    return this.#network.setLimits(limits)
  }

  async changeSettings(changes: Readonly<Record<string, string | null>>): Promise<void> {
    this.#settings = await changeSettings(this.home.directory, changes)
    this.memory.alarmAfterDays(this.#settings)
    const level = withSettings(this.#parts.config, this.#settings).logLevel
    if (level !== undefined) this.log.level = level
    this.log.info({ changed: Object.keys(changes) }, 'settings were changed')
  }

  /** Ends all folders, connections and the socket, and gives the lock up. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #listen(): Promise<void> {
    const { config, settings } = this.#parts
    process.on('uncaughtExceptionMonitor', this.#ondying)
    this.memory.watch({
      connectedTo: id => this.#folders.connectedTo(id),
      rootOf: id => this.#folders.rootOf(id),
      tell: event => this.#happened(event),
      settings
    })
    // Who asks before they run hears of them all the same.
    this.#folders.note(await this.home.folders())
    await this.#server.listen(this.home.directory)
    await this.#page.listen()
    await this.#remotePage?.listen()
    const { version, platform, arch } = process
    this.log.info({ version: readVersion(), node: version, platform, arch, lan: config.lan }, 'started')
  }

  #happened(event: DaemonEvent): void {
    logEvent(this.log, event)
    this.memory.note(event)
    const place = this.#folders.placeOf(event.folder)
    if (place !== undefined) this.#hooks.tell(event, place)
    this.emit('event', event)
  }

  #warnOfRelay(device: string): void {
    for (const folder of this.folders) {
      const peer = folder.status().peers.find(({ device: id }) => id === device)
      if (peer === undefined) continue
      this.#happened({
        time: timeOf(this.runtime.clock.now()),
        folder: folder.id,
        type: 'problem',
        code: 'RELAYED',
        peer: device,
        message: `more than 100 MB went to or from ${peer.name} through a relay, which is slow: backer doctor says how to get a direct connection`
      })
    }
  }

  /** Told once; it stands in the status until this process ends, after which it shows again if it is still so. */
  #warnOfClone(host: string | undefined): void {
    const isNews = this.#clone === undefined
    this.#clone = cloneNotice(this.home.directory, host)
    if (!isNews) return
    const { code, message } = this.#clone
    const time = timeOf(this.runtime.clock.now())
    const peer = this.#parts.device
    for (const { id } of this.folders) this.#happened({ time, folder: id, type: 'problem', code, peer, message })
  }

  async #close(): Promise<void> {
    await Promise.all([this.#server.close(), this.#page.close(), this.#remotePage?.close()])
    await this.#folders.close()
    this.#hooks.close()
    await this.#network.close()
    await this.memory.close()
    process.off('uncaughtExceptionMonitor', this.#ondying)
    this.log.info('ended')
    this.#parts.closeLog()
    await this.#parts.lock.release()
  }
}

/** Where the story of all that happens goes, line by line: to whoever asked for it, and to the log where it takes that much. */
function tracer(log: Log, trace: Config['trace']): (line: string) => void {
  if (trace === undefined && !log.isLevelEnabled('trace')) return () => undefined
  return line => {
    trace?.(line)
    log.trace(line)
  }
}
