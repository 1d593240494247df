import type { RelativePath } from '../core/model/path.js'
import type { Stamp } from '../core/model/stamp.js'
import type { Hashed } from './disk.js'
import { CHANGING, FEW, TRIES, type Segment, type SegmentRead } from './hash.js'
import { unpackHashed } from './pack-hashed.js'
import { endOf, meet, SEGMENT_SIZES, type SegmentSizes } from './segments.js'
import type { WorkQueue } from './work-queue.js'

/** How many files go to a thread at once: enough that handing them over costs little beside reading them. */
const FILES_AT_ONCE = 64

/** Of few files at a time, which may be read by the thread that looks, those of this size and more are read in segments: it must not be away for long. */
const LONE_BYTES = 4 * 1024 * 1024

const ABSENT: Hashed = { kind: 'absent' }

/** Who carries operations out. */
export type Work = Pick<WorkQueue, 'run' | 'width'>

/** Has files hashed by several threads: each small one by one of them, large ones by all. */
export class HashQueue {
  readonly #work: Work
  readonly #sizes: SegmentSizes
  /** From which size on a file is read in segments, by several threads at once. */
  readonly #largeBytes: number

  constructor(work: Work, sizes: SegmentSizes = SEGMENT_SIZES) {
    this.#work = work
    this.#sizes = sizes
    this.#largeBytes = 2 * sizes.segmentBytes
  }

  /** Rejects as `WorkerThread.run` does; then nothing is known of any of the paths. */
  async hash(paths: readonly RelativePath[]): Promise<readonly Hashed[]> {
    const pieces: Promise<readonly Hashed[]>[] = []
    for (let start = 0; start < paths.length; start += FILES_AT_ONCE)
      pieces.push(this.#hashSome(paths.slice(start, start + FILES_AT_ONCE)))
    return (await Promise.all(pieces)).flat()
  }

  async #hashSome(paths: readonly RelativePath[]): Promise<readonly Hashed[]> {
    const largeBytes = paths.length > FEW ? this.#largeBytes : Math.min(LONE_BYTES, this.#largeBytes)
    const results = unpackHashed(await this.#work.run('hashUpTo', paths, largeBytes))
    const hashed: Hashed[] = []
    for (const [i, path] of paths.entries()) {
      const result = results[i] ?? ABSENT
      hashed.push(result.kind === 'large' ? await this.#hashLarge(path, result.stamp, largeBytes) : result)
    }
    return hashed
  }

  async #hashLarge(path: RelativePath, stamp: Stamp, largeBytes: number): Promise<Hashed> {
    let seen = stamp
    for (let i = 0; i < TRIES; i++) {
      const outcome = await this.#tryLarge(path, seen)
      if (outcome !== 'moved') return outcome
      const [again] = unpackHashed(await this.#work.run('hashUpTo', [path], largeBytes))
      if (again?.kind !== 'large') return again ?? ABSENT
      seen = again.stamp
    }
    return { kind: 'failed', problem: CHANGING }
  }

  /** Every segment is read between two looks that show `stamp`: so all of them are of one state of the file (invariant S5). */
  async #tryLarge(path: RelativePath, stamp: Stamp): Promise<Hashed | 'moved'> {
    const { segmentBytes, overlapBytes } = this.#sizes
    const cut = (start: number, i: number): Promise<SegmentRead> =>
      this.#work.run('hashSegment', path, stamp, start, (i + 1) * segmentBytes + overlapBytes)
    const segments: Segment[] = []
    let other: Exclude<SegmentRead, Segment> | undefined
    let next = 0
    // No more than there are threads at a time: small files have their turn in between.
    const reader = async (): Promise<void> => {
      while (other === undefined && next * segmentBytes < stamp.size) {
        const i = next++
        const read = await cut(i * segmentBytes, i)
        if (read.kind === 'segment') segments[i] = read
        else other = read
      }
    }
    await Promise.all(Array.from({ length: this.#work.width }, reader))
    if (other !== undefined) return notHashed(other)
    const rows = await inARow(segments, cut)
    if (!Array.isArray(rows)) return rows
    const joined = await this.#work.run('joinSegments', rows)
    return joined.kind === 'joined' ? { ...joined, kind: 'hashed', stamp } : joined
  }
}

/** The segments, each of which begins where the one before ends: those that have no boundary in common with the one before are cut anew. */
async function inARow(
  segments: readonly Segment[],
  cut: (start: number, index: number) => Promise<SegmentRead>
): Promise<Segment[] | ReturnType<typeof notHashed>> {
  const row: Segment[] = []
  for (const [i, segment] of segments.entries()) {
    const before = row.pop()
    const met = before === undefined ? [segment] : meet(before, segment)
    if (met !== undefined || before === undefined) {
      row.push(...(met ?? []))
      continue
    }
    const again = await cut(endOf(before), i)
    if (again.kind !== 'segment') return notHashed(again)
    row.push(before, again)
  }
  return row
}

function notHashed(read: Exclude<SegmentRead, Segment>): Hashed | 'moved' {
  return read.kind === 'moved' ? 'moved' : read
}
