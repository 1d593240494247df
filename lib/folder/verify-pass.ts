import { ChunkList, contentFromChunkList } from '../core/chunk/content-tree.js'
import { BackerError, isBackerError } from '../core/error.js'
import { hashesEqual } from '../core/model/hash.js'
import type { RelativePath } from '../core/model/path.js'
import { payloadOf, sameRecord, type FilePayload } from '../core/model/record.js'
import { sameStamp, type Stamp } from '../core/model/stamp.js'
import { iterate } from '../core/tree/read.js'
import type { Checked, CheckOrder } from '../disk/disk.js'
import { PATH_KEY_BYTES_MAX } from '../store/layout.js'
import type { Entry } from '../store/store.js'
import type { FolderContext } from './context.js'
import { isDamaged, noteDamage, noteSound } from './damage.js'

/** How many entries are read from the index at a time. */
const PAGE_ENTRIES = 256
/** About so many bytes are read by one call, so that one can pause between two of them. */
const CALL_BYTES = 8 * 1024 * 1024
const CALL_FILES = 64

/** What became of one file. `edited`: somebody has touched it, so that it is scanned as any edit is. */
export type FileVerdict =
  { readonly kind: 'sound' | 'damaged' | 'edited' } | { readonly kind: 'unreadable'; readonly reason: string }

/** One file that was read through. */
export interface VerifiedFile {
  readonly path: RelativePath
  readonly bytes: number
  readonly verdict: FileVerdict
}

/** What one step of a pass did. `at`: the last path that is done with, from which another pass can go on. */
export interface PassStep {
  readonly files: readonly VerifiedFile[]
  /** Bytes that were read. */
  readonly bytes: number
  readonly at: RelativePath | undefined
}

interface Stamped extends Entry {
  readonly stamp: Stamp
}

/**
 * Reads all files of a folder that stand in the index behind `after`, in its order, and holds them against their hashes; files that are not `chosen` are
 * passed over. The index is held against its own tree on the way. Yields after every few MiB. Throws STORE_CORRUPT where the index contradicts itself.
 */
export async function* verifyPass(
  context: FolderContext,
  after: RelativePath | undefined,
  chosen: (path: RelativePath) => boolean
): AsyncGenerator<PassStep> {
  let at = after
  for (;;) {
    const page = await readPage(context, at)
    if (page.length === 0) return
    const files = page.flatMap(([path, entry]) => (isPresentFile(entry) && chosen(path) ? [{ path, entry }] : []))
    for (const batch of batchesOf(files)) {
      yield await verifyFiles(context, batch)
      at = batch.at(-1)?.path ?? at
    }
    at = page.at(-1)?.[0]
    yield { files: [], bytes: 0, at }
  }
}

/** Reads single files and holds them against their hashes. */
export function verifyPaths(context: FolderContext, paths: readonly RelativePath[]): Promise<PassStep> {
  const files = paths.flatMap(path => {
    const entry = context.store.get(path)
    return isPresentFile(entry) ? [{ path, entry }] : []
  })
  return verifyFiles(context, files)
}

interface ToVerify {
  readonly path: RelativePath
  readonly entry: Stamped
}

function isPresentFile(entry: Entry | undefined): entry is Stamped {
  return entry?.stamp?.kind === 'file' && payloadOf(entry.record).kind === 'file'
}

/** The next entries, held against the tree, in one moment at which both are the same. */
function readPage(
  { ledger, store }: FolderContext,
  after: RelativePath | undefined
): Promise<readonly (readonly [RelativePath, Entry])[]> {
  return ledger.lock.run(() => {
    const page = store.page(after, PAGE_ENTRIES)
    // Paths that are too long for a key stand elsewhere in the index than in the tree.
    const inOrder = page.filter(([path]) => Buffer.byteLength(path) <= PATH_KEY_BYTES_MAX)
    const [first] = inOrder
    if (first === undefined) return Promise.resolve(page)
    const tree = iterate(hash => store.node(hash), store.root, { from: first[0] })
    for (const [path, { record }] of inOrder) {
      let there = tree.next()
      while (there.done !== true && Buffer.byteLength(there.value[0]) > PATH_KEY_BYTES_MAX) there = tree.next()
      if (there.done === true || there.value[0] !== path || !sameRecord(there.value[1], record))
        return Promise.reject(new BackerError('STORE_CORRUPT', `the index contradicts itself about ${path}`, { path }))
    }
    return Promise.resolve(page)
  })
}

function* batchesOf(files: readonly ToVerify[]): Generator<readonly ToVerify[]> {
  let batch: ToVerify[] = []
  let bytes = 0
  for (const file of files) {
    batch.push(file)
    bytes += file.entry.stamp.size
    if (bytes < CALL_BYTES && batch.length < CALL_FILES) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

async function verifyFiles(context: FolderContext, files: readonly ToVerify[]): Promise<PassStep> {
  const small = files.filter(({ entry }) => entry.stamp.size <= CALL_BYTES)
  const results = new Map<ToVerify, Checked>()
  const checked = await context.disk.check(small.flatMap(file => ordersFor(context, file)))
  let next = 0
  for (const file of small) {
    const count = ordersFor(context, file).length
    results.set(file, worstOf(checked.slice(next, next + count)))
    next += count
  }
  for (const file of files) if (!results.has(file)) results.set(file, await checkLarge(context, file))
  const verified: VerifiedFile[] = []
  let bytes = 0
  for (const [file, result] of results) {
    const verdict = await judge(context, file, result)
    verified.push({ path: file.path, bytes: file.entry.stamp.size, verdict })
    bytes += file.entry.stamp.size
  }
  return { files: verified, bytes, at: files.at(-1)?.path }
}

/** A file of many pieces, piece by piece: so that the folder can be closed, or something else read, between two of them. */
async function checkLarge(context: FolderContext, file: ToVerify): Promise<Checked> {
  for (const order of ordersFor(context, file)) {
    if (context.closed.aborted) return { kind: 'changed' }
    const [result = { kind: 'changed' }] = await context.disk.check([order])
    if (result.kind !== 'sound') return result
  }
  return { kind: 'sound' }
}

/** What is to be read of a file, in calls of a bounded size. None where its chunk list is lost or damaged: it is read whole then. */
function ordersFor({ store }: FolderContext, { path, entry }: ToVerify): CheckOrder[] {
  const { content, size } = payloadOf(entry.record) as FilePayload
  const { stamp } = entry
  if (content.height === 0)
    return [{ path, stamp, chunks: size === 0 ? [] : [{ offset: 0, length: size, hash: content.root }] }]
  const bytes = store.chunkList(content.root)
  if (bytes === undefined || !isListOf(bytes, content)) return []
  const list = new ChunkList(bytes)
  const orders: CheckOrder[] = []
  let chunks: CheckOrder['chunks'][number][] = []
  let held = 0
  for (let i = 0; i < list.count; i++) {
    chunks.push({ offset: list.offsetOf(i), length: list.length(i), hash: list.hash(i) })
    held += list.length(i)
    if (held < CALL_BYTES && i < list.count - 1) continue
    orders.push({ path, stamp, chunks })
    chunks = []
    held = 0
  }
  return orders
}

function isListOf(bytes: Uint8Array, content: FilePayload['content']): boolean {
  try {
    return hashesEqual(contentFromChunkList(bytes).root, content.root)
  } catch (error) {
    if (isBackerError(error, 'MALFORMED') || isBackerError(error, 'LIMIT')) return false
    throw error
  }
}

/** No result at all means that it could not be checked by its chunks. */
function worstOf(results: readonly Checked[]): Checked {
  return results.find(({ kind }) => kind !== 'sound') ?? { kind: results.length === 0 ? 'differs' : 'sound' }
}

async function judge(context: FolderContext, { path, entry }: ToVerify, result: Checked): Promise<FileVerdict> {
  if (result.kind === 'sound') {
    if (isDamaged(entry)) await noteSound(context, path, entry)
    return result
  }
  if (result.kind === 'changed') return edited(context, path)
  if (result.kind === 'differs') return compareWhole(context, path, entry)
  if (!result.isDisk) return { kind: 'unreadable', reason: result.message }
  return (await noteDamage(context, path, entry, undefined)) ? { kind: 'damaged' } : edited(context, path)
}

function edited({ onSuspectPath }: FolderContext, path: RelativePath): FileVerdict {
  onSuspectPath(path)
  return { kind: 'edited' }
}

/** Reads a file whole that seems to be damaged: what it has become is noted, so that it is known again. */
async function compareWhole(context: FolderContext, path: RelativePath, entry: Stamped): Promise<FileVerdict> {
  const [hashed] = await context.disk.hash([path])
  if (hashed?.kind === 'failed') {
    if (hashed.problem.code !== 'unreadable') return edited(context, path)
    return (await noteDamage(context, path, entry, undefined)) ? { kind: 'damaged' } : edited(context, path)
  }
  if (hashed?.kind !== 'hashed' || !sameStamp(hashed.stamp, entry.stamp)) return edited(context, path)
  const { content } = payloadOf(entry.record) as FilePayload
  if (hashesEqual(hashed.content.root, content.root)) {
    if (content.height > 0) await keepChunkList(context, path, entry, hashed.chunks)
    return { kind: 'sound' }
  }
  const isNoted = await noteDamage(context, path, entry, hashed.content.root)
  return isNoted ? { kind: 'damaged' } : edited(context, path)
}

/** The chunk list of a sound file, where the index had none, or a damaged one. */
async function keepChunkList(
  { ledger, store }: FolderContext,
  path: RelativePath,
  entry: Stamped,
  chunks: Uint8Array
): Promise<void> {
  const { content } = payloadOf(entry.record) as FilePayload
  const key = Buffer.from(content.root).toString('hex')
  await ledger.lock.run(async () => {
    const now = store.get(path)
    if (now !== undefined && sameRecord(now.record, entry.record))
      await ledger.commit([{ path, entry: now }], new Map([[key, chunks]]))
  })
}
