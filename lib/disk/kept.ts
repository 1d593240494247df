import type { Hash, HashKey } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import type { Content, Payload } from '../core/model/record.js'
import type { Snapshot } from '../core/model/snapshot.js'
import type { Stamp } from '../core/model/stamp.js'

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
  /** Somebody wants it to stay, whatever the rule says. */
  readonly isPinned: boolean
}

/** The revisions of the items of one directory, and the directories below it of which there are any. */
export interface RevisionListing {
  readonly revisions: readonly KeptRevision[]
  readonly directories: readonly RelativePath[]
  /** Those that can't be told any more: their files are damaged. */
  readonly damaged: readonly RelativePath[]
}

/** For whom something is pinned: for this device's user, or for the device that made it. */
export type PinnedFor = 'user' | 'maker'

export interface KeptSnapshot extends Snapshot {
  /** Somebody wants it to stay, whatever the rule says. */
  readonly isPinned: boolean
  /** So does the other device that made it. */
  readonly isPinnedByMaker: boolean
}

export interface SnapshotListing {
  /** The latest first. */
  readonly snapshots: readonly KeptSnapshot[]
  /** The names of those that can't be told any more: their files are damaged. */
  readonly damaged: readonly string[]
}

/** What stood at a path in a kept tree. */
export interface TreeItem {
  readonly path: RelativePath
  readonly payload: Exclude<Payload, { readonly kind: 'deleted' }>
}

/** Some items of a kept tree, in the tree's order. */
export interface TreePage {
  readonly items: readonly TreeItem[]
  /** Where to go on: behind this path. undefined: that was all. */
  readonly next: RelativePath | undefined
}

/** What of a kept tree to read: what lies below `directory` (undefined: the root), behind `after`. */
export interface TreeRange {
  readonly root: Hash
  readonly directory: RelativePath | undefined
  readonly after: RelativePath | undefined
  readonly limit: number
}

/** A path at which two kept trees show something else; undefined where one shows nothing. */
export interface TreeDifference {
  readonly path: RelativePath
  readonly before: TreeItem['payload'] | undefined
  readonly after: TreeItem['payload'] | undefined
}

/** What a sweep is told. */
export interface SweepOptions {
  /** Contents of which a copy is to be held: their roots, one behind the other. undefined: none is. */
  readonly held: Uint8Array | undefined
  /** How much the history may take of the bytes that are free or its own: 0 to 1. What is held does not count. */
  readonly share: number
  /** What is younger (milliseconds since 1970) is not counted among what may go for want of room. */
  readonly untouchableMs: number
}

/** What the history takes on the disk after a sweep, and what the sweep removed. */
export interface Swept {
  /** How many chunks, lists of chunks and tree nodes were removed, and the bytes that they took. */
  readonly removed: number
  readonly removedBytes: number
  /** How many there are still, and what they take, but for what is only there because a copy of what stands in the folder is held. */
  readonly chunks: number
  readonly bytes: number
  /** What is held beside that. */
  readonly heldBytes: number
  /** How much `bytes` may be. */
  readonly bytesMax: number
  /**
   * Where there is too much: what is not pinned and was kept at this time (milliseconds since 1970) or before has to go, and nothing else. It
   * may be that even that is not enough.
   */
  readonly cutoffMs: number | undefined
  /** Revisions and snapshots whose files are damaged. While there are any nothing is removed: they may need it. */
  readonly damaged: readonly string[]
}

/** What a look through a part of the history found. */
export interface CheckedHistory {
  /** How many files were read, and their bytes. */
  readonly count: number
  readonly bytes: number
  /** The chunks, the chunk lists and the tree nodes that are not what they should be. */
  readonly chunks: readonly Hash[]
  readonly lists: readonly Hash[]
  readonly nodes: readonly Hash[]
}

/** What is to take the place of a damaged file of the history: a chunk, a chunk list or a tree node, verified by the caller. */
export interface HistoryMend {
  readonly kind: 'chunk' | 'list' | 'node'
  readonly hash: Hash
  readonly bytes: Uint8Array
}

/** Damaged files that were put aside. */
export interface PutAside {
  readonly count: number
  /** Some of them: what they were, and where below `.backer/damaged` they lie. */
  readonly files: readonly {
    readonly path: RelativePath
    readonly storedAt: RelativePath
    /** When it was put aside: milliseconds since 1970, in whole seconds. */
    readonly atMs: number
    readonly size: number
  }[]
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

/** A file of the folder of which a copy is to be held. */
export interface ToHold {
  readonly path: RelativePath
  /** How it looked when it had that content. */
  readonly stamp: Stamp
  readonly content: Content
}

/** What became of it. `gone`: it is another one by now. */
export type Held = 'held' | 'gone' | 'full'

/** A version that stood in the folder until it was replaced on this device. */
export interface Replaced {
  readonly path: RelativePath
  readonly payload: Extract<Payload, { readonly kind: 'file' | 'symlink' }>
}

/** What names of revisions are made from: see RevisionNaming. `randomness`: 32 bytes for each. */
export interface KeepWorld {
  readonly nowMs: number
  readonly randomness: Uint8Array
}

/** What can be done with the kept revisions of a folder, each call whole by itself. All throw MARKER where `.backer` is gone, and the system's error. */
export interface HistoryOperations {
  /** See `packRevisions`. */
  pack(after: RelativePath | undefined): Packed
  /** The revisions of one directory's items; undefined: the root. */
  list(directory: RelativePath | undefined): RevisionListing
  /** Removes revisions for good; what they consist of goes with the next sweep. Returns how many there were. */
  drop(storedAt: readonly RelativePath[]): number
  /** See `sweepHistory`. */
  sweep(options: SweepOptions): Swept
  /** The bytes of a chunk, verified; undefined where the history does not have it. */
  chunk(hash: Hash): Uint8Array | undefined
  /** The chunk list of a content that has several chunks. */
  chunkList(root: Hash): Uint8Array | undefined

  /** All snapshots. */
  snapshots(): SnapshotListing
  /** Keeps a snapshot, durably; all nodes of its tree are in the history already. */
  keepSnapshot(snapshot: Snapshot): void
  /** Removes snapshots for good; what only they need goes with the next sweep. Returns how many there were. */
  dropSnapshots(ids: readonly string[]): number
  /** Has a revision or a snapshot stay whatever the rule says, or not any more. Durable when it returns. */
  pin(id: string, isPinned: boolean, whom: PinnedFor): void
  /** Those of the tree nodes that the history does not have whole. */
  lackingNodes(hashes: readonly Hash[]): readonly Hash[]
  /** Adds tree nodes, durably. The bytes of each are what its hash says. */
  addNodes(nodes: readonly Uint8Array[]): void
  /** A tree node, verified; undefined where the history does not have it. */
  node(hash: Hash): Uint8Array | undefined
  /** See `itemAt`, `childrenIn`, `itemsBelow` and `differencesOf`: they throw TREE_CORRUPT where a node is missing or damaged. */
  treeItem(root: Hash, path: RelativePath): TreeItem | undefined
  treeChildren(range: TreeRange): TreePage
  treeBelow(range: TreeRange): TreePage
  treeDifferences(a: Hash, b: Hash, limit: number): readonly TreeDifference[]

  /** Takes a copy of files, which costs nothing where the file system can share their blocks, and else is kept as chunks. */
  hold(files: readonly ToHold[]): readonly Held[]
  /** Makes revisions of versions that are gone from the folder, out of what is held of them. Gives those of which nothing is. */
  keepHeld(replaced: readonly Replaced[], world: KeepWorld): readonly RelativePath[]

  /** Reads all that is kept under hashes that begin with two hexadecimal digits, and finds what is damaged. */
  check(group: string): CheckedHistory
  /** The lengths of chunks by the hexadecimal form of their hashes, of those that some revision or snapshot needs. */
  lengths(chunks: readonly Hash[]): ReadonlyMap<HashKey, number>
  /** Puts a damaged file aside, and a good one, verified by the caller, in its place. */
  mend(mend: HistoryMend, nowMs: number, randomness: Uint8Array): void
}
