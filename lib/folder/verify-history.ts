import { hashKey, type Hash } from '../core/model/hash.js'
import type { HistoryMend } from '../disk/kept.js'
import type { ContentSource } from './content-source.js'
import type { FolderContext } from './context.js'
import type { VerifyReport } from './verify-state.js'

/** The groups into which what the history keeps is spread: by the first two digits of its hashes. */
const GROUPS = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))
const RANDOM_BYTES = 16

interface HistoryLook {
  readonly report: VerifyReport
  /** Waits as long as so many bytes may take. */
  readonly pace: (bytes: number) => Promise<void>
  readonly isOver: () => boolean
}

/** Reads all that the history keeps and holds it against its hashes; what is damaged is had back from the folder's files or from peers, where they have it. */
export async function verifyHistory(context: FolderContext, source: ContentSource, look: HistoryLook): Promise<void> {
  const { disk, closed } = context
  const { history } = look.report
  for (const group of GROUPS) {
    if (closed.aborted || look.isOver()) return
    const { count, bytes, chunks, lists, nodes } = await disk.history('check', group)
    history.files += count
    history.bytes += bytes
    history.damaged += chunks.length + lists.length + nodes.length
    for (const root of lists) if (await mendList(context, root)) history.mended++
    for (const hash of nodes) if (await mendNode(context, source, hash)) history.mended++
    if (chunks.length > 0) history.mended += await mendChunks(context, source, chunks)
    await look.pace(bytes)
  }
}

async function mendChunks(context: FolderContext, source: ContentSource, chunks: readonly Hash[]): Promise<number> {
  const { disk, closed } = context
  const lengths = await disk.history('lengths', chunks)
  let mended = 0
  for (const hash of chunks) {
    const length = lengths.get(hashKey(hash))
    const bytes = length === undefined ? undefined : await source.chunk({ hash, length }, closed).catch(() => undefined)
    if (bytes === undefined) continue
    await mend(context, { kind: 'chunk', hash, bytes })
    mended++
  }
  return mended
}

/** LIMIT: a chunk list is had back where some file of the folder still has it: of what is only kept, the size is not known without it. */
async function mendList(context: FolderContext, root: Hash): Promise<boolean> {
  const bytes = context.store.chunkList(root)
  if (bytes === undefined) return false
  await mend(context, { kind: 'list', hash: root, bytes })
  return true
}

/** A node of a snapshot's tree: the index has it where nothing has changed there since, and peers where they keep the snapshot too. */
async function mendNode(context: FolderContext, source: ContentSource, hash: Hash): Promise<boolean> {
  const bytes = context.store.node(hash) ?? (await source.treeNode(hash))
  if (bytes === undefined) return false
  await mend(context, { kind: 'node', hash, bytes })
  return true
}

function mend({ disk, runtime }: FolderContext, what: HistoryMend): Promise<void> {
  return disk.history('mend', what, runtime.clock.now(), runtime.random.bytes(RANDOM_BYTES))
}
