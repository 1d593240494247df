import type { Backer } from '../backer.js'
import { changeDocument, peerDocument, timeOf, type DaemonEvent } from './document.js'

type Without<E, K extends string> = E extends unknown ? Omit<E, K> : never
type Untold = Without<DaemonEvent, 'folder'>

/** More than a scan finds until somebody listens. */
const HELD_MAX = 100_000

/**
 * Everything that happens in a folder, in the form in which it is told. What happens before anybody listens is held back: a folder is at work from the moment in which it is open,
 * while its network is still being set up and its place in the home written down.
 */
export class FolderNews {
  readonly #backer: Backer
  readonly #held: Untold[] = []
  #pass = (event: Untold): void => {
    if (this.#held.length < HELD_MAX) this.#held.push(event)
  }

  /** `backer` may not be open yet. */
  constructor(backer: Backer) {
    this.#backer = backer
    backer.on('peer', ({ type, peer, reason }) =>
      this.#note({ type: 'peer', event: type, peer: peerDocument(peer), ...(reason === undefined ? {} : { reason }) })
    )
    backer.on('progress', progress => this.#note({ type: 'progress', ...progress }))
    backer.on('change', change => this.#note({ type: 'item', ...changeDocument(change) }))
    backer.on('conflict', ({ path, copy }) => this.#note({ type: 'item', action: 'conflict', path, copy }))
    backer.on('problem', problem => this.#note({ type: 'problem', ...problem }))
    backer.on('verify', ({ kind, ...about }) => this.#note({ type: 'verify', event: kind, ...about }))
    backer.on('insync', ({ files, bytes, root, peers }) =>
      this.#note({ type: 'insync', files, bytes, root, peers: peers.filter(peer => peer.inSync).length })
    )
    backer.on('error', ({ code, message, hint }) =>
      this.#note({ type: 'error', name: code, message, ...(hint === undefined ? {} : { hint }) })
    )
  }

  /** Calls `listener` with all that was held back, and with what happens from now on. Only once the folder is open, and once. */
  tell(listener: (event: DaemonEvent) => void): void {
    const folder = this.#backer.id
    this.#pass = ({ time, ...event }) => listener({ time, folder, ...event })
    for (const event of this.#held.splice(0)) this.#pass(event)
  }

  #note(event: Without<Untold, 'time'>): void {
    this.#pass({ time: timeOf(Date.now()), ...event })
  }
}
