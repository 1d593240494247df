import type { RelativePath } from '../core/model/path.js'
import { sameStamp } from '../core/model/stamp.js'
import type { Disk, Hashed } from '../disk/disk.js'
import type { Candidate } from './survey.js'

/** From this size on a file is read on the side, in bytes: a second or two of work, minutes where it is a disk image on a slow disk. A lone file of 1 GiB comes 0.4 s sooner when it is not. */
const LONG_BYTES = 1.5 * 1024 ** 3

type Outcome = { readonly hashed: Hashed } | { readonly error: unknown }

interface Parts {
  readonly hash: Disk['hash']
  /** A file was read, and is to be looked at again: what was read of it is given then. */
  readonly onread: (path: RelativePath) => void
  /** Default: 1.5 GiB. */
  readonly longBytes?: number | undefined
}

/** Large files, which are read one after the other while the folder is looked at as ever: what else happens in it is told meanwhile. */
export class LongReads {
  readonly #parts: Parts
  readonly #longBytes: number
  /** What is to be read, the first of which is being read; in order. */
  readonly #waiting = new Map<RelativePath, Candidate>()
  readonly #read = new Map<RelativePath, Outcome>()
  /** What was read before the look under way began, and is to be taken in it. */
  readonly #offered = new Set<RelativePath>()
  #reading = Promise.resolve()

  constructor(parts: Parts) {
    this.#parts = parts
    this.#longBytes = parts.longBytes ?? LONG_BYTES
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#read.size === 0
  }

  /** True for what is read on the side. */
  isLong({ listed: { stamp } }: Candidate): boolean {
    return stamp.kind === 'file' && stamp.size >= this.#longBytes
  }

  /** The places that were told of are about to be looked at. */
  begin(): void {
    for (const path of this.#read.keys()) this.#offered.add(path)
  }

  /** What was read of a file that still looks as it did then; undefined where it is yet to be read: `onread` tells when it was. Throws what reading it threw. */
  take(candidate: Candidate): Hashed | undefined {
    const { path, listed } = candidate
    const outcome = this.#read.get(path)
    this.#read.delete(path)
    if (outcome !== undefined && 'error' in outcome) throw outcome.error
    if (outcome !== undefined && !isOld(outcome.hashed, candidate)) return outcome.hashed
    const isFirst = this.#waiting.size === 0
    this.#waiting.set(path, { path, listed })
    if (isFirst) this.#reading = this.#readAll()
    return undefined
  }

  /** Files that are being read, once they were: those with one of these inodes. They go with whatever is gone by one of these. */
  async withInode(inodes: ReadonlySet<bigint>): Promise<readonly Candidate[]> {
    const isOne = ({ listed: { stamp } }: Candidate): boolean => inodes.has(stamp.inode)
    const found = [...this.#waiting.values()].filter(isOne)
    while (found.some(({ path }) => this.#waiting.has(path))) await this.#reading
    return found
  }

  /** The look is over: what was offered, and not taken, is of no use. */
  ended(): void {
    for (const path of this.#offered) this.#read.delete(path)
    this.#offered.clear()
    // Was it told of before it had been looked at, or after?
    for (const path of this.#read.keys()) this.#parts.onread(path)
  }

  async #readAll(): Promise<void> {
    for (const path of this.#waiting.keys()) {
      this.#read.set(path, await this.#readOne(path))
      this.#waiting.delete(path)
      this.#parts.onread(path)
    }
  }

  async #readOne(path: RelativePath): Promise<Outcome> {
    try {
      const [hashed = { kind: 'absent' }] = await this.#parts.hash([path])
      return { hashed }
    } catch (error) {
      return { error }
    }
  }
}

function isOld(hashed: Hashed, { listed }: Candidate): boolean {
  return hashed.kind === 'hashed' && !sameStamp(hashed.stamp, listed.stamp)
}
