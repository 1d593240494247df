import type { Hash, HashKey } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import type { Role } from '../core/model/role.js'
import type { Version, Record } from '../core/model/record.js'
import { writeUnseen, writeVersion } from '../core/engine/merge.js'
import { conflictPath, deservesCopy } from '../core/engine/conflict.js'
import { payloadOf, sameContent, winnerOf, type Payload } from '../core/model/record.js'
import type { Disk } from '../disk/disk.js'
import type { IgnoreRules } from '../disk/ignore.js'
import type { Runtime } from '../runtime.js'
import type { Entry, Store } from '../store/store.js'
import { isDropped } from './dropped.js'
import type { Change, ConflictEvent, VerifyEvent } from './events.js'
import type { Ledger } from './ledger.js'
import type { Problems } from './problems.js'

/** A path that was not there, and what the index has of it. */
export type Missing = readonly [RelativePath, Entry]

/** What is gone from this disk and not from the folder: see HeldLosses. */
export interface Losses {
  readonly restoringCount: number
  isRestoring(path: RelativePath): boolean
  found(path: RelativePath): void
  settled(path: RelativePath): void
  withhold(missing: readonly Missing[], appeared: ReadonlySet<HashKey>): Promise<readonly Missing[]>
  baseRoot(): Promise<Hash>
}

/** Keeps what a local edit replaces, on devices that do: see Holder. */
export interface LocalEdits {
  /** False where nothing is kept. */
  isOn(): boolean
  replaced(changes: readonly { readonly path: RelativePath; readonly now: Payload }[]): Promise<void>
  expect(path: RelativePath): void
}

/** What every part of one folder's engine works with. */
export interface FolderContext {
  readonly disk: Disk
  readonly store: Store
  readonly ledger: Ledger
  readonly runtime: Runtime
  readonly problems: Problems
  /** What is gone from this disk and waits for somebody's word. */
  readonly losses: Losses
  readonly localEdits: LocalEdits
  /** Whether this device may write: a reader's own changes never leave it. */
  readonly access: 'write' | 'read'
  /** What this device does in the folder. */
  readonly role: Role
  /** A directory is in the way of something else. */
  readonly onBlocked: (path: RelativePath) => void
  /** The rules of `.backerignore` as they are now. */
  readonly ignore: () => IgnoreRules
  readonly onChange: (change: Change) => void
  readonly onConflict: (conflict: ConflictEvent) => void
  /** The folder can't go on: the reason. */
  readonly onFatal: (error: unknown) => void
  /** The folder's marker is in its place. */
  readonly onMarkerFound: () => void
  /** Nothing may be changed on the disk: see `onFatal`. */
  readonly isStopped: () => boolean
  /** The disk or the index has failed: what a change left half done is for recovery at the next opening, and must not be taken for the user's doing before. */
  readonly hasFailed: () => boolean
  /** Directories to look at again (undefined: the root). */
  readonly onSuspect: (directories: Iterable<RelativePath | undefined>) => void
  /** A file that did not hold what the index says, though nothing shows that it was touched: it is read through soon. */
  readonly onDoubtful: (path: RelativePath) => void
  /** What verifying finds and mends. */
  readonly onVerify: (event: VerifyEvent) => void
  /** A path to look at again, once what this device itself does there is over. */
  readonly onSuspectPath: (path: RelativePath) => void
  /** Resolves once all that was told so has been looked at, or can't be. */
  readonly looked: () => Promise<void>
  /** A file was about to be dropped when something went wrong: it is looked whether it was. */
  readonly onHalfDropped: (path: RelativePath) => void
  /** These directories are about to be listed (undefined: the root): they are watched from now on. */
  readonly watching: (directories: readonly (RelativePath | undefined)[]) => void
  readonly closed: AbortSignal
}

/** Since when seconds are counted for counters: 1 January 2026, UTC. */
const COUNTING_SINCE_MS = 1_767_225_600_000

/**
 * The least counter of this device's next write. An index that was opened before may be that of a machine which was put back to an earlier state: what
 * it writes until it hears of that must not bear the number of a write that others have seen, for they would take it for one that was replaced. Time
 * has gone on since then; where the clock was put back as well, heads alone tell (see `Peers`).
 */
export function leastCounter({ store, runtime }: Pick<FolderContext, 'store' | 'runtime'>): number {
  return store.fresh ? 1 : Math.max(1, Math.floor((runtime.clock.now() - COUNTING_SINCE_MS) / 1000))
}

/** The record after this device wrote `payload` at `path`, where it saw what the index has. */
export function writeAt(
  context: FolderContext,
  path: RelativePath,
  local: Record | undefined,
  payload: Payload
): Record {
  const winner = local === undefined ? undefined : winnerOf(local).payload
  const { replica } = context.store
  return writeVersion(local, replica, payload, loser => isSettled(context, path, loser, winner), leastCounter(context))
}

/**
 * The record after somebody wrote `payload` on this device at a path whose file it has dropped: he could not see it, and does not replace it, unless
 * it is the same.
 */
export function writeAtDropped(context: FolderContext, path: RelativePath, entry: Entry, payload: Payload): Record {
  if (!isDropped(entry) || sameContent(payloadOf(entry.record), payload))
    return writeAt(context, path, entry.record, payload)
  const { replica } = context.store
  return writeUnseen(
    entry.record,
    replica,
    payload,
    loser => isSettled(context, path, loser, payload),
    leastCounter(context)
  )
}

/** True for a version that nobody has to keep as a conflict copy: one that does not deserve it, or has one. */
function isSettled({ store }: FolderContext, path: RelativePath, loser: Version, winner: Payload | undefined): boolean {
  if (winner === undefined || !deservesCopy(loser.payload, winner)) return true
  return store.get(conflictPath(path, loser.payload)) !== undefined
}
