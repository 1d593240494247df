import type { RelativePath } from '../core/model/path.js'
import type { Hash } from '../core/model/hash.js'
import type { Content } from '../core/model/record.js'
import type { Stamp } from '../core/model/stamp.js'
import type { HistoryOperations, PutAside } from './kept.js'

/** One name in a directory, as it was when it was listed. */
export interface Listed {
  readonly name: string
  readonly stamp: Stamp
  /** Where a symlink points; only for symlinks. */
  readonly target?: string
}

/** Why an item can't be synced: an ordinary outcome, told to the user, that stops nothing else. */
export interface ItemProblem {
  readonly code: ProblemCode
  /** A sentence for people, with what to do where something can be done. */
  readonly message: string
}

export type ProblemCode =
  | 'special-file' // a socket, FIFO or device
  | 'bad-name' // a name that is not UTF-8, or that no folder may contain
  | 'unreadable' // EACCES, EIO and the like, on reading
  | 'unwritable' // EACCES, EROFS, ENOSPC and the like, on writing
  | 'changing' // it kept changing while it was read
  | 'collision' // another name that this file system can't tell from it
  | 'not-representable' // this system can't store such a name or kind
  | 'ignored' // something that is ignored stands where it should
  | 'kept' // something that others have deleted and this device keeps is in the way
  | 'too-deep' // beyond the limits of a path
  | 'too-many-versions' // more versions of it are known than a record can hold
  | 'no-source' // no connected peer has the content
  | 'damaged' // what lies on the disk is not what was written there

/** The outcome of listing a directory: its entries, or nothing because it is gone, or why it can't be listed. */
export type Listing =
  /**
   * `entries`: but for those that look as they are known to, directories aside. `missing`: what is known and is not there. `badNames`: what stands there
   * and can't be synced, in a form that can be shown; `problems` says why, in the same order.
   */
  | {
      readonly kind: 'listed'
      readonly entries: readonly Listed[]
      readonly missing: readonly string[]
      readonly badNames: readonly string[]
      readonly problems: readonly ItemProblem[]
    }
  | { readonly kind: 'absent' } // no such directory, or something that is no directory
  | { readonly kind: 'failed'; readonly problem: ItemProblem }

/** The outcome of reading and chunking a file. `chunks` is the compact chunk list (see core/chunk/content-tree.ts); empty where height is 0. */
export type Hashed =
  | {
      readonly kind: 'hashed'
      readonly stamp: Stamp
      readonly content: Content
      readonly chunks: Uint8Array
      /** The file itself, where it is small and one of few. */
      readonly bytes?: Uint8Array
    }
  | { readonly kind: 'absent' } // gone, or no regular file any more
  | { readonly kind: 'failed'; readonly problem: ItemProblem } // `changing` where it kept changing

/** A part of a file that is to be held against what it should be. */
export interface CheckOrder {
  readonly path: RelativePath
  /** How the file looked when it was right. */
  readonly stamp: Stamp
  /** What should lie in it. */
  readonly chunks: readonly { readonly offset: number; readonly length: number; readonly hash: Hash }[]
}

/**
 * What the disk gives. `changed`: the file is not, or not any more, the one that the stamp describes. `differs`: nothing shows that it was
 * touched, and its bytes are others. `unreadable`: the system can't read it; `isDisk` where it is the disk that fails (EIO).
 */
export type Checked =
  | { readonly kind: 'sound' }
  | { readonly kind: 'changed' }
  | { readonly kind: 'differs' }
  | { readonly kind: 'unreadable'; readonly message: string; readonly isDisk: boolean }

/** What the caller believes to stand at a path: nothing, or something with this stamp. */
export type Expected = { readonly kind: 'nothing' } | { readonly kind: 'stamped'; readonly stamp: Stamp }

/**
 * One change to the user's tree. Steps of a batch are carried out in order.
 *
 * - `file`: the staged file `staged` becomes `path`. What stood there goes to `displaced`.
 * - `move`: the file or symlink at `from` (which must still have stamp `fromStamp`) becomes `path`, with new metadata.
 * - `symlink`, `directory`: makes one. A directory that stands there already only gets its mode.
 * - `metadata`: mode (and mtime) of what stands there, which must have the expected stamp.
 * - `remove`: a file or symlink goes to `displaced`; a directory is removed if it is empty, else the step is `blocked`
 *   (junk that the ignore rules call deletable goes to the revisions first).
 */
export type InstallStep = { readonly path: RelativePath; readonly expected: Expected } & (
  | {
      readonly kind: 'file'
      readonly staged: string
      readonly mtimeNs: bigint
      readonly mode: number
      readonly displaced: Displaced
    }
  | {
      readonly kind: 'move'
      readonly from: RelativePath
      readonly fromStamp: Stamp
      readonly mtimeNs: bigint
      readonly mode: number
      readonly displaced: Displaced
    }
  | { readonly kind: 'symlink'; readonly target: string; readonly mtimeNs: bigint; readonly displaced: Displaced }
  | { readonly kind: 'directory'; readonly mode: number; readonly displaced: Displaced }
  | { readonly kind: 'metadata'; readonly mtimeNs: bigint | undefined; readonly mode: number | undefined }
  | { readonly kind: 'remove'; readonly displaced: Displaced }
)

/**
 * Where the file that a step replaces or removes goes: into the revisions; beside it under the name of a conflict copy; or, its bytes not being what
 * was written, aside into `.backer/damaged`. `nothing` (only of `remove`): it is removed for good, unless somebody has it open.
 */
export type Displaced =
  | { readonly kind: 'revision' }
  | { readonly kind: 'conflict'; readonly path: RelativePath }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'nothing' }

/** What a step did. Anything but `done` left the user's tree as the user had it. */
export type InstallResult =
  /** `stamp`: what stands at the path now (absent after `remove`). `conflictStamp`: of the conflict copy that was made; absent where one stood there already (the bytes then went to the revisions). */
  | { readonly kind: 'done'; readonly stamp?: Stamp; readonly conflictStamp?: Stamp }
  /** What stands there is not what was expected: look again. */
  | { readonly kind: 'changed' }
  /** A directory that is not empty, or a parent that is missing or no directory. */
  | { readonly kind: 'blocked'; readonly by: string }
  | { readonly kind: 'failed'; readonly problem: ItemProblem }

/** A chunk of a staged file: what it is, where it belongs, and where in the folder it may lie; without `from` it may be there already. */
export interface Piece {
  readonly hash: Hash
  readonly length: number
  readonly to: number
  readonly from?: Extent
}

/** A small file that is staged whole. Its metadata is set as far as that leaves it writable; installing sets what is missing. */
export interface SmallFile {
  /** As in `stage`. */
  readonly name: string
  readonly bytes: Uint8Array
  readonly metadata?: { readonly mode: number; readonly mtimeNs: bigint }
}

/** A file being put together in `.backer/tmp`, chunk by chunk, in any order. */
export interface StagedFile {
  /** Its name in `.backer/tmp`: what `InstallStep.staged` takes. */
  readonly name: string
  /** Writes at `offset`. The bytes have been verified by the caller. */
  write(offset: number, bytes: Uint8Array): Promise<void>
  /** Reads back what was written: to serve it, or to verify what an earlier run left. Shorter than `length` at the end. */
  read(offset: number, length: number): Promise<Uint8Array>
  /**
   * Copies pieces out of the folder's files, inside the kernel where it can, and verifies what is in this file then: true for the pieces that it
   * has. A piece that says no `from` is only verified.
   */
  fill(pieces: readonly Piece[]): Promise<readonly boolean[]>
  /** Ends writing; the name stays. Installing syncs it to the disk. */
  close(): Promise<void>
}

/** What a file system can do, found out by trying in `.backer/tmp`. */
export interface DiskTraits {
  /** Names that differ only in case (or in Unicode form) are one file. */
  readonly foldsCase: boolean
  readonly foldsUnicode: boolean
  readonly hasSymlinks: boolean
  readonly hasModes: boolean
  /** renameat2 with RENAME_EXCHANGE works: no window when a file is replaced. */
  readonly canExchange: boolean
}

/** What lies in `.backer/tmp`: how many items, the hashes of the paths that they are about (see names.ts), and what the last batch of changes meant. */
export interface Leftovers {
  readonly count: number
  readonly pathHashes: readonly string[]
  readonly intent: Uint8Array | undefined
}

/** What recovery has to know of the index, by the hashes of paths (see names.ts). */
export interface RecoveryPaths {
  /** The paths that the hashes stand for, where they are known. */
  readonly paths: ReadonlyMap<string, RelativePath>
  /** Where what stood at a path was to be kept beside it, as a conflict copy. */
  readonly copies: ReadonlyMap<string, RelativePath>
  /** Mode and mtime of files at these paths, as the disk showed them last: what was taken for a move may have got others. */
  readonly metadata: ReadonlyMap<string, { readonly mode: number; readonly mtimeNs: bigint }>
}

/** What recovery after a crash did. */
export interface Recovered {
  /** Paths at which the user's own file stands again. */
  readonly putBack: readonly RelativePath[]
  /** How many of the user's files went to the revisions. */
  readonly keptCount: number
  /** Names of staged files that can be used again. */
  readonly reusable: readonly string[]
  /** How many old partial files were removed. */
  readonly expiredCount: number
}

/** The size of a file system, and what is free of it for this user. */
export interface Space {
  readonly freeBytes: number
  readonly totalBytes: number
}

/** Where to read in a file. */
export interface Extent {
  readonly path: RelativePath
  readonly offset: number
  readonly length: number
}

/** Everything that backer does to one folder's directory. Paths never lead outside it, whatever symlinks do. */
export interface Disk {
  readonly traits: DiskTraits
  /**
   * Lists directories (undefined: the root) in the order asked. `known`: what is known of the items of each (see `KnownItems`); where it is
   * missing, nothing is. Its bytes are handed over.
   */
  list(
    directories: readonly (RelativePath | undefined)[],
    known?: readonly Uint8Array<ArrayBuffer>[]
  ): Promise<readonly Listing[]>
  /** What stands at each path; undefined where nothing does, or where a parent is no directory; `unknown` where that can't be told. */
  stat(paths: readonly RelativePath[]): Promise<readonly (Listed | 'unknown' | undefined)[]>
  /** Reads files whole, cuts them into chunks and hashes them. A file that changes meanwhile is read again, some times. */
  hash(paths: readonly RelativePath[]): Promise<readonly Hashed[]>
  /** Reads parts of files from the disk itself and holds them against what they should be; in order. */
  check(orders: readonly CheckOrder[]): Promise<readonly Checked[]>
  /** Some of the damaged files that were put aside, and how many there are. */
  damaged(limit: number): Promise<PutAside>
  /** Makes what a user wrote at these paths durable, or that it is gone. */
  keepWritten(paths: readonly RelativePath[]): Promise<void>
  /** Up to `length` bytes at `offset`; undefined where the file is gone or can't be read. The caller verifies them. */
  read(path: RelativePath, offset: number, length: number): Promise<Uint8Array | undefined>
  /** As `read`, of several files at one go, in order. Small ones may be views of one buffer. */
  readMany(extents: readonly Extent[]): Promise<readonly (Uint8Array | undefined)[]>
  /** Opens `.backer/tmp/NAME`, made if it is missing. `resumed` where it was there already. NAME: letters, digits, `-`. */
  stage(name: string, size: number): Promise<{ readonly file: StagedFile; readonly resumed: boolean }>
  /** Writes small whole files into `.backer/tmp` at one go: cheaper than `stage` for each. */
  stageSmall(files: readonly SmallFile[]): Promise<void>
  /** What was staged as `from`, if anything, is to be the beginning of `to`, unless that was begun already. Nobody may be writing to it. */
  restage(from: string, to: string): Promise<void>
  /** Removes staged files; they may be gone already. */
  discard(names: readonly string[]): Promise<void>
  /**
   * Carries out a batch and syncs it to the disk: when it returns, what is `done` survives a power loss. `intent`: what it means, in bytes that are
   * durable before anything is changed and are given back by `leftovers` until there is a next one.
   */
  install(steps: readonly InstallStep[], intent?: Uint8Array): Promise<readonly InstallResult[]>
  /** What the last run left in `.backer/tmp`. */
  leftovers(): Promise<Leftovers>
  /** Puts right what a crash left (see recover.ts), before anything else is done. */
  recover(known: RecoveryPaths): Promise<Recovered>
  /** True while the folder's marker is there with the right id: else nothing may be concluded from what is missing. */
  checkMarker(): Promise<boolean>
  /** Works on the kept revisions: see HistoryOperations. What changes them is done one after another. */
  history<K extends keyof HistoryOperations>(
    name: K,
    ...args: Parameters<HistoryOperations[K]>
  ): Promise<ReturnType<HistoryOperations[K]>>
  /** What the file system has, and what of it this user may still use. */
  space(): Promise<Space>
  close(): Promise<void>
}
