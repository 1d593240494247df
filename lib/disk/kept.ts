import type { Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import type { Content } from '../core/model/record.js'

/** What a packed revision was: the file that stands for it in the history. Its path and time are told by its own name. */
export type Manifest =
  | {
      readonly kind: 'file'
      readonly size: number
      readonly mtimeNs: bigint
      readonly mode: number
      readonly content: Content
    }
  | { readonly kind: 'symlink'; readonly mtimeNs: bigint; readonly target: string }

/** A replaced or deleted version that is kept, packed or not. */
export interface KeptRevision {
  /** Where it stood in the folder. A name that was cut to make room is told as it was cut. */
  readonly path: RelativePath
  /** Its name in the history and, while it is not packed, below `.backer/revisions`. */
  readonly storedAt: RelativePath
  /** When it was replaced: milliseconds since 1970, in whole seconds. */
  readonly atMs: number
  /** What it was; undefined where it is not packed yet, or is damaged. */
  readonly manifest: Manifest | undefined
  /** Bytes; 0 for what is not a file. */
  readonly size: number
  readonly mtimeNs: bigint
}

/** The revisions of the items of one directory, and the directories below it of which there are any. */
export interface RevisionListing {
  readonly revisions: readonly KeptRevision[]
  readonly directories: readonly RelativePath[]
  /** Those that can't be told any more: their files are damaged. */
  readonly damaged: readonly RelativePath[]
}

/** What the history takes on the disk after a sweep, and what the sweep removed. */
export interface Swept {
  /** How many chunks were removed, and the bytes that they took. */
  readonly removed: number
  readonly removedBytes: number
  readonly chunks: number
  readonly bytes: number
  /** Revisions whose files are damaged. While there are any nothing is removed: they may need it. */
  readonly damaged: readonly RelativePath[]
}

/** What packing did. */
export interface Packed {
  /** How many revisions are packed now that were not. */
  readonly count: number
  /** Where to go on: behind the last one that was looked at; undefined where all were. */
  readonly next: RelativePath | undefined
  /** Those that stay as they are: they can't be read, or the disk is too full. */
  readonly left: readonly RelativePath[]
}

/** What can be done with the kept revisions of a folder, each call whole by itself. All throw MARKER where `.backer` is gone, and the system's error. */
export interface HistoryOperations {
  /** See `packRevisions`. */
  pack(after: RelativePath | undefined): Packed
  /** The revisions of one directory's items; undefined: the root. */
  list(directory: RelativePath | undefined): RevisionListing
  /** Removes revisions for good; what they consist of goes with the next sweep. Returns how many there were. */
  drop(storedAt: readonly RelativePath[]): number
  /** Removes chunks and chunk lists that no revision needs. */
  sweep(): Swept
  /** The bytes of a chunk, verified; undefined where the history does not have it. */
  chunk(hash: Hash): Uint8Array | undefined
  /** The chunk list of a content that has several chunks. */
  chunkList(root: Hash): Uint8Array | undefined
}
