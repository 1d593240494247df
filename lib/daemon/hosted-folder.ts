import type { Backer } from '../backer.js'
import { BackerError } from '../core/error.js'
import type { Browser } from '../folder/browse.js'
import type { FolderStatus } from '../folder/status.js'
import type { Clock } from '../runtime.js'
import type { FolderMemory } from './folder-memory.js'
import { RateMeter } from './rates.js'
import {
  changeDocument,
  folderDocument,
  peerDocument,
  timeOf,
  type AddedDocument,
  type DaemonEvent,
  type FolderDocument,
  SCHEMA
} from './document.js'

type Unstamped<E> = E extends unknown ? Omit<E, 'time' | 'folder'> : never

/** One folder that a process runs: the library's handle, with the name that its user gave it. While it is paused there is no handle. */
export class HostedFolder {
  readonly id: string
  readonly path: string
  name: string
  #backer: Backer
  readonly #clock: Clock
  readonly #memory: FolderMemory
  readonly #rates = new RateMeter()
  /** Of each connected peer, by its id. */
  #peerRates = new Map<string, RateMeter>()
  /** What it was when it was paused. */
  #paused: FolderStatus | undefined

  constructor(backer: Backer, name: string, parts: { readonly clock: Clock; readonly memory: FolderMemory }) {
    this.#backer = backer
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
  resume(backer: Backer): void {
    this.#backer = backer
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

  /** Calls `listener` with everything that happens in the folder, in the form in which it is told. */
  listen(listener: (event: DaemonEvent) => void): void {
    const { id } = this
    const backer = this.#backer
    const tell = (event: Unstamped<DaemonEvent>): void => listener({ time: timeOf(Date.now()), folder: id, ...event })
    backer.on('peer', ({ type, peer, reason }) =>
      tell({ type: 'peer', event: type, peer: peerDocument(peer), ...(reason === undefined ? {} : { reason }) })
    )
    backer.on('progress', progress => tell({ type: 'progress', ...progress }))
    backer.on('change', change => tell({ type: 'item', ...changeDocument(change) }))
    backer.on('conflict', ({ path, copy }) => tell({ type: 'item', action: 'conflict', path, copy }))
    backer.on('problem', problem => tell({ type: 'problem', ...problem }))
    backer.on('verify', ({ kind, ...about }) => tell({ type: 'verify', event: kind, ...about }))
    backer.on('insync', ({ files, bytes, root, peers }) =>
      tell({ type: 'insync', files, bytes, root, peers: peers.filter(peer => peer.inSync).length })
    )
    backer.on('error', ({ code, message, hint }) =>
      tell({ type: 'error', name: code, message, ...(hint === undefined ? {} : { hint }) })
    )
  }
}
