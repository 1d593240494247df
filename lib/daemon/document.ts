import type { FolderStatus, HeldDeletes, PeerStatus, Problem, Progress } from '../folder/status.js'
import type { ErrorCode } from '../core/error.js'
import type { Item } from '../folder/browse.js'
import type { Change } from '../folder/events.js'
import type { KeepingReport, PastVersion, RestoreFailure } from '../folder/past.js'

/** The version of all documents here. Fields are only ever added. */
export const SCHEMA = 1

/** A peer as the API tells it. Times are RFC 3339. */
export interface PeerDocument extends Omit<PeerStatus, 'connectedAt'> {
  readonly connectedAt: string
}

/** A folder as the API tells it. */
export interface FolderDocument extends Omit<FolderStatus, 'peers'> {
  readonly name: string
  /** True where its user has paused it: what else is told is as it was then. */
  readonly paused?: boolean
  /** Content bytes per second, over the last five seconds. */
  readonly rates?: { readonly up: number; readonly down: number }
  readonly peers: readonly PeerDocument[]
}

/** What a running process says of itself: `GET /v1/status`. */
export interface StatusDocument {
  readonly schema: typeof SCHEMA
  readonly version: string
  readonly pid: number
  /** This device's id: its public key in hexadecimal. */
  readonly device: string
  readonly startedAt: string
  /** The address of the page, with what unlocks it: a secret. */
  readonly page?: string
  readonly folders: readonly FolderDocument[]
}

/** A folder that was added: `POST /v1/folders`. `key` is a secret. */
export interface AddedDocument {
  readonly schema: typeof SCHEMA
  readonly id: string
  readonly path: string
  readonly name: string
  readonly access: FolderStatus['access']
  readonly key: string
}

/** An item of a folder: `GET /v1/folders/:id/files`. */
export interface ItemDocument extends Omit<Item, 'mtimeMs'> {
  readonly mtime?: string
}

/** Two versions of one file: `GET /v1/folders/:id/conflicts`. */
export interface ConflictDocument {
  readonly path: string
  readonly copy: string
  readonly original?: ItemDocument
  readonly other: ItemDocument
}

/** How a wait went: `GET /v1/folders/:id/wait`. */
export interface WaitDocument {
  readonly schema: typeof SCHEMA
  readonly done: boolean
  readonly folder: FolderDocument
}

/** Deletes that are held: `GET /v1/folders/:id/deletes`. */
export interface DeletesDocument extends HeldDeletes {
  readonly schema: typeof SCHEMA
}

/** What became of them: `POST /v1/folders/:id/deletes`. */
export interface DecidedDocument {
  readonly schema: typeof SCHEMA
  readonly action: 'accept' | 'reject'
  /** Of how many items. */
  readonly count: number
}

/** A kept version. */
export interface RevisionDocument extends Omit<PastVersion, 'atMs' | 'mtimeMs'> {
  /** When it was replaced or deleted. */
  readonly at: string
  readonly mtime: string
}

/** `GET /v1/folders/:id/revisions`. */
export interface RevisionsDocument {
  readonly schema: typeof SCHEMA
  readonly revisions: readonly RevisionDocument[]
}

/** What a restore did, or would do: `POST /v1/folders/:id/restore`. */
export interface RestoredDocument {
  readonly schema: typeof SCHEMA
  readonly dryRun: boolean
  readonly restored: number
  /** How many stood there just so. */
  readonly unchanged: number
  readonly failed: readonly RestoreFailure[]
  /** Some of the paths. */
  readonly sample: readonly string[]
}

/** `POST /v1/folders/:id/revisions/tidy`. */
export interface TidiedDocument extends KeepingReport {
  readonly schema: typeof SCHEMA
}

/** What a refused request says, whatever the route. */
export interface ErrorDocument {
  readonly schema: typeof SCHEMA
  readonly name: ErrorCode
  readonly message: string
  readonly hint?: string
  readonly path?: string
  readonly peer?: string
}

/** Something that happened in a folder, as it is told: `GET /v1/events`, and the lines of `--json`. */
export type DaemonEvent = { readonly time: string; readonly folder: string } & (
  | {
      readonly type: 'peer'
      readonly event: 'connected' | 'disconnected'
      readonly peer: PeerDocument
      readonly reason?: string
    }
  | ({ readonly type: 'progress' } & Progress)
  | ({ readonly type: 'item' } & Change)
  | { readonly type: 'item'; readonly action: 'conflict'; readonly path: string; readonly copy: string }
  | ({ readonly type: 'problem' } & Problem)
  | {
      readonly type: 'insync'
      readonly files: number
      readonly bytes: number
      readonly root: string
      readonly peers: number
    }
  | { readonly type: 'folder'; readonly document: FolderDocument }
  | { readonly type: 'removed' }
  | { readonly type: 'error'; readonly name: ErrorCode; readonly message: string; readonly hint?: string }
)

/** A point in time as documents tell it. */
export function timeOf(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

export function revisionDocument({ atMs, mtimeMs, ...version }: PastVersion): RevisionDocument {
  return { ...version, at: timeOf(atMs), mtime: timeOf(mtimeMs) }
}

export function peerDocument(peer: PeerStatus): PeerDocument {
  return { ...peer, connectedAt: timeOf(peer.connectedAt) }
}

export function folderDocument(name: string, status: FolderStatus): FolderDocument {
  return { name, ...status, peers: status.peers.map(peerDocument) }
}
