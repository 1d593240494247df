import { hashFromKey, hashKey, type Hash, type HashKey } from '../core/model/hash.js'
import { joinPath, type RelativePath } from '../core/model/path.js'
import { namesIn, openIfThere, type HistoryPlace } from './history-files.js'

/** How many bytes of a hash tell it from the others here: two that look the same keep what is not needed, no more. */
const MARK_BYTES = 6
/** Until when something is needed, where nobody needs it; and where it is not to go at all. */
const NEVER = -Infinity
export const FOR_EVER = Infinity

/** What becomes of a file of the stock: it is needed by something kept, only held, or nothing needs it. */
export type Need = 'kept' | 'held' | 'none'

/** The files of one kind in the history, of which there may be millions: their sizes, and until when each is needed. */
export class Stock {
  readonly #place: HistoryPlace
  readonly #kind: RelativePath
  readonly #marks: number[] = []
  readonly #sizes: number[] = []
  readonly #needed: number[] = []
  readonly #held: boolean[] = []

  /** `kind`: the directory that they lie in, spread by their hashes. */
  constructor(place: HistoryPlace, kind: string) {
    this.#place = place
    this.#kind = kind as RelativePath
    this.#each((directory, name) => {
      this.#marks.push(markOf(name))
      this.#sizes.push(place.fs.lstat(directory, name)?.size ?? 0)
      this.#needed.push(NEVER)
      this.#held.push(false)
    })
  }

  /** True where there is a file for this hash. */
  has(hash: Hash): boolean {
    return this.#find(hash) !== undefined
  }

  /** Something that was kept at `untilMs` (milliseconds since 1970) needs the file for this hash, if there is one. */
  need(hash: Hash, untilMs: number): void {
    const i = this.#find(hash)
    if (i !== undefined) this.#needed[i] = Math.max(this.#needed[i] ?? NEVER, untilMs)
  }

  /** A copy of what stands in the folder needs it. */
  hold(hash: Hash): void {
    const i = this.#find(hash)
    if (i !== undefined) this.#held[i] = true
  }

  /** How many files have that need, and their bytes. */
  sum(need: Need): { readonly count: number; readonly bytes: number } {
    let count = 0
    let bytes = 0
    this.#sizes.forEach((size, i) => {
      if (this.#needAt(i) !== need) return
      count++
      bytes += size
    })
    return { count, bytes }
  }

  /** Of what may go in its time: until when it is needed, and its bytes. */
  *passing(): Generator<readonly [untilMs: number, bytes: number]> {
    for (let i = 0; i < this.#sizes.length; i++) {
      const untilMs = this.#needed[i] ?? NEVER
      if (untilMs !== NEVER && untilMs !== FOR_EVER) yield [untilMs, this.#sizes[i] ?? 0]
    }
  }

  /** Removes all files that nothing needs. */
  clear(): void {
    const { fs, files } = this.#place
    this.#each((directory, name, group) => {
      const i = this.#find(hashFromKey(name as HashKey))
      if (i === undefined || this.#needAt(i) !== 'none') return
      fs.unlink(directory, name)
      files.markChanged(group)
    })
    files.sync()
  }

  #needAt(i: number): Need {
    if (this.#needed[i] !== NEVER) return 'kept'
    return this.#held[i] === true ? 'held' : 'none'
  }

  /** All files in the order of their hashes. */
  #each(
    look: (directory: NonNullable<ReturnType<typeof openIfThere>>, name: string, group: RelativePath) => void
  ): void {
    const { fs, files } = this.#place
    for (const name of namesIn(fs, files, this.#kind).sort()) {
      const group = joinPath(this.#kind, name)
      for (const file of namesIn(fs, files, group).sort()) {
        // Opened for each: what `look` opens may close it.
        const directory = openIfThere(files, group)
        if (directory !== undefined && /^[0-9a-f]{64}$/.test(file)) look(directory, file, group)
      }
    }
  }

  #find(hash: Hash): number | undefined {
    const wanted = markOf(hashKey(hash))
    let low = 0
    let high = this.#marks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#marks[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return this.#marks[low] === wanted ? low : undefined
  }
}

function markOf(key: string): number {
  return Number.parseInt(key.slice(0, 2 * MARK_BYTES), 16)
}
