import type { BackerError } from '../core/error.js'
import type { Hash } from '../core/model/hash.js'
import type { KnownItem } from '../core/model/known-items.js'
import type { RelativePath } from '../core/model/path.js'
import type { Record } from '../core/model/record.js'
import type { ReplicaId } from '../core/model/version.js'
import type { Stamp } from '../core/model/stamp.js'

/**
 * Why the content of a live file is not on this disk, though the record stands.
 * - `dropped`: its user wanted the space, and other devices have it. Nothing stands at the path; an entry that has a stamp all the same was about to be
 *   dropped: then it has to be looked whether it was.
 * - `damaged`: what stands at the path is not what was written there, and nothing shows that anybody touched it. `found`: the content root of
 *   what stands there; undefined where it can't be read.
 */
export type Lack = { readonly kind: 'dropped' } | { readonly kind: 'damaged'; readonly found: Hash | undefined }

/** What the index holds for one path: the record in this device's tree, and how the disk looked when it was right. */
export interface Entry {
  readonly record: Record
  /** undefined where nothing stands at the path: it is deleted, or it is live, and dropped or its delete held. */
  readonly stamp: Stamp | undefined
  readonly lack?: Lack
}

/** One change of the index: an entry to put, or a path to forget altogether (undefined). */
export interface EntryChange {
  readonly path: RelativePath
  readonly entry: Entry | undefined
}

/** A place in this device's files where a chunk's bytes lie. */
export interface Place {
  readonly path: RelativePath
  readonly offset: number
  readonly length: number
}

/** A commit: all of it becomes durable, or none. */
export interface Commit {
  readonly entries: readonly EntryChange[]
  /** The root of the tree that has these entries. */
  readonly root: Hash
  /** The root of the tree of those entries' records whose content is not on this disk. */
  readonly lacks: Hash
  /** What both trees need and the store may lack. */
  readonly nodes: ReadonlyMap<string, Uint8Array>
  /** Chunk lists of contents (by `hashKey(content.root)`) that the entries name; none for contents of height 0. */
  readonly chunkLists: ReadonlyMap<string, Uint8Array>
}

/** A signed head of a device that is to be kept, in its wire bytes. */
export interface StoredHead {
  /** Whose it is: a device's id, and a number for each of its replicas, in hex. */
  readonly writer: string
  readonly bytes: Uint8Array
}

/**
 * One folder's index. Reading is synchronous; what a commit wrote is visible once its promise has resolved, and durable.
 * Nothing in it is authority over files: if it is lost it is built again from them, as a new replica.
 */
export interface Store {
  readonly replica: ReplicaId
  /** True where this index was made just now: nothing may be concluded from what it lacks. */
  readonly fresh: boolean
  readonly root: Hash
  /** The root of the tree of the records whose content is not on this disk: normally the empty one. */
  readonly lacks: Hash
  /** How many commits there were, this replica's first being 1: the number of the head that states `root`. Never told before it is durable. */
  readonly sequence: number
  /** Told when the index is found damaged or does not take what is to be written: nothing may be changed any more. */
  onfailure: (error: BackerError) => void

  get(path: RelativePath): Entry | undefined
  /** Entries of a directory's direct children, or of everything below it, in tree order. undefined: the root. */
  children(directory: RelativePath | undefined): Iterable<readonly [RelativePath, Entry]>
  below(directory: RelativePath | undefined): Iterable<readonly [RelativePath, Entry]>
  /**
   * Those of a directory's direct children that stand there or should, without what is known of them otherwise: each has its stamp where no more has
   * to be right for all of it to be, and none where it must be held against its entry. May be read on in a later turn of the event loop, but each holds only
   * until anything else is read.
   */
  known(directory: RelativePath | undefined): Iterable<KnownItem>
  /** At most `limit` entries of the whole folder in tree order, behind the path `after` (undefined: from the first). Those with paths too long for a key come last, in an order of their own. */
  page(after: RelativePath | undefined, limit: number): readonly (readonly [RelativePath, Entry])[]

  node(hash: Hash): Uint8Array | undefined
  /** Keeps nodes that a peer sent (verified by the caller), for the diff under way and the tree to come. */
  putNodes(nodes: ReadonlyMap<string, Uint8Array>): Promise<void>

  /** The chunk list of a content whose height is above 0. */
  chunkList(root: Hash): Uint8Array | undefined
  /** Live paths whose winning content has this root, and that were not dropped; at most `limit`. */
  pathsWithContent(root: Hash, limit: number): readonly RelativePath[]
  /** Places where this chunk should lie, at most `limit`, each looked up when it is asked for. A hint: the caller reads and verifies. */
  places(chunk: Hash, limit: number): Iterable<Place>

  commit(commit: Commit): Promise<void>
  /** The root after the commit of this number; undefined where that is long ago, or has not been. */
  rootAt(sequence: number): Hash | undefined
  /** Nothing in this index is to be believed any more: when it is opened next, it is set aside and a fresh one is made. Durable when it resolves. */
  condemn(): Promise<void>
  /** A head that becomes durable with the next commit, at no cost of its own, or by `saveHeads`. */
  noteHead(head: StoredHead): void
  /** Makes the heads durable that were noted, where there are any that are not. */
  saveHeads(): Promise<void>
  heads(): readonly StoredHead[]
  /** Small facts by name, such as a device's last seen time. */
  getFact(name: string): Uint8Array | undefined
  putFact(name: string, value: Uint8Array | undefined): Promise<void>

  /** Drops nodes that none of `roots` (nor the current root) reaches, and chunk lists that no live path has. Yields to the event loop. */
  collect(roots: readonly Hash[]): Promise<{ readonly nodes: number; readonly chunkLists: number }>
  close(): Promise<void>
}

/** Of how many commits `rootAt` knows the roots. */
export const ROOTS_KNOWN = 1024
