import type { RelativePath } from '../core/model/path.js'
import type { Payload } from '../core/model/record.js'

/** A version that is kept. */
export interface PastVersion {
  /** Tells it from the others of its path. */
  readonly id: string
  readonly path: RelativePath
  /** When it was replaced or deleted: milliseconds since 1970. */
  readonly atMs: number
  /** `unknown` until it is packed. */
  readonly kind: 'file' | 'symlink' | 'unknown'
  /** Bytes; 0 for what is not a file. */
  readonly size: number
  readonly mtimeMs: number
}

/** What is kept of what was replaced or deleted, and what the last look at it did. */
export interface KeepingReport {
  /** How many revisions there are. */
  readonly revisions: number
  /** What they take on the disk: compressed, and each chunk once. */
  readonly bytes: number
  /** How much they may take on this disk. */
  readonly bytesMax: number
  /** How many were let go because the rule has enough of their time, and how many for want of room. */
  readonly thinned: number
  readonly evicted: number
  /** Revisions that can't be read any more. While there are any, nothing is removed that they may need. */
  readonly damaged: readonly string[]
}

/** What is to stand at a path again. */
export interface RestoreItem {
  readonly path: RelativePath
  readonly payload: Exclude<Payload, { readonly kind: 'deleted' }>
}

/** An item that could not be brought back, and why. */
export interface RestoreFailure {
  readonly path: RelativePath
  readonly message: string
}

/** What a restore did. */
export interface RestoreReport {
  readonly restored: readonly RelativePath[]
  /** How many items stood there already just so. */
  readonly unchanged: number
  readonly failed: readonly RestoreFailure[]
}
