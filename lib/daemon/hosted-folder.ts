import type { Backer } from '../backer.js'
import type { FolderStatus } from '../folder/status.js'
import {
  folderDocument,
  peerDocument,
  timeOf,
  type AddedDocument,
  type DaemonEvent,
  type FolderDocument,
  SCHEMA
} from './document.js'

type Unstamped<E> = E extends unknown ? Omit<E, 'time' | 'folder'> : never

/** One folder that a process runs: the library's handle, with the name that its user gave it. */
export class HostedFolder {
  readonly backer: Backer
  readonly name: string

  constructor(backer: Backer, name: string) {
    this.backer = backer
    this.name = name
  }

  get id(): string {
    return this.backer.id
  }

  get path(): string {
    return this.backer.directory
  }

  status(): FolderStatus {
    return this.backer.status()
  }

  document(): FolderDocument {
    return folderDocument(this.name, this.backer.status())
  }

  added(): AddedDocument {
    const { id, path, name, backer } = this
    return { schema: SCHEMA, id, path, name, access: backer.status().access, key: backer.key }
  }

  /** Calls `listener` with everything that happens in the folder, in the form in which it is told. */
  listen(listener: (event: DaemonEvent) => void): void {
    const { id, backer } = this
    const tell = (event: Unstamped<DaemonEvent>): void => listener({ time: timeOf(Date.now()), folder: id, ...event })
    backer.on('peer', ({ type, peer, reason }) =>
      tell({ type: 'peer', event: type, peer: peerDocument(peer), ...(reason === undefined ? {} : { reason }) })
    )
    backer.on('progress', progress => tell({ type: 'progress', ...progress }))
    backer.on('change', change => tell({ type: 'item', ...change }))
    backer.on('conflict', ({ path, copy }) => tell({ type: 'item', action: 'conflict', path, copy }))
    backer.on('problem', problem => tell({ type: 'problem', ...problem }))
    backer.on('insync', ({ files, bytes, root, peers }) =>
      tell({ type: 'insync', files, bytes, root, peers: peers.filter(peer => peer.inSync).length })
    )
    backer.on('error', ({ code, message, hint }) =>
      tell({ type: 'error', name: code, message, ...(hint === undefined ? {} : { hint }) })
    )
  }
}
