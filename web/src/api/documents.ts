import type { Change } from '../../../lib/folder/events.js'
import type { FolderState, PeerStatus, Problem, Progress } from '../../../lib/folder/status.js'

/** A peer as the daemon tells it. Times are RFC 3339. */
export interface PeerDocument extends Omit<PeerStatus, 'connectedAt'> {
  readonly connectedAt?: string
  readonly connected?: boolean
  readonly lastSeenAt?: string
  readonly roundTripMs?: number
}

export interface FolderDocument {
  readonly id: string
  readonly name: string
  readonly path: string
  readonly access: 'write' | 'read'
  readonly state: FolderState
  readonly paused?: boolean
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string }
  readonly files: number
  readonly bytes: number
  readonly scanned: boolean
  readonly progress: Progress
  readonly rates?: { readonly up: number; readonly down: number }
  readonly conflictCount?: number
  readonly problems: readonly Problem[]
  readonly problemCount: number
  readonly peers: readonly PeerDocument[]
}

export interface StatusDocument {
  readonly version: string
  readonly device: string
  readonly deviceName?: string
  readonly startedAt: string
  readonly folders: readonly FolderDocument[]
}

export interface KeysDocument {
  readonly keys: readonly { readonly kind: 'write' | 'read' | 'store'; readonly key: string }[]
}

export interface FileEntry {
  readonly name: string
  readonly kind: 'directory' | 'file' | 'symlink'
  readonly size: number
  readonly mtime?: string
  readonly state: 'synced' | 'pending' | 'problem' | 'conflict' | 'ignored'
  readonly reason?: string
  readonly target?: string
}

export interface FilesDocument {
  readonly path: string
  readonly entries: readonly FileEntry[]
  readonly next?: string
}

export interface ConflictSide {
  readonly size: number
  readonly mtime?: string
  readonly device?: string
}

export interface Conflict {
  readonly path: string
  readonly copy: string
  readonly original?: ConflictSide
  readonly other?: ConflictSide
}

export interface ConflictsDocument {
  readonly conflicts: readonly Conflict[]
}

export interface DirectoriesDocument {
  readonly path: string
  readonly parent?: string
  readonly entries: readonly { readonly name: string; readonly path: string; readonly folder?: boolean }[]
}

export interface HistoryItem extends Change {
  readonly time: string
  readonly device?: string
  readonly deviceName?: string
}

export interface HistoryDocument {
  readonly items: readonly HistoryItem[]
  readonly next?: string
}

export interface SettingsDocument {
  readonly deviceName: string
  readonly limits?: Limits
  readonly lan?: boolean
}

/** Bytes per second; undefined: as fast as it goes. */
export interface Limits {
  readonly up?: number | null
  readonly down?: number | null
}

/** What the event stream tells. */
export type DaemonEvent =
  | { readonly type: 'folder'; readonly folder: string; readonly document: FolderDocument }
  | { readonly type: 'removed'; readonly folder: string }
  | { readonly type: 'item' | 'peer' | 'problem' | 'insync' | 'error' | 'progress'; readonly folder: string }
