import type { FolderStatus, HeldDeletes, PeerStatus, Problem, Progress } from '../folder/status.js'
import type { ErrorCode } from '../core/error.js'
import type { Item } from '../folder/browse.js'
import type { Reverted } from '../folder/drift.js'
import type { DropReport, GetReport } from '../folder/drop-report.js'
import type { Change, VerifyEvent } from '../folder/events.js'
import type { Notice } from './notices.js'
import {
  pastItem,
  type KeepingReport,
  type PastItem,
  type PastState,
  type PastVersion,
  type RestoreReport,
  type TreeDifference
} from '../folder/past.js'
import type { PutAside, VerifyReport, VerifyStatus } from '../folder/verify-state.js'

/** The version of all documents here. Fields are only ever added. */
export const SCHEMA = 1

/** A peer as the API tells it. Times are RFC 3339. */
export interface PeerDocument extends Omit<PeerStatus, 'connectedAt'> {
  readonly connectedAt: string
  /** Content bytes per second to and from it, over the last five seconds; in a folder's document. */
  readonly rates?: { readonly up: number; readonly down: number }
}

/** A folder as the API tells it. */
export interface FolderDocument extends Omit<FolderStatus, 'peers' | 'verify'> {
  readonly verify?: VerifyingDocument
  readonly name: string
  /** True where its user has paused it: what else is told is as it was then. */
  readonly paused?: boolean
  /** True where this device keeps what is edited or deleted on it as well. */
  readonly keepLocal?: boolean
  /** Content bytes per second, over the last five seconds. */
  readonly rates?: { readonly up: number; readonly down: number }
  /** All devices that were ever connected to it, those that are connected first. */
  readonly devices?: readonly DeviceDocument[]
  readonly peers: readonly PeerDocument[]
}

/** A device that is or was connected to a folder. */
export interface DeviceDocument {
  readonly device: string
  readonly name: string
  readonly role: PeerStatus['role']
  readonly connected: boolean
  readonly firstSeen: string
  readonly lastSeen: string
  /** Of one that is not connected: it held what this device holds now when it was seen to hold the same; absent where it never was. */
  readonly heldSame?: boolean
  /** It has not been seen for too long. */
  readonly alarm?: boolean
}

/** One change of a folder, as it is kept. */
export interface JournalRow extends Omit<ChangeDocument, 'action'> {
  readonly action: ChangeDocument['action'] | 'conflict'
  /** When it took place on this device's disk: RFC 3339. */
  readonly time: string
  /** The conflict copy that was made. */
  readonly copy?: string
  /** How the device was reached that it was learnt from. */
  readonly route?: string
}

/** What happened in a folder once: `GET /v1/folders/:id/log`. */
export interface LogEntryDocument extends Omit<JournalRow, 'via'> {
  /** The device that wrote it, and its name, where they are known. */
  readonly device?: string
  readonly deviceName?: string
  /** The device from which this one learnt of it. */
  readonly via?: string
  readonly viaName?: string
}

/** `GET /v1/folders/:id/log`. */
export interface LogDocument {
  readonly schema: typeof SCHEMA
  readonly entries: readonly LogEntryDocument[]
}

/** What a running process says of itself: `GET /v1/status`. */
export interface StatusDocument {
  readonly schema: typeof SCHEMA
  readonly version: string
  readonly pid: number
  /** This device's id: its public key in hexadecimal. */
  readonly device: string
  readonly startedAt: string
  /** The address of the page, with what unlocks it: a secret, which only the socket tells. */
  readonly page?: string
  /** Where the page is for other machines; `fingerprint`: the SHA-256 of its certificate. */
  readonly remotePage?: { readonly addresses: readonly string[]; readonly fingerprint: string }
  /** What its user should know of the device as a whole. */
  readonly notices?: readonly Notice[]
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

/** `GET /v1/folders/:id/files`. */
export interface ItemsDocument {
  readonly schema: typeof SCHEMA
  readonly path: string
  readonly entries: readonly ItemDocument[]
  /** Where there are more: ask for those behind this name. */
  readonly next?: string | undefined
}

/** Two versions of one file: `GET /v1/folders/:id/conflicts`. */
export interface ConflictDocument {
  readonly path: string
  readonly copy: string
  readonly original?: ItemDocument
  readonly other: ItemDocument
}

/** `GET /v1/folders/:id/conflicts`. */
export interface ConflictsDocument {
  readonly schema: typeof SCHEMA
  readonly conflicts: readonly ConflictDocument[]
}

/** `POST /v1/folders/:id/ignore/preview`. */
export interface IgnorePreviewDocument {
  readonly schema: typeof SCHEMA
  /** How many items patterns hit, and some of them. */
  readonly count: number
  readonly sample: readonly string[]
  /** A sentence for each line that can't be used. */
  readonly problems: readonly string[]
}

/** `GET /v1/folders/:id/ignore/check`. */
export interface IgnoreCheckDocument {
  readonly schema: typeof SCHEMA
  readonly path: string
  readonly ignored: boolean
  /** The pattern that decides it; undefined where none hits the path itself. */
  readonly pattern?: string
}

/** What can be set, and what is: `GET /v1/settings`. */
export interface SettingsDocument {
  readonly schema: typeof SCHEMA
  readonly settings: readonly {
    readonly name: string
    readonly description: string
    readonly fallback: string
    /** Holds at once; the others from the next start on. */
    readonly live: boolean
    /** It is set with `backer config` only, not from the page. */
    readonly commandOnly?: true
    /** The variable that goes before it. */
    readonly variable?: string
    readonly value?: string
  }[]
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
export interface RevisionDocument extends Omit<PastVersion, 'atMs' | 'mtimeMs' | 'isPinned'> {
  readonly pinned: boolean
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
export interface RestoredDocument extends RestoreReport {
  readonly schema: typeof SCHEMA
  readonly dryRun: boolean
  /** The state of the folder that it was taken from, where it was. */
  readonly snapshot?: SnapshotDocument
}

/** A kept state of a folder. */
export interface SnapshotDocument {
  readonly id: string
  readonly at: string
  /** The device that made it: its id. */
  readonly device: string
  readonly kind: PastState['kind']
  readonly pinned: boolean
  /** Of its tree. */
  readonly root: string
}

/** `GET /v1/folders/:id/snapshots`. */
export interface SnapshotsDocument {
  readonly schema: typeof SCHEMA
  readonly snapshots: readonly SnapshotDocument[]
}

/** What stood at a path at a time. */
export interface PastItemDocument extends Omit<PastItem, 'path' | 'mtimeMs'> {
  readonly name: string
  readonly mtime?: string
}

/** `GET /v1/folders/:id/snapshots/files`. */
export interface PastItemsDocument {
  readonly schema: typeof SCHEMA
  readonly snapshot: SnapshotDocument
  readonly path: string
  readonly entries: readonly PastItemDocument[]
  /** Where there are more: ask for those behind this name. */
  readonly next?: string
}

/** A path at which two states of a folder differ. */
export interface DifferenceDocument {
  readonly path: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly before?: PastItemDocument
  readonly after?: PastItemDocument
}

/** `GET /v1/folders/:id/snapshots/diff`: at most 10,000. */
export interface DifferencesDocument {
  readonly schema: typeof SCHEMA
  readonly from: SnapshotDocument
  /** None: how the folder is now. */
  readonly to?: SnapshotDocument
  readonly differences: readonly DifferenceDocument[]
}

/** `POST /v1/folders/:id/revisions/tidy`. */
export interface TidiedDocument extends KeepingReport {
  readonly schema: typeof SCHEMA
}

/** What verifying does and knows, as the API tells it. */
export interface VerifyingDocument extends Omit<VerifyStatus, 'lastEndedAtMs'> {
  /** When the last look through everything ended. */
  readonly lastEnded?: string
}

/** `GET /v1/folders/:id/verify`. */
export interface VerifyDocument extends VerifyingDocument {
  readonly schema: typeof SCHEMA
  /** Damaged files that were put aside: how many, and some of them. */
  readonly putAside: {
    readonly count: number
    readonly files: readonly (Omit<PutAside['files'][number], 'atMs'> & { readonly at: string })[]
  }
}

/** What a look through the folder found: `POST /v1/folders/:id/verify`. */
export interface VerifiedDocument extends VerifyReport {
  readonly schema: typeof SCHEMA
}

/** What dropping files did, or would do: `POST /v1/folders/:id/drop`. */
export interface DroppedDocument extends DropReport {
  readonly schema: typeof SCHEMA
}

/** What fetching dropped files did: `POST /v1/folders/:id/get`. */
export interface GotDocument extends GetReport {
  readonly schema: typeof SCHEMA
}

/** The same, where it is not waited for. */
export interface AskedDocument {
  readonly schema: typeof SCHEMA
  readonly asked: true
}

/** What was changed by hand on a device that does not write: `GET /v1/folders/:id/drift`, and what undoing it did. */
export interface DriftDocument extends Partial<Reverted> {
  readonly schema: typeof SCHEMA
  /** How many items are changed (now). */
  readonly count: number
  readonly sample: readonly string[]
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

/** A change as it is told. */
export interface ChangeDocument extends Omit<Change, 'mtimeMs'> {
  readonly mtime?: string
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
  | ({ readonly type: 'item' } & ChangeDocument)
  | { readonly type: 'item'; readonly action: 'conflict'; readonly path: string; readonly copy: string }
  | ({ readonly type: 'problem' } & Problem)
  | {
      readonly type: 'insync'
      readonly files: number
      readonly bytes: number
      readonly root: string
      readonly peers: number
    }
  | {
      readonly type: 'verify'
      readonly event: VerifyEvent['kind']
      readonly path?: string
      readonly reason?: string
      readonly files?: number
      readonly bytes?: number
      readonly filesTotal?: number
    }
  | { readonly type: 'folder'; readonly document: FolderDocument }
  | { readonly type: 'removed' }
  | { readonly type: 'error'; readonly name: ErrorCode; readonly message: string; readonly hint?: string }
)

/** A point in time as documents tell it. */
export function timeOf(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

export function revisionDocument({ atMs, mtimeMs, isPinned, ...version }: PastVersion): RevisionDocument {
  return { ...version, pinned: isPinned, at: timeOf(atMs), mtime: timeOf(mtimeMs) }
}

export function snapshotDocument({ id, atMs, device, kind, isPinned, root }: PastState): SnapshotDocument {
  return { id, at: timeOf(atMs), device, kind, pinned: isPinned, root: Buffer.from(root).toString('hex') }
}

export function pastItemDocument({ path, mtimeMs, ...item }: PastItem): PastItemDocument {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return { name, ...item, ...(mtimeMs === undefined ? {} : { mtime: timeOf(mtimeMs) }) }
}

export function differenceDocument({ path, before, after }: TreeDifference): DifferenceDocument {
  return {
    path,
    change: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
    ...(before === undefined ? {} : { before: pastItemDocument(pastItem({ path, payload: before })) }),
    ...(after === undefined ? {} : { after: pastItemDocument(pastItem({ path, payload: after })) })
  }
}

export function peerDocument(peer: PeerStatus): PeerDocument {
  return { ...peer, connectedAt: timeOf(peer.connectedAt) }
}

export function folderDocument(name: string, status: FolderStatus): FolderDocument {
  const { verify, ...rest } = status
  return {
    name,
    ...rest,
    ...(verify === undefined ? {} : { verify: verifyDocument(verify) }),
    peers: status.peers.map(peerDocument)
  }
}

export function verifyDocument({ lastEndedAtMs, ...status }: VerifyStatus): VerifyingDocument {
  return { ...status, ...(lastEndedAtMs === undefined ? {} : { lastEnded: timeOf(lastEndedAtMs) }) }
}

export function changeDocument({ mtimeMs, ...change }: Change): ChangeDocument {
  return { ...change, ...(mtimeMs === undefined ? {} : { mtime: timeOf(mtimeMs) }) }
}
