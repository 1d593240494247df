import type { Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import type { Payload } from '../core/model/record.js'
import type { TreeDifference, TreeItem } from '../disk/kept.js'

export type { TreeDifference }

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
  /** It stays, whatever the rule says. */
  readonly isPinned: boolean
  /** What the connected device is called that keeps it; undefined: this one does. */
  readonly device?: string
}

/** A kept state of the whole folder. */
export interface PastState {
  readonly id: string
  /** When it was so: milliseconds since 1970. */
  readonly atMs: number
  /** The device that made it: its public key in hexadecimal. */
  readonly device: string
  readonly kind: 'automatic' | 'manual'
  readonly isPinned: boolean
  readonly root: Hash
}

/** Which state of the folder is meant: a snapshot by its id, or how it was at a time (milliseconds since 1970). */
export type Moment = { readonly kind: 'id'; readonly id: string } | { readonly kind: 'time'; readonly atMs: number }

/** What is kept of what was replaced or deleted, and what the last look at it did. */
export interface KeepingReport {
  /** How many revisions and snapshots there are. */
  readonly revisions: number
  readonly snapshots: number
  /** What they take on the disk: compressed, and each chunk once. */
  readonly bytes: number
  /** How much they may take on this disk. */
  readonly bytesMax: number
  /** What the copies take that a device holds of its own files, beside that. */
  readonly heldBytes: number
  /** How many revisions and snapshots were let go because the rule has enough of their time, and how many for want of room. */
  readonly thinned: number
  readonly evicted: number
  /** Revisions and snapshots that can't be read any more. While there are any, nothing is removed that they may need. */
  readonly damaged: readonly string[]
}

/** What is to stand at a path again. */
export type RestoreItem = TreeItem

/** What is to be restored: versions of single items, or all that stood at some paths in one state of the folder. */
export interface RestorePlan {
  /** The state that they are taken from, where they are taken from one. */
  readonly state: PastState | undefined
  /** The items, those first that lie above others. */
  items(): AsyncGenerator<readonly RestoreItem[]>
}

/** An item that could not be brought back, and why. */
export interface RestoreFailure {
  readonly path: RelativePath
  readonly message: string
}

/** What a restore did, or would do. */
export interface RestoreReport {
  /** How many items were brought back. */
  readonly restored: number
  /** The bytes of the files among them. */
  readonly bytes: number
  /** How many stood there already just so. */
  readonly unchanged: number
  /** Some of the paths that were brought back. */
  readonly sample: readonly RelativePath[]
  readonly failedCount: number
  /** The first of those that could not be brought back. */
  readonly failed: readonly RestoreFailure[]
}

/** How many paths and failures a report names. */
const SAMPLE = 20
const FAILURES_TOLD = 1000

/** Counts what a restore does. */
export class RestoreCount {
  #restored = 0
  #bytes = 0
  #unchanged = 0
  #failedCount = 0
  readonly #sample: RelativePath[] = []
  readonly #failed: RestoreFailure[] = []

  restored({ path, payload }: RestoreItem): void {
    this.#restored++
    this.#bytes += payload.kind === 'file' ? payload.size : 0
    if (this.#sample.length < SAMPLE) this.#sample.push(path)
  }

  unchanged(count: number): void {
    this.#unchanged += count
  }

  failed(path: RelativePath, message: string): void {
    this.#failedCount++
    if (this.#failed.length < FAILURES_TOLD) this.#failed.push({ path, message })
  }

  report(): RestoreReport {
    return {
      restored: this.#restored,
      bytes: this.#bytes,
      unchanged: this.#unchanged,
      sample: this.#sample,
      failedCount: this.#failedCount,
      failed: this.#failed
    }
  }
}

/** What stands at a path at some time, as documents tell it: see `Item` of browse.ts for how it is now. */
export interface PastItem {
  readonly path: RelativePath
  readonly kind: Exclude<Payload['kind'], 'deleted'>
  /** Bytes; 0 for what is not a file. */
  readonly size: number
  /** Milliseconds since 1970; undefined for directories. */
  readonly mtimeMs: number | undefined
  /** Where a symlink points. */
  readonly target?: string
}

/** What an item of a kept tree is, for people. */
export function pastItem({ path, payload }: TreeItem): PastItem {
  return {
    path,
    kind: payload.kind,
    size: payload.kind === 'file' ? payload.size : 0,
    mtimeMs: payload.kind === 'directory' ? undefined : Number(payload.mtimeNs / 1_000_000n),
    ...(payload.kind === 'symlink' ? { target: payload.target } : {})
  }
}
