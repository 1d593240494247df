import type { BackerError } from '../core/error.js'
import type { Version } from '../core/model/record.js'
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
  /** The incarnation of an index that wrote what stands there now; of several that wrote the very same, one. */
  readonly replica?: string
  /** The device from which this one learnt of it; only for `remote`. */
  readonly via?: string
  /** Bytes; only for files. */
  readonly size?: number
  /** When it was written, as its file says: milliseconds since 1970; only for files. */
  readonly mtimeMs?: number
}

/** What is told of a version beside its path. */
export function detailsOf({ dots, payload }: Version): Pick<Change, 'replica' | 'size' | 'mtimeMs'> {
  const replica = dots[0]?.replica
  const by = replica === undefined ? {} : { replica }
  if (payload.kind !== 'file') return by
  return { ...by, size: payload.size, mtimeMs: Number(payload.mtimeNs / 1_000_000n) }
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
