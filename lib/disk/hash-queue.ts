import { BackerError } from '../core/error.js'
import type { RelativePath } from '../core/model/path.js'
import type { Hashed } from './disk.js'
import type { WorkerThread } from './worker-thread.js'

/** How many files go to a thread at once: enough that handing them over costs little beside reading them. */
const FILES_AT_ONCE = 64
/** How many pieces of work may wait. */
const WAITING_MAX = 10_000

interface Piece {
  readonly paths: readonly RelativePath[]
  readonly resolve: (hashed: readonly Hashed[]) => void
  readonly reject: (error: unknown) => void
}

/** Files that are to be hashed: each piece goes, in the order of asking, to whichever thread is free first, so that none waits behind a huge file. */
export class HashQueue {
  readonly #threads: readonly WorkerThread[]
  readonly #waiting: Piece[] = []

  constructor(threads: readonly WorkerThread[]) {
    this.#threads = threads
  }

  /** Rejects as `WorkerThread.run` does; then nothing is known of any of the paths. */
  async hash(paths: readonly RelativePath[]): Promise<readonly Hashed[]> {
    const pieces: Promise<readonly Hashed[]>[] = []
    for (let start = 0; start < paths.length; start += FILES_AT_ONCE)
      pieces.push(this.#add(paths.slice(start, start + FILES_AT_ONCE)))
    return (await Promise.all(pieces)).flat()
  }

  async close(): Promise<void> {
    const error = new BackerError('CLOSED', 'the folder is closed')
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    await Promise.all(this.#threads.map(thread => thread.close()))
  }

  #add(paths: readonly RelativePath[]): Promise<readonly Hashed[]> {
    if (this.#waiting.length >= WAITING_MAX)
      return Promise.reject(new BackerError('LIMIT', `over ${WAITING_MAX} pieces of work wait to be hashed`))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ paths, resolve, reject })
      this.#next()
    })
  }

  #next(): void {
    const thread = this.#threads.find(({ load }) => load === 0)
    const piece = thread === undefined ? undefined : this.#waiting.shift()
    if (thread === undefined || piece === undefined) return
    void thread
      .run('hash', piece.paths)
      .then(piece.resolve, piece.reject)
      .finally(() => this.#next())
  }
}
