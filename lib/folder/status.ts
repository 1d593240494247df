import type { BackerError, ErrorCode } from '../core/error.js'
import type { Role } from '../core/model/role.js'
import type { ProblemCode } from '../disk/disk.js'
import type { VerifyStatus } from './verify-state.js'

/**
 * What a folder is doing.
 * - `starting`: opening its index; nothing is known yet.
 * - `scanning`: looking through its files; what it says of them is not complete yet.
 * - `syncing`: something is pending: changes to hash, to fetch or to apply.
 * - `in-sync`: this device has all that any connected peer has, and every connected peer has what this device has.
 * - `ahead`: this device has all that it knows of, and some connected peer does not have it all yet.
 * - `held`: deletes wait for somebody's word (see `heldDeletes`); nothing else is pending.
 * - `alone`: nothing is pending, and no peer is connected.
 * - `stopped`: it can't go on: see `error`. Nothing is deleted anywhere because of it.
 */
export type FolderState = 'starting' | 'scanning' | 'syncing' | 'in-sync' | 'ahead' | 'held' | 'alone' | 'stopped'

/** Deletes of so many files that somebody must say that they are meant. */
export interface HeldDeletes {
  /** Items that are gone from this disk, and from no other. */
  readonly local: number
  /** Items that other devices deleted, and that still stand here. */
  readonly remote: number
  /** Items gone from this disk whose delete was rejected, and that no connected device has given back yet. */
  readonly restoring: number
  /** Some of their paths. */
  readonly sample: readonly string[]
}

/** How a peer is reached. `stream`: a stream that the application piped by itself. */
export type Route = 'lan' | 'direct' | 'relay' | 'stream'

/** An item that is not in sync, and why. */
export interface Problem {
  /** The item, or undefined where it is about a peer or the folder. */
  readonly path?: string
  readonly peer?: string
  readonly code: ProblemCode | ErrorCode
  /** A sentence for people. */
  readonly message: string
}

export interface PeerStatus {
  /** The peer's device id: its public key in hexadecimal. */
  readonly device: string
  readonly name: string
  readonly role: 'writer' | 'reader'
  /** The incarnation of its index: under this name its writes stand in records. */
  readonly replica: string
  readonly route: Route
  /** True where the peer has said that it holds exactly what this device holds. */
  readonly inSync: boolean
  /** Milliseconds since 1970. */
  readonly connectedAt: number
  /** What carries the connection. */
  readonly transport: 'tcp' | 'udx' | 'pipe'
  /** The peer's address, where it is known. */
  readonly address: string | undefined
  /** Milliseconds; undefined until it was measured. */
  readonly roundTripMs: number | undefined
  readonly bytesReceived: number
  readonly bytesSent: number
}

/** What there is to fetch and how it goes. Bytes are content bytes, not bytes on the wire. */
export interface Progress {
  readonly filesDone: number
  readonly filesTotal: number
  readonly bytesDone: number
  readonly bytesTotal: number
  readonly bytesPerSecond: number
  /** Milliseconds until it is done at this rate; undefined where that can't be told. */
  readonly etaMs: number | undefined
}

/** On how many devices the content of a folder's files lies, where all that ever said what they hold count, and were not forgotten. */
export interface CopiesStatus {
  /** How many devices count, this one included. */
  readonly devices: number
  /** At n: how many files lie on n devices. */
  readonly counts: readonly number[]
  /** On how many devices the rarest file lies; undefined where there are no files. */
  readonly fewest?: number
  /** Files that lie on this device alone. */
  readonly onlyHere: { readonly files: number; readonly bytes: number; readonly sample: readonly string[] }
  /** Files that this device has dropped: they lie on others only. */
  readonly dropped: { readonly files: number; readonly bytes: number }
  /** True where this is so now; else it is being counted anew. */
  readonly current: boolean
}

/** What another device does not have of the files that this one has. */
export interface Lacking {
  /** Its id. */
  readonly device: string
  readonly files: number
  readonly bytes: number
  /** Some of them, and items that it says it can't have, each with the reason: a code of a problem or an error, `waiting` (on its way), `offline`. */
  readonly items: readonly { readonly path: string; readonly code: string; readonly message: string }[]
}

/** How many items of each device are shown. */
export const LACKING_SAMPLE = 20

/** How many paths of files that lie on one device only are shown. */
export const COPIES_SAMPLE = 20

/** The truth about one folder at one moment. */
export interface FolderStatus {
  /** The folder's id: its public key in z-base-32. */
  readonly id: string
  readonly path: string
  /** What the key that this device holds lets it do. */
  readonly access: 'write' | 'read'
  /** What it does. */
  readonly role?: Role
  /** Items that were changed here by hand, on a device that may not write or is not to; only where there are any. */
  readonly drift?: { readonly count: number; readonly sample: readonly string[] }
  readonly state: FolderState
  /** Why it is stopped. */
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly hint?: string }
  readonly files: number
  readonly bytes: number
  /** Directories, symlinks, files and remembered deletes. */
  readonly records: number
  /** The root of the tree that this device holds, in hexadecimal. */
  readonly root: string
  /** True once everything has been looked at since the start. */
  readonly scanned: boolean
  /** True where this device has nothing to do: scanned, nothing to hash, to fetch or to apply. */
  readonly idle: boolean
  readonly progress: Progress
  /** Once it was counted. */
  readonly copies?: CopiesStatus
  /** What other devices do not have, by device; only where there is anything. */
  readonly lacking?: readonly Lacking[]
  /** Only where there are any. */
  readonly heldDeletes?: HeldDeletes
  /** Sorted by path, at most PROBLEMS_MAX of them; `problemCount` counts all. */
  readonly problems: readonly Problem[]
  readonly problemCount: number
  /** Where the folder is open. */
  readonly verify?: VerifyStatus
  readonly peers: readonly PeerStatus[]
}

/** How many paths of held deletes are shown. */
export const HELD_SAMPLE = 20

export const PROBLEMS_MAX = 1000

/** Why a folder is stopped, as the status tells it. */
export function errorOf(error: BackerError): NonNullable<FolderStatus['error']> {
  return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
}
