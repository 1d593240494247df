import type { RelativePath } from '../../lib/core/model/path.js'
import { joinPath, parentOf, RESERVED_NAME } from '../../lib/core/model/path.js'
import { HintGatherer } from '../../lib/disk/watch-hints.js'
import type { Watch, WatchHandlers } from '../../lib/disk/watch.js'
import type { Runtime } from '../../lib/runtime.js'
import { find, type Happening, type Inode } from './volume.js'

/** Hears of changes as inotify tells them: by directory, a little late, and only where it was told to listen. */
export class SimWatch implements Watch {
  readonly #root: Inode
  readonly #handlers: WatchHandlers
  readonly #runtime: Runtime
  readonly #hints: HintGatherer
  readonly #watched = new Map<RelativePath | undefined, Inode>()
  /** Watched directories that may have been moved or replaced when nothing was heard. */
  readonly #suspects = new Set<RelativePath | undefined>()
  #isClosed = false
  isDeaf = false

  constructor(root: Inode, handlers: WatchHandlers, runtime: Runtime) {
    this.#root = root
    this.#handlers = handlers
    this.#runtime = runtime
    this.#hints = new HintGatherer(handlers, runtime)
  }

  add(directories: Iterable<RelativePath | undefined>): void {
    for (const directory of directories) {
      if (this.#watched.has(directory) && !this.#suspects.delete(directory)) continue
      const inode = find(this.#root, directory ?? '')
      if (inode?.kind === 'directory') this.#watched.set(directory, inode)
      else this.#watched.delete(directory)
    }
  }

  remove(directory: RelativePath): void {
    this.#forgetBelow(directory)
  }

  close(): void {
    this.#isClosed = true
    this.#hints.close()
  }

  /** Something changed on the volume. */
  hear({ slot, before, after }: Happening): void {
    if (this.#isClosed || this.isDeaf) return
    for (const [directory, inode] of this.#watched) {
      if (inode !== slot.directory) continue
      this.#runtime.timers.after(this.#runtime.random.below(3), () =>
        this.#heard(directory, slot.name, before !== after)
      )
    }
  }

  /** Events were lost, and nobody knows which. */
  overflow(): void {
    for (const directory of this.#watched.keys()) this.#suspects.add(directory)
    for (const directory of [undefined, ...this.#watched.keys()]) this.#hints.addDirectory(directory)
  }

  #heard(directory: RelativePath | undefined, name: string, isRename: boolean): void {
    if (this.#isClosed || (directory === undefined && name === RESERVED_NAME)) return
    const path = joinPath(directory, name)
    const isMoved = isRename && this.#watched.has(path) && find(this.#root, path) !== this.#watched.get(path)
    if (isMoved) for (const lost of this.#forgetBelow(path)) this.#hints.addDirectory(lost)
    if (!this.#handlers.ignores(path, false)) this.#hints.addPath(path)
  }

  #forgetBelow(directory: RelativePath): readonly RelativePath[] {
    const lost: RelativePath[] = []
    for (const path of this.#watched.keys()) {
      for (let at = path; at !== undefined; at = parentOf(at)) {
        if (at !== directory || path === undefined) continue
        lost.push(path)
        break
      }
    }
    for (const path of lost) this.#watched.delete(path)
    return lost
  }
}
