import type { Backer } from '../backer.js'
import { BackerError } from '../core/error.js'
import type { Browser } from '../folder/browse.js'
import type { FolderStatus } from '../folder/status.js'
import type { Clock } from '../runtime.js'
import type { FolderMemory } from './folder-memory.js'
import { RateMeter } from './rates.js'
import { folderDocument, type AddedDocument, type DaemonEvent, type FolderDocument, SCHEMA } from './document.js'
import type { FolderNews } from './folder-news.js'

/** A folder that was opened, with what it tells. */
export interface Opened {
  readonly backer: Backer
  readonly news: FolderNews
}

/** One folder that a process runs: the library's handle, with the name that its user gave it. While it is paused there is no handle. */
export class HostedFolder {
  readonly id: string
  readonly path: string
  name: string
  #backer: Backer
  #news: FolderNews
  readonly #clock: Clock
  readonly #memory: FolderMemory
  readonly #rates = new RateMeter()
  /** Of each connected peer, by its id. */
  #peerRates = new Map<string, RateMeter>()
  /** What it was when it was paused. */
  #paused: FolderStatus | undefined

  constructor({ backer, news }: Opened, name: string, parts: { readonly clock: Clock; readonly memory: FolderMemory }) {
    this.#backer = backer
    this.#news = news
    this.#clock = parts.clock
    this.#memory = parts.memory
    this.id = backer.id
    this.path = backer.directory
    this.name = name
  }

  /** Throws CLOSED while it is paused. */
  get backer(): Backer {
    if (this.#paused !== undefined)
      throw new BackerError('CLOSED', `${this.path} is paused`, { path: this.path, hint: 'Resume it first.' })
    return this.#backer
  }

  get browser(): Browser {
    return this.backer.browser
  }

  get isPaused(): boolean {
    return this.#paused !== undefined
  }

  /** Ends all that goes on in the folder; what it was stays to be told. */
  async pause(): Promise<void> {
    if (this.#paused !== undefined) return
    this.#paused = { ...this.#backer.status(), peers: [], idle: true }
    await this.#backer.close()
  }

  /** Goes on with a handle that was opened anew. */
  resume({ backer, news }: Opened): void {
    this.#backer = backer
    this.#news = news
    this.#paused = undefined
  }

  async close(): Promise<void> {
    if (this.#paused === undefined) await this.#backer.close()
  }

  status(): FolderStatus {
    return this.#paused ?? this.#backer.status()
  }

  document(): FolderDocument {
    const status = this.status()
    const count = (key: 'bytesSent' | 'bytesReceived'): number => status.peers.reduce((sum, peer) => sum + peer[key], 0)
    const now = this.#clock.monotonic()
    const rates = this.#rates.note(now, { up: count('bytesSent'), down: count('bytesReceived') })
    const document = folderDocument(this.name, status)
    const meters = new Map(document.peers.map(({ device }) => [device, this.#peerRates.get(device) ?? new RateMeter()]))
    this.#peerRates = meters
    const peers = document.peers.map(peer => {
      const rates = meters.get(peer.device)?.note(now, { up: peer.bytesSent, down: peer.bytesReceived })
      return rates === undefined ? peer : { ...peer, rates }
    })
    const keepLocal = this.#paused === undefined && this.#backer.keepLocal
    return this.#memory.complete({ ...document, peers, paused: this.isPaused, keepLocal, rates })
  }

  added(): AddedDocument {
    const { id, path, name, backer } = this
    return { schema: SCHEMA, id, path, name, access: backer.status().access, key: backer.key }
  }

  /** Calls `listener` with everything that has happened in the folder since it was opened, and with what happens from now on, in the form in which it is told. */
  listen(listener: (event: DaemonEvent) => void): void {
    this.#news.tell(listener)
  }
}
