import type { BackerError } from '../core/error.js'
import type { FolderStatus, PeerStatus, Problem, Progress } from './status.js'

/** One path that changed in the folder. */
export interface Change {
  readonly path: string
  readonly action: 'created' | 'changed' | 'moved' | 'deleted' | 'metadata'
  readonly kind: 'file' | 'directory' | 'symlink' | 'deleted'
  /** `local`: made on this device. `remote`: applied from a peer. */
  readonly origin: 'local' | 'remote'
  /** Where it was before; only for `moved`. */
  readonly from?: string
}

/** Two versions that were made without knowing of each other: one stands at `path`, the other was kept as `copy`. */
export interface ConflictEvent {
  readonly path: string
  readonly copy: string
}

/** What verifying does: it found a file damaged, gave it its content back, or could not; or a look through everything is over. */
export type VerifyEvent =
  | { readonly kind: 'damaged' | 'mended' | 'unmended'; readonly path: string; readonly reason?: string }
  | { readonly kind: 'progress' | 'done'; readonly files: number; readonly bytes: number; readonly filesTotal: number }

/** What a folder emits, with the arguments of each listener. */
export interface FolderEvents {
  peer: [event: { readonly type: 'connected' | 'disconnected'; readonly peer: PeerStatus; readonly reason?: string }]
  progress: [progress: Progress]
  change: [change: Change]
  conflict: [conflict: ConflictEvent]
  problem: [problem: Problem]
  verify: [event: VerifyEvent]
  insync: [status: FolderStatus]
  /** The folder has stopped; `status().error` says the same. */
  error: [error: BackerError]
}
