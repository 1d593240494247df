import type { FolderDocument } from '../../../lib/daemon/document.js'

export type {
  ConflictDocument,
  DaemonEvent,
  FolderDocument,
  ItemDocument,
  PeerDocument,
  StatusDocument
} from '../../../lib/daemon/document.js'

/** `GET /v1/folders/:id/keys`. */
export interface KeysDocument {
  readonly keys: readonly { readonly kind: 'write' | 'read'; readonly key: string }[]
}

/** `GET /v1/directories`. */
export interface DirectoriesDocument {
  readonly path: string
  readonly parent?: string
  readonly entries: readonly { readonly name: string; readonly path: string; readonly folder?: boolean }[]
}

export type Peer = FolderDocument['peers'][number]
