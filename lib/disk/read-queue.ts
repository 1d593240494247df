import { BackerError } from '../core/error.js'
import { ownIfAlone } from '../core/own-bytes.js'
import type { Extent } from './disk.js'
import type { Duty } from './duty.js'
import { packExtents, unpackReads } from './pack-reads.js'

/** How much is read at one go: handing a piece from thread to thread costs as much as reading a small file. */
const EXTENTS_AT_ONCE = 64
const BYTES_AT_ONCE = 1024 * 1024
/** How many reads may wait. */
const WAITING_MAX = 20_000

interface Waiting {
  readonly extent: Extent
  readonly resolve: (bytes: Uint8Array | undefined) => void
  readonly reject: (error: unknown) => void
}

/** Reads that wait for one thread: while it reads some, others gather, and go to it together. */
export class ReadQueue {
  readonly #thread: Duty
  readonly #waiting: Waiting[] = []

  constructor(thread: Duty) {
    this.#thread = thread
  }

  /** The bytes of an extent, as `Disk.read` has it. Rejects as `WorkerThread.run` does. */
  read(extent: Extent): Promise<Uint8Array | undefined> {
    if (this.#waiting.length >= WAITING_MAX)
      return Promise.reject(new BackerError('LIMIT', `over ${WAITING_MAX} reads wait for the disk`))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ extent, resolve, reject })
      this.#next()
    })
  }

  /** As `read`, of several at one go, without waiting for others. */
  async readTogether(extents: readonly Extent[]): Promise<readonly (Uint8Array | undefined)[]> {
    try {
      return unpackReads(await this.#thread.run('readPacked', packExtents(extents))).map(owned)
    } finally {
      this.#next()
    }
  }

  /** What waits is rejected with CLOSED. */
  async close(): Promise<void> {
    for (const { reject } of this.#waiting.splice(0)) reject(new BackerError('CLOSED', 'the folder is closed'))
    await this.#thread.close()
  }

  #next(): void {
    if (this.#thread.load > 0 || this.#waiting.length === 0) return
    const batch = this.#take()
    this.readTogether(batch.map(({ extent }) => extent)).then(
      pieces => batch.forEach(({ resolve }, i) => resolve(pieces[i])),
      (error: unknown) => batch.forEach(({ reject }) => reject(error))
    )
  }

  #take(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { extent } of this.#waiting) {
      bytes += extent.length
      if (count > 0 && (bytes > BYTES_AT_ONCE || count >= EXTENTS_AT_ONCE)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }
}

/** A piece that lies alone in its buffer belongs to whoever asked for it. */
function owned(piece: Uint8Array | undefined): Uint8Array | undefined {
  return piece === undefined ? undefined : ownIfAlone(piece)
}
