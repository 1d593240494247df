import { basename } from 'node:path'
import { backer } from '../backer.js'
import { BackerError, messageOf } from '../core/error.js'
import { parseKey } from '../core/model/key-text.js'
import { folderId } from '../core/model/keys.js'
import type { Role } from '../core/model/role.js'
import type { Home, KnownFolder } from '../home/home.js'
import type { Network } from '../net/network.js'
import type { Runtime } from '../runtime.js'
import { AbsentFolders } from './absent-folders.js'
import { checkDirectory, folderAround } from './directory.js'
import { timeOf, type DaemonEvent, type FolderDocument } from './document.js'
import type { FolderMemory } from './folder-memory.js'
import { FolderNews } from './folder-news.js'
import type { PeerStatus } from '../folder/status.js'
import type { FolderRequest } from './host.js'
import { HostedFolder, type Opened } from './hosted-folder.js'

/** When a folder that a full disk stopped is opened again. */
const REOPEN_MS = 5000
/** A folder whose index failed is opened again so often within an hour: the index is checked then, and made anew where need be. More would not help. */
const REPAIRS_MAX = 3
const REPAIRS_WITHIN_MS = 3600_000

export interface HostedFoldersParts {
  readonly home: Home
  readonly runtime: Runtime
  /** What other devices call this one; undefined: the host's name. */
  readonly deviceName: string | undefined
  readonly network: () => Promise<Network>
  readonly memory: FolderMemory
  readonly onevent: (event: DaemonEvent) => void
}

type News = DaemonEvent extends infer E ? (E extends unknown ? Omit<E, 'time' | 'folder'> : never) : never

/** The folders of one process: those that run, and those that can't be opened. What changes them happens one after the other. */
export class HostedFolders {
  readonly #parts: HostedFoldersParts
  readonly #running = new Map<string, HostedFolder>()
  readonly #absent: AbsentFolders
  /** When each folder was opened again because its index failed, by its id. */
  readonly #repairs = new Map<string, readonly number[]>()
  #turn: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(parts: HostedFoldersParts) {
    this.#parts = parts
    this.#absent = new AbsentFolders(parts.runtime.timers, ({ path }) =>
      this.add({ directory: path, createDirectory: false })
    )
  }

  get running(): readonly HostedFolder[] {
    return [...this.#running.values()]
  }

  /** Throws NO_FOLDER where this process runs no folder with that id, and for one that could not be opened the reason. */
  get(id: string): HostedFolder {
    const found = this.#running.get(id)
    if (found === undefined) throw this.#absent.reason(id) ?? noFolder(id)
    return found
  }

  /** All of them as the API tells them. */
  documents(): readonly FolderDocument[] {
    return [...this.running.map(folder => folder.document()), ...this.#absentDocuments()]
  }

  /** One of them as the API tells it. Throws NO_FOLDER. */
  document(id: string): FolderDocument {
    const found = this.#running.get(id)?.document() ?? this.#absentDocuments().find(folder => folder.id === id)
    if (found === undefined) throw noFolder(id)
    return found
  }

  /** The devices that are connected to a folder now; none where it does not run. */
  connectedTo(id: string): readonly PeerStatus[] {
    return this.#running.get(id)?.status().peers ?? []
  }

  /** What this device holds of a folder; undefined where it does not run. */
  rootOf(id: string): string | undefined {
    return this.#running.get(id)?.status().root
  }

  /** What a folder is called and where it lies; undefined where there is no such folder. */
  placeOf(id: string): { readonly name: string; readonly path: string } | undefined {
    const found = this.#running.get(id)
    return found ?? this.#absent.documents().find(folder => folder.id === id)
  }

  /** The home's folders, which are about to be opened. */
  note(folders: readonly KnownFolder[]): void {
    this.#absent.note(folders)
  }

  /**
   * Runs all folders that the home knows and that do not run yet. One that can't be opened stands in the status with the reason, and is
   * tried again. Resolves when each has been tried once. Throws as `Home.folders` does.
   */
  async openKnown(): Promise<void> {
    const known = await this.#parts.home.folders()
    await this.#absent.open(known.filter(({ id }) => !this.#running.has(id)))
  }

  /**
   * Runs one more folder, or finds that it runs already. Resolves once it is open; meeting its peers goes on behind. Throws what
   * `checkDirectory` and `parseKey` throw, MARKER where the directory belongs to another key, USAGE where the folder is elsewhere on this device.
   */
  add(request: FolderRequest): Promise<HostedFolder> {
    // One at a time: two requests for one directory must not both find it free.
    return this.#inTurn(() => this.#add(request))
  }

  /** Pauses a folder, or lets it go on; one that could not be opened is only remembered as paused. Throws NO_FOLDER, and what opening throws. */
  async setPaused(id: string, isPaused: boolean): Promise<void> {
    await this.#inTurn(async () => {
      const known = await this.#known(id)
      await this.#parts.home.saveFolder({ ...known, paused: isPaused })
      const hosted = this.#running.get(id)
      if (isPaused) await hosted?.pause()
      else if (hosted?.isPaused === true) await this.#resume(hosted)
    })
    this.#tellFolder(id)
  }

  /** Has this device keep what is edited or deleted on it as well, or not any more. Throws NO_FOLDER, and CLOSED while it is paused. */
  async setKeepLocal(id: string, isOn: boolean): Promise<void> {
    const { backer, path } = this.get(id)
    backer.keepLocal = isOn
    await this.#parts.home.saveFolder({ id, path, key: backer.key, keepLocal: isOn })
    this.#tellFolder(id)
  }

  /** Changes what this device does in a folder, which is opened anew for it. Throws NO_FOLDER, KEY_KIND, and what opening throws. */
  async setRole(id: string, role: Role): Promise<void> {
    await this.#inTurn(async () => {
      const hosted = this.get(id)
      const { backer, path } = hosted
      const { access, role: before } = backer.status()
      if (role === 'send-only' && access !== 'write')
        throw new BackerError('KEY_KIND', 'only a device that has the write key has anything to send')
      if (role === before) return
      await this.#parts.home.saveFolder({ id, path, key: backer.key, role })
      await hosted.pause()
      await this.#resume(hosted)
    })
    this.#tellFolder(id)
  }

  /** Gives a folder another name on this device. Throws NO_FOLDER. */
  async rename(id: string, name: string): Promise<void> {
    await this.#inTurn(() => this.#rename(id, name))
    this.#tellFolder(id)
  }

  /** Ends a folder on this device and forgets its key; its files stay. Throws NO_FOLDER. */
  async leave(id: string): Promise<void> {
    await this.#inTurn(async () => {
      await this.#known(id)
      const hosted = this.#running.get(id)
      this.#running.delete(id)
      this.#absent.forget(id)
      await hosted?.close()
      await this.#parts.home.removeFolder(id)
      await this.#parts.memory.forget(id)
    })
    this.#tell(id, { type: 'removed' })
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#absent.close()
    await this.#turn.catch(() => undefined)
    await Promise.all(this.running.map(folder => folder.close()))
  }

  #absentDocuments(): readonly FolderDocument[] {
    return this.#absent.documents().map(folder => this.#parts.memory.complete(folder))
  }

  async #rename(id: string, name: string): Promise<void> {
    await this.#parts.home.saveFolder({ ...(await this.#known(id)), name })
    const hosted = this.#running.get(id)
    if (hosted !== undefined) hosted.name = name
    this.#absent.rename(id, name)
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act, act)
    this.#turn = turn
    return turn
  }

  async #known(id: string): Promise<KnownFolder> {
    const known = await this.#parts.home.folder(id)
    if (known === undefined) throw noFolder(id)
    return known
  }

  async #add({ directory, key, name, peers, lan, ...options }: FolderRequest): Promise<HostedFolder> {
    if (this.#isClosed) throw new BackerError('CLOSED', 'backer is stopping')
    const { home } = this.#parts
    const id = key === undefined ? undefined : folderId(parseKey(key))
    const known = await home.folders()
    const path = await checkDirectory({
      directory,
      mayBeMissing: options.createDirectory,
      home: home.directory,
      others: known.map(folder => folder.path)
    })
    const running = this.running.find(folder => folder.path === path)
    if (running !== undefined && (id === undefined || id === running.id)) {
      if (options.keepLocal !== undefined) await this.setKeepLocal(running.id, options.keepLocal)
      const before = running.isPaused ? options.role : running.status().role
      if (options.role !== undefined && options.role !== before)
        throw new BackerError('USAGE', `${path} runs already as ${before ?? 'mirror'}`, {
          hint: `Change it with backer role ${path} ${options.role}.`
        })
      if (name !== undefined) await this.#rename(running.id, name)
      return this.#meetAnew(running, { lan, peers })
    }
    await refuseSecondCopy(known, path, id)
    const remembered = known.find(folder => folder.path === path)
    const isNews = remembered !== undefined && this.#absent.expect(remembered)
    const keepLocal = options.keepLocal ?? remembered?.keepLocal === true
    const opened = await this.#open(path, { ...options, key, keepLocal }).catch((error: unknown) => {
      if (isNews) this.#absent.forget(remembered.id)
      throw error
    })
    const { id: openedId, key: openedKey } = opened.backer
    await home.saveFolder({ id: openedId, path, name, lan, key: openedKey, keepLocal })
    const hosted = new HostedFolder(opened, (await home.folder(openedId))?.name ?? basename(path), {
      clock: this.#parts.runtime.clock,
      memory: this.#parts.memory
    })
    this.#running.set(hosted.id, hosted)
    this.#listen(hosted)
    this.#absent.forget(hosted.id)
    if (remembered?.paused === true) await hosted.pause()
    else void this.#meetPeers(hosted, peers)
    this.#tellFolder(hosted.id)
    return hosted
  }

  /** Takes a folder that runs to the LAN, or off it, and to addresses of its devices. */
  async #meetAnew(hosted: HostedFolder, { lan, peers }: Pick<FolderRequest, 'lan' | 'peers'>): Promise<HostedFolder> {
    const known = await this.#known(hosted.id)
    const isOther = lan !== undefined && lan !== (known.lan !== false)
    if (isOther) await this.#parts.home.saveFolder({ ...known, lan })
    if ((!isOther && peers === undefined) || hosted.isPaused) return hosted
    await hosted.pause()
    await this.#resume(hosted, peers)
    return hosted
  }

  async #resume(hosted: HostedFolder, peers?: readonly string[]): Promise<void> {
    const keepLocal = (await this.#parts.home.folder(hosted.id))?.keepLocal === true
    hosted.resume(await this.#open(hosted.path, { createDirectory: false, keepLocal }))
    this.#listen(hosted)
    void this.#meetPeers(hosted, peers)
  }

  #listen(hosted: HostedFolder): void {
    hosted.listen(event => {
      this.#parts.onevent(event)
      if (event.type === 'error' && event.name === 'ROLLED_BACK') void this.#openAnew(hosted)
      if (event.type === 'error' && (event.name === 'DISK_FLOOR' || this.#mayRepair(event)))
        this.#parts.runtime.timers.after(REOPEN_MS, () => void this.#reopen(hosted))
    })
  }

  /** True, and noted, where a folder's index has failed and was not opened again for that too often. */
  #mayRepair({ folder, name }: DaemonEvent & { readonly type: 'error' }): boolean {
    if (name !== 'STORE_CORRUPT') return false
    const now = this.#parts.runtime.clock.monotonic()
    const recent = (this.#repairs.get(folder) ?? []).filter(at => now - at < REPAIRS_WITHIN_MS)
    if (recent.length >= REPAIRS_MAX) return false
    this.#repairs.set(folder, [...recent, now])
    return true
  }

  /** What a full disk left half done is put right when the folder is opened anew; where it is still full, that is tried again and again. */
  async #reopen(hosted: HostedFolder): Promise<void> {
    try {
      const known = await this.#inTurn(async () => {
        if (this.#isClosed || hosted.isPaused || this.#running.get(hosted.id) !== hosted) return undefined
        const found = await this.#known(hosted.id)
        this.#absent.note([found])
        this.#running.delete(hosted.id)
        await hosted.close()
        return found
      })
      if (known !== undefined) await this.#absent.open([known])
    } catch (error) {
      const message = `it can't be opened again: ${messageOf(error)}`
      this.#tell(hosted.id, { type: 'problem', code: 'DISK_FLOOR', message })
    }
  }

  /** Closes a folder and opens it again: its index is made anew. */
  async #openAnew(hosted: HostedFolder): Promise<void> {
    try {
      await this.#inTurn(async () => {
        if (hosted.isPaused || this.#running.get(hosted.id) !== hosted) return
        await hosted.pause()
        await this.#resume(hosted)
      })
      this.#tellFolder(hosted.id)
    } catch (error) {
      this.#parts.runtime.trace(`${hosted.path} could not be opened anew: ${messageOf(error)}`)
    }
  }

  async #open(path: string, options: Omit<FolderRequest, 'directory' | 'name' | 'peers' | 'lan'>): Promise<Opened> {
    const { home, runtime, deviceName } = this.#parts
    // Both take a while, and wait for different things.
    const network = this.#parts.network()
    const opening = backer(path, {
      ...options,
      deviceName,
      home: home.directory,
      network,
      trace: line => runtime.trace(line)
    })
    const news = new FolderNews(opening)
    try {
      await Promise.all([opening.ready(), network])
      return { backer: opening, news }
    } catch (error) {
      await opening.close()
      throw error
    }
  }

  /** Announces the folder. It may take long, or never end without a network; the folder works meanwhile. */
  async #meetPeers(hosted: HostedFolder, peers: readonly string[] | undefined): Promise<void> {
    try {
      const known = await this.#parts.home.folder(hosted.id)
      if (!hosted.isPaused) await hosted.backer.join({ peers, lan: known?.lan })
    } catch (error) {
      if (this.#isClosed) return
      const message = `other devices can't be looked for: ${messageOf(error)}`
      this.#tell(hosted.id, { type: 'problem', code: 'NO_PEER', message })
    }
  }

  #tellFolder(id: string): void {
    this.#tell(id, { type: 'folder', document: this.document(id) })
  }

  #tell(id: string, news: News): void {
    this.#parts.onevent({ time: timeOf(this.#parts.runtime.clock.now()), folder: id, ...news })
  }
}

function noFolder(id: string): BackerError {
  return new BackerError('NO_FOLDER', `no folder ${id} runs here`)
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
