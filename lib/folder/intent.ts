import { decodeWith, encodeShort, encodeWith, fixed, list, type Codec } from '../core/codec.js'
import { hashBytes, hashKey } from '../core/model/hash.js'
import { pathCodec, type RelativePath } from '../core/model/path.js'
import { payloadOf, recordCodec, sameContent, type Payload, type Record } from '../core/model/record.js'
import { isShownAs, sameInode, sameStamp, type Stamp } from '../core/model/stamp.js'
import { REPLICA_BYTES } from '../core/model/version.js'
import { isBackerError } from '../core/error.js'
import type { Listed } from '../disk/disk.js'
import { INTENT_BYTES_MAX } from '../disk/intent.js'
import { pathHash } from '../disk/names.js'
import type { Entry, EntryChange, Store } from '../store/store.js'
import { copyOf } from './conflict-copy.js'
import type { FolderContext } from './context.js'

const SUM_BYTES = 16
/** More entries than any batch has. */
const ENTRIES_MAX = 10_000

/** What a change of the disk will make of one entry of the index. */
export interface Meant {
  readonly path: RelativePath
  readonly record: Record
  /** It is the conflict copy of what stood at the path. */
  readonly isCopy?: true
}

export interface Intended extends Meant {
  /** A hash of the record that the index had before. */
  readonly before: Uint8Array
}

export interface Intent {
  readonly replica: Uint8Array
  readonly entries: readonly Intended[]
}

const sumCodec = fixed(SUM_BYTES)
const intendedCodec: Codec<Intended> = {
  preencode(state, { path, before, record }) {
    pathCodec.preencode(state, path)
    sumCodec.preencode(state, before)
    recordCodec.preencode(state, record)
  },
  encode(state, { path, before, record }) {
    pathCodec.encode(state, path)
    sumCodec.encode(state, before)
    recordCodec.encode(state, record)
  },
  decode: state => ({
    path: pathCodec.decode(state),
    before: sumCodec.decode(state),
    record: recordCodec.decode(state)
  })
}
const replicaCodec = fixed(REPLICA_BYTES)
const entriesCodec = list(intendedCodec, ENTRIES_MAX, 'an intent')
const intentCodec: Codec<Intent> = {
  preencode(state, { replica, entries }) {
    replicaCodec.preencode(state, replica)
    entriesCodec.preencode(state, entries)
  },
  encode(state, { replica, entries }) {
    replicaCodec.encode(state, replica)
    entriesCodec.encode(state, entries)
  },
  decode: state => ({ replica: replicaCodec.decode(state), entries: entriesCodec.decode(state) })
}

/** What a batch of changes is about to mean, in bytes; undefined where it is too much to be kept. */
export function encodeIntent(store: Store, meant: readonly Meant[]): Uint8Array | undefined {
  const entries = meant.map(one => ({ ...one, before: sumOf(store.get(one.path)?.record) }))
  const bytes = encodeWith(intentCodec, { replica: Buffer.from(store.replica, 'hex'), entries })
  return bytes.byteLength > INTENT_BYTES_MAX ? undefined : bytes
}

/**
 * Puts down in the index what the last batch did to the disk before a crash. Without it, what was installed a moment before looks like something that
 * this device's user made: a version of its own, which comes back where others remove theirs, and gets into conflicts with what they write
 * next. An entry counts only where the index still has what it had before the batch, and the disk shows just what the batch was to make. A file
 * that has got its mode and not its time is what it was: it is remembered as it shows, so that the batch can be made anew. Returns how many entries counted.
 */
export async function finishIntent(context: FolderContext, bytes: Uint8Array): Promise<number> {
  const { disk, store, ledger } = context
  const open = openEntries(store, bytes)
  if (open.length === 0) return 0
  return ledger.lock.run(async () => {
    const there = await disk.stat(open.map(({ path }) => path))
    const shown = open.flatMap(({ path, record }, i): Shown[] => {
      const found = there[i]
      if (found === 'unknown') return []
      const entry = store.get(path)
      const payload = payloadOf(record)
      if (isShown(payload, found, { entry, hasModes: disk.traits.hasModes }))
        return [{ path, record, stamp: found?.stamp }]
      if (entry === undefined || found === undefined || !isHalfSet(entry, payload, found.stamp)) return []
      return [{ path, record: entry.record, stamp: found.stamp }]
    })
    const chunkLists = new Map<string, Uint8Array>()
    const changes = await confirmed(context, shown, chunkLists)
    if (changes.length === 0 || !(await disk.checkMarker())) return 0
    await ledger.commit(changes, chunkLists)
    return changes.length
  })
}

/** Where the last batch was to keep what stood at paths as conflict copies, by the hashes of those paths: what of it a crash left on the way belongs there. */
export function copiesOf(store: Store, bytes: Uint8Array): ReadonlyMap<string, RelativePath> {
  const copies = new Map<string, RelativePath>()
  for (const { path, record } of openEntries(store, bytes)) {
    const local = store.get(path)?.record
    const shown = local === undefined ? undefined : payloadOf(local)
    const loser = record.versions.find(
      ({ payload, hasLost }) => hasLost === true && shown !== undefined && sameContent(payload, shown)
    )
    const copy = loser === undefined ? undefined : copyOf(store, path, loser)
    if (copy !== undefined) copies.set(pathHash(path), copy.path)
  }
  return copies
}

/** The entries of an intent of this replica that the index does not have yet. */
function openEntries(store: Store, bytes: Uint8Array): readonly Intended[] {
  const intent = decodeIntent(bytes)
  if (intent === undefined || Buffer.from(intent.replica).toString('hex') !== store.replica) return []
  return intent.entries.filter(({ path, before }) => Buffer.compare(sumOf(store.get(path)?.record), before) === 0)
}

interface Shown extends Meant {
  readonly stamp: Stamp | undefined
}

/** Reads the files: only those that hold what they are meant to hold count. */
async function confirmed(
  { disk }: FolderContext,
  shown: readonly Shown[],
  chunkLists: Map<string, Uint8Array>
): Promise<EntryChange[]> {
  const files = shown.filter(({ record }) => payloadOf(record).kind === 'file')
  const hashed = await disk.hash(files.map(({ path }) => path))
  const refused = new Set<RelativePath>()
  files.forEach(({ path, record, stamp }, i) => {
    const payload = payloadOf(record)
    const found = hashed[i]
    const holds =
      payload.kind === 'file' &&
      found?.kind === 'hashed' &&
      stamp !== undefined &&
      sameStamp(found.stamp, stamp) &&
      sameContent(payload, { ...payload, size: found.stamp.size, content: found.content })
    if (!holds) refused.add(path)
    else if (payload.content.height > 0) chunkLists.set(hashKey(payload.content.root), found.chunks)
  })
  return shown
    .filter(({ path }) => !refused.has(path))
    .map(({ path, record, stamp }) => ({ path, entry: { record, stamp } }))
}

interface Before {
  readonly entry: Entry | undefined
  readonly hasModes: boolean
}

/** True where the disk shows, as far as can be told without reading it, what a payload says. */
function isShown(payload: Payload, found: Listed | undefined, { entry, hasModes }: Before): boolean {
  if (payload.kind === 'deleted') return found === undefined
  if (found?.stamp.kind !== payload.kind) return false
  const { stamp } = found
  switch (payload.kind) {
    case 'directory':
      return !hasModes || stamp.mode === payload.mode
    case 'symlink':
      return found.target === payload.target && isTimeShown(stamp, payload.mtimeNs, entry)
    case 'file':
      return (
        stamp.size === payload.size &&
        isTimeShown(stamp, payload.mtimeNs, entry) &&
        (!hasModes || stamp.mode === payload.mode)
      )
  }
}

/** True for the time that was to be set, as the file system may hold it; not for one that the same file had before. */
function isTimeShown({ inode, mtimeNs }: Stamp, meantNs: bigint, entry: Entry | undefined): boolean {
  const isAsBefore = entry?.stamp?.inode === inode && entry.stamp.mtimeNs === mtimeNs
  return mtimeNs === meantNs || (isShownAs(mtimeNs, meantNs) && !isAsBefore)
}

/** True for a file that was to get another mode and time only, and shows one as it was meant and the other as it was before. */
function isHalfSet(entry: Entry, payload: Payload, now: Stamp): boolean {
  const { record, stamp: before } = entry
  if (before === undefined || entry.lack !== undefined || payload.kind !== 'file' || sameStamp(before, now))
    return false
  return (
    sameContent(payloadOf(record), payload) &&
    sameInode({ ...before, mtimeNs: now.mtimeNs }, now) &&
    (now.mtimeNs === before.mtimeNs || isShownAs(now.mtimeNs, payload.mtimeNs)) &&
    (now.mode === before.mode || now.mode === payload.mode)
  )
}

/** What a batch of changes meant; undefined where the bytes say nothing. */
export function decodeIntent(bytes: Uint8Array): Intent | undefined {
  try {
    return decodeWith(intentCodec, bytes, 'an intent')
  } catch (error) {
    if (!isBackerError(error, 'MALFORMED') && !isBackerError(error, 'LIMIT') && !isBackerError(error, 'BAD_PATH'))
      throw error
    return undefined
  }
}

function sumOf(record: Record | undefined): Uint8Array {
  if (record === undefined) return new Uint8Array(SUM_BYTES)
  return hashBytes(encodeShort(recordCodec, record)).subarray(0, SUM_BYTES)
}
