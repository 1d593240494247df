import { isBackerError } from '../core/error.js'
import { hashesEqual, type Hash } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { payloadOf, sameRecord, type Content } from '../core/model/record.js'
import { sameStamp } from '../core/model/stamp.js'
import { iterate } from '../core/tree/read.js'
import type { Observed } from '../core/engine/observe.js'
import type { Entry } from '../store/store.js'
import type { FolderContext } from './context.js'

/** How many entries are looked at in one turn of the event loop. */
const ENTRIES_PER_TURN = 500

/** An entry of a file that is known to be damaged. */
export type DamagedEntry = Entry & {
  readonly stamp: NonNullable<Entry['stamp']>
  readonly lack: Extract<NonNullable<Entry['lack']>, { kind: 'damaged' }>
}

export function isDamaged(entry: Entry | undefined): entry is DamagedEntry {
  return entry?.stamp !== undefined && entry.lack?.kind === 'damaged'
}

/**
 * The content that a file should have, where what was seen of it is just what it is known to have become by damage: in the same inode and
 * of the same size. So damage is never taken for an edit, whatever renames or touches it. undefined: it is what it looks like.
 */
export function seenThroughDamage(
  observed: Extract<Observed, { kind: 'file' }>,
  known: Entry | undefined
): Content | undefined {
  if (!isDamaged(known) || known.lack.found === undefined) return undefined
  const payload = payloadOf(known.record)
  const { stamp, content } = observed
  const isSame =
    hashesEqual(content.root, known.lack.found) &&
    stamp.inode === known.stamp.inode &&
    stamp.device === known.stamp.device &&
    stamp.size === known.stamp.size
  return isSame && payload.kind === 'file' ? payload.content : undefined
}

/** The paths of all files that are known to be damaged, in order. Lets others have their turn. */
export async function* damagedPaths({ store, runtime }: FolderContext): AsyncGenerator<RelativePath> {
  let count = 0
  try {
    for (const [path] of iterate(hash => store.node(hash), store.lacks)) {
      if (isDamaged(store.get(path))) yield path
      if (++count % ENTRIES_PER_TURN === 0) await runtime.timers.breathe()
    }
  } catch (error) {
    // A commit has made another tree meanwhile, and the old one was swept: whoever asks will ask again.
    if (!isBackerError(error, 'TREE_CORRUPT')) throw error
  }
}

/** Says what is wrong with a file. */
export function tellDamage({ problems }: FolderContext, path: RelativePath, reason?: string): void {
  const message = `What lies on the disk is not what was written there: ${reason ?? 'it is waiting to be mended'}.`
  problems.set({ path, code: 'damaged', message })
}

/**
 * Notes that a file is damaged: what stands there has content root `found` (undefined: it can't be read). Durable when it resolves. False where the index
 * or the file has moved on since `entry` was read. Throws what the store throws.
 */
export async function noteDamage(
  context: FolderContext,
  path: RelativePath,
  entry: Entry,
  found: Hash | undefined
): Promise<boolean> {
  return changeIfSame(context, path, entry, now => ({ ...now, lack: { kind: 'damaged', found } }))
}

/** Notes that a file is sound after all. */
export async function noteSound(context: FolderContext, path: RelativePath, entry: Entry): Promise<boolean> {
  return changeIfSame(context, path, entry, ({ record, stamp }) => ({ record, stamp }))
}

async function changeIfSame(
  { ledger, store }: FolderContext,
  path: RelativePath,
  before: Entry,
  change: (now: Entry) => Entry
): Promise<boolean> {
  return ledger.lock.run(async () => {
    const now = store.get(path)
    const isSame =
      now?.stamp !== undefined &&
      before.stamp !== undefined &&
      sameStamp(now.stamp, before.stamp) &&
      sameRecord(now.record, before.record)
    if (isSame) await ledger.commit([{ path, entry: change(now) }], new Map())
    return isSame
  })
}
