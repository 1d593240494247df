import { parentOf, type RelativePath } from '../core/model/path.js'
import type { Runtime, Timer } from '../runtime.js'
import type { WatchHandlers } from './watching.js'

/** Where hints go. */
export type HintListener = Pick<WatchHandlers, 'onPaths' | 'onDirectories'>

/** A lone event is told after this long: a save is often several system calls. One that has only emptied its file by then waits longer (see `Unsettled`). */
const SETTLE_MS = 3
/** While events go on they are told this often. */
const STORM_MS = 200
/** How many single paths are gathered; of more, their directories are. */
const PATHS_MAX = 4096

/** Gathers hints and tells them together: soon where they are few, in batches where they go on. */
export class HintGatherer {
  readonly #listener: HintListener
  readonly #runtime: Runtime
  readonly #paths = new Set<RelativePath>()
  readonly #directories = new Set<RelativePath | undefined>()
  #timer: Timer | undefined
  #firstAt = 0
  #lastAt = 0

  constructor(listener: HintListener, runtime: Runtime) {
    this.#listener = listener
    this.#runtime = runtime
  }

  /** Something happened at a path. */
  addPath(path: RelativePath): void {
    if (this.#paths.size < PATHS_MAX) this.#paths.add(path)
    else this.#directories.add(parentOf(path))
    this.#settle()
  }

  /** Something happened in a directory (undefined: the root). */
  addDirectory(directory: RelativePath | undefined): void {
    this.#directories.add(directory)
    this.#settle()
  }

  /** Tells nothing more. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#paths.clear()
    this.#directories.clear()
  }

  #settle(): void {
    this.#lastAt = this.#runtime.clock.monotonic()
    if (this.#timer !== undefined) return
    this.#firstAt = this.#lastAt
    this.#wait(SETTLE_MS)
  }

  /** One timer at a time: in a storm, one for each event would cost more than the events. */
  #wait(delayMs: number): void {
    this.#timer = this.#runtime.timers.after(delayMs, () => {
      const now = this.#runtime.clock.monotonic()
      const leftMs = Math.min(this.#lastAt + SETTLE_MS, this.#firstAt + STORM_MS) - now
      if (leftMs > 0) this.#wait(leftMs)
      else this.#tell()
    })
  }

  #tell(): void {
    this.#timer = undefined
    const paths = [...this.#paths]
    const directories = [...this.#directories]
    this.#paths.clear()
    this.#directories.clear()
    if (paths.length > 0) this.#listener.onPaths(paths)
    if (directories.length > 0) this.#listener.onDirectories(directories)
  }
}
