import { joinPath, type RelativePath } from '../core/model/path.js'
import type { DirectoryHandle, FileSystem } from './filesystem.js'
import { namesIn, openIfThere } from './history-files.js'
import type { PutAside } from './kept.js'
import { DAMAGED_NAME, openOrMake, openOwn } from './own.js'
import { parseRevisionName } from './revisions.js'
import { Directories } from './walk.js'

/** How many names in `.backer/damaged` are looked at. */
const NAMES_MAX = 100_000

/** `.backer/damaged` for one batch of changes: made and opened when something is put aside. */
export class DamagedFiles {
  readonly #fs: FileSystem
  readonly #own: DirectoryHandle
  #opened: { readonly base: DirectoryHandle; readonly directories: Directories } | undefined

  constructor(fs: FileSystem, own: DirectoryHandle) {
    this.#fs = fs
    this.#own = own
  }

  open(): Directories {
    if (this.#opened === undefined) {
      const base = openOrMake(this.#fs, this.#own, DAMAGED_NAME)
      this.#opened = { base, directories: new Directories(this.#fs, base) }
    }
    return this.#opened.directories
  }

  /** Makes durable what was put aside. Throws the system's error. */
  sync(): void {
    this.#opened?.directories.sync()
  }

  close(): void {
    if (this.#opened === undefined) return
    this.#opened.directories.close()
    this.#fs.closeDirectory(this.#opened.base)
  }
}

/** The damaged files that were put aside: at most `limit` of them, and their number. Throws MARKER where `.backer` is gone. */
export function listDamaged(fs: FileSystem, root: DirectoryHandle, limit: number): PutAside {
  const own = openOwn(fs, root)
  const base = new Directories(fs, own)
  const files: PutAside['files'][number][] = []
  let count = 0
  let looked = 0
  const waiting: RelativePath[] = [DAMAGED_NAME as RelativePath]
  try {
    for (let at = waiting.pop(); at !== undefined && looked < NAMES_MAX; at = waiting.pop()) {
      const directory = openIfThere(base, at)
      for (const name of namesIn(fs, base, at)) {
        looked++
        const stamp = directory === undefined ? undefined : fs.lstat(directory, name)
        const parsed = parseRevisionName(name)
        const place = joinPath(at, name)
        if (stamp?.kind === 'directory') waiting.push(place)
        if (stamp?.kind !== 'file' || parsed === undefined) continue
        count++
        const storedAt = place.slice(DAMAGED_NAME.length + 1) as RelativePath
        const above = storedAt.slice(0, storedAt.length - name.length)
        const path = `${above}${parsed.name}` as RelativePath
        if (files.length < limit) files.push({ path, storedAt, atMs: parsed.atMs, size: stamp.size })
      }
    }
    return { count, files }
  } finally {
    base.close()
    fs.closeDirectory(own)
  }
}
