import type { FolderDocument } from '../../../lib/daemon/document.js'
import type { NetworkReport } from '../../../lib/net/report.js'

export type {
  ConflictDocument,
  DaemonEvent,
  DriftDocument,
  FolderDocument,
  ItemDocument,
  LogDocument,
  LogEntryDocument,
  PastItemDocument,
  PastItemsDocument,
  PeerDocument,
  RestoredDocument,
  RevisionDocument,
  RevisionsDocument,
  SettingsDocument,
  SnapshotDocument,
  SnapshotsDocument,
  StatusDocument,
  VerifiedDocument,
  VerifyDocument
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

/** `GET /v1/network`: `dht` is missing where no folder runs. */
export type NetworkDocument = Omit<NetworkReport, 'dht'> & { readonly dht?: NetworkReport['dht'] }

/** `GET /v1/limits`: bytes per second; none: as much as there is. */
export interface LimitsDocument {
  readonly up?: number | null
  readonly down?: number | null
  readonly includeLan: boolean
  readonly timetable: readonly { readonly minute: number; readonly up?: number | null; readonly down?: number | null }[]
}

export type Peer = FolderDocument['peers'][number]
