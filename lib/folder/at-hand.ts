import type { ChunkList } from '../core/chunk/content-tree.js'
import { isZeroChunk } from '../core/chunk/zeros.js'
import { BackerError } from '../core/error.js'
import type { Piece, StagedFile } from '../disk/disk.js'
import type { FolderContext } from './context.js'
import { doubt } from './serve.js'

/** How much of one file is copied from this disk at one go, and how many such goes are under way. */
const COPY_BYTES = 16 * 1024 * 1024
const COPIES_UNDERWAY = 3
const PLACES_TRIED = 2
/** After how many chunks others have their turn. */
const CHUNKS_AT_ONCE = 512

/** A staged file that is to be filled with the chunks of a list. */
export interface Filling {
  readonly context: FolderContext
  readonly list: ChunkList
  readonly file: StagedFile
  readonly signal: AbortSignal
  /** A chunk is in its place. */
  readonly onplaced: (chunk: number) => void
}

/** Where a chunk may come from; without `from`: it may be there already. */
type Where = Pick<Piece, 'from'>

/**
 * Puts into a staged file what this disk has already: what an earlier run left in it (`resumed`), and chunks that lie anywhere in the folder. All
 * is verified. Returns, in order, the chunks that are missing. Rejects with UNAVAILABLE once the signal aborts, and with what the disk says.
 */
export async function fillFromDisk(filling: Filling, { resumed }: { readonly resumed: boolean }): Promise<number[]> {
  const { context, list, onplaced } = filling
  let lacking = Array.from({ length: list.count }, (_, i) => i)
  if (resumed) lacking = await fill(filling, lacking, () => ({}))
  else {
    const zeros = new Set(lacking.filter(i => isZeroChunk(list.hash(i), list.length(i))))
    zeros.forEach(onplaced)
    lacking = lacking.filter(i => !zeros.has(i))
  }
  const nowhere = new Set<number>()
  for (let nth = 0; nth < PLACES_TRIED; nth++)
    lacking = await fill(filling, lacking, i => {
      const from = nowhere.has(i) ? undefined : [...context.store.places(list.hash(i), nth + 1)][nth]
      if (from !== undefined) return { from }
      nowhere.add(i)
      return undefined
    })
  return lacking
}

/** Has chunks copied or verified as `where` says; those for which it says nothing are left alone. Returns those that are not in place after it. */
async function fill(
  filling: Filling,
  chunks: readonly number[],
  where: (chunk: number) => Where | undefined
): Promise<number[]> {
  const { list, signal, context } = filling
  const lacking: number[] = []
  const running: Promise<void>[] = []
  let batch = new Map<number, Piece>()
  let bytes = 0
  const begin = (): void => {
    const going = fillBatch(filling, batch, lacking)
    // It is waited for below; until then nobody else hears that it failed.
    going.catch(() => undefined)
    running.push(going)
    batch = new Map()
    bytes = 0
  }
  try {
    for (const i of chunks) {
      if (signal.aborted) throw new BackerError('UNAVAILABLE', 'no longer wanted')
      const found = where(i)
      if (found === undefined) lacking.push(i)
      else {
        batch.set(i, { hash: list.hash(i), length: list.length(i), to: list.offsetOf(i), ...found })
        bytes += list.length(i)
      }
      if (bytes >= COPY_BYTES) begin()
      if (running.length >= COPIES_UNDERWAY) await running.shift()
      if (i % CHUNKS_AT_ONCE === 0) await context.runtime.timers.breathe()
    }
    if (batch.size > 0) begin()
    for (const going of running.splice(0)) await going
  } finally {
    // None may go on when the file is closed.
    await Promise.allSettled(running)
  }
  return lacking.sort((a, b) => a - b)
}

async function fillBatch(
  { context, file, onplaced }: Filling,
  batch: ReadonlyMap<number, Piece>,
  lacking: number[]
): Promise<void> {
  const pieces = [...batch.values()]
  const are = await file.fill(pieces)
  ;[...batch.keys()].forEach((chunk, at) => {
    if (are[at] === true) return onplaced(chunk)
    lacking.push(chunk)
    const from = pieces[at]?.from
    if (from !== undefined) doubt(context, from.path)
  })
}
