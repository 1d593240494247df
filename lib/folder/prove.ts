import { ChunkList } from '../core/chunk/content-tree.js'
import { challengedRanges, type Challenge, type ContentRange } from '../core/engine/hold-proof.js'
import type { RelativePath } from '../core/model/path.js'
import type { FilePayload } from '../core/model/record.js'
import type { Stamp } from '../core/model/stamp.js'
import type { CheckOrder } from '../disk/disk.js'
import type { FolderContext } from './context.js'

/**
 * The bytes that a challenge is about, out of the file that stands at a path and looks like `stamp`. The whole chunks that they lie in are read from the
 * disk itself and held against their hashes, so that nobody relies on a file that has rotted. undefined where they are not what they should be.
 */
export async function readChallenged(
  { disk, store, onDoubtful }: FolderContext,
  path: RelativePath,
  { stamp, payload }: { readonly stamp: Stamp; readonly payload: FilePayload },
  challenge: Pick<Challenge, 'nonce'>
): Promise<readonly Uint8Array[] | undefined> {
  const ranges = challengedRanges({ nonce: challenge.nonce, size: payload.size })
  const { content, size } = payload
  const list = content.height === 0 ? undefined : store.chunkList(content.root)
  if (content.height > 0 && list === undefined) return undefined
  const chunks =
    list === undefined
      ? [{ offset: 0, length: size, hash: content.root }].filter(({ length }) => length > 0)
      : chunksAt(new ChunkList(list), ranges)
  const [checked] = await disk.check([{ path, stamp, chunks }])
  if (checked?.kind === 'differs') onDoubtful(path)
  if (checked?.kind !== 'sound') return undefined
  const pieces: Uint8Array[] = []
  for (const { offset, length } of ranges) {
    const bytes = await disk.read(path, offset, length)
    if (bytes?.byteLength !== length) return undefined
    pieces.push(bytes)
  }
  return pieces
}

/** The chunks in which the ranges lie, each once, in order. */
function chunksAt(list: ChunkList, ranges: readonly ContentRange[]): CheckOrder['chunks'] {
  const wanted = new Set<number>()
  for (const { offset, length } of ranges)
    for (let i = chunkAt(list, offset); i < list.count && list.offsetOf(i) < offset + length; i++) wanted.add(i)
  return [...wanted]
    .sort((a, b) => a - b)
    .map(i => ({ offset: list.offsetOf(i), length: list.length(i), hash: list.hash(i) }))
}

/** The chunk that has the byte at `offset`. */
function chunkAt(list: ChunkList, offset: number): number {
  let low = 0
  let high = list.count - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (list.offsetOf(middle) <= offset) low = middle
    else high = middle - 1
  }
  return low
}
