import { watch as watchDirectory, type FSWatcher } from 'node:fs'
import { join } from 'node:path'
import { joinPath, RESERVED_NAME, whyNotName, type RelativePath } from '../core/model/path.js'
import type { Runtime, Timer } from '../runtime.js'
import { codeOf } from './problem.js'

/** What a watcher tells. Everything is a hint: where to look, never what is there. */
export interface WatchHandlers {
  /** Something happened at these paths. */
  readonly onPaths: (paths: Iterable<RelativePath>) => void
  /** Something happened in these directories (undefined: the root), and nobody knows to what. */
  readonly onDirectories: (directories: Iterable<RelativePath | undefined>) => void
  /** Not everything can be watched: the sentence says why, and what to do. Told once. */
  readonly onLimited: (message: string) => void
  /** Paths that are not synced make no hints. */
  readonly ignores: (path: RelativePath, isDirectory: boolean) => boolean
}

/** Hears of changes below a folder's root. */
export interface Watch {
  /** Watches directories from now on; those that are watched already stay so. Call it before they are listed, so that nothing is missed. */
  add(directories: Iterable<RelativePath | undefined>): void
  /** Stops watching a directory that is gone. */
  remove(directory: RelativePath): void
  close(): void
}

/** A lone event is told after this long: a save is often several system calls. */
const SETTLE_MS = 8
/** While events go on they are told this often. */
const STORM_MS = 200

/**
 * Watches the directories that it is told of, one by one: whoever lists them knows them all, so that nothing is walked twice. Holds about
 * 1 KiB for each directory and nothing for files.
 */
export function startWatch(root: string, handlers: WatchHandlers, runtime: Runtime): Watch {
  return new DirectoryWatch(root, handlers, runtime)
}

class DirectoryWatch implements Watch {
  readonly #root: string
  readonly #handlers: WatchHandlers
  readonly #runtime: Runtime
  readonly #watchers = new Map<RelativePath | undefined, FSWatcher>()
  readonly #paths = new Set<RelativePath>()
  readonly #directories = new Set<RelativePath | undefined>()
  #timer: Timer | undefined
  #firstAt = 0
  #isLimited = false

  constructor(root: string, handlers: WatchHandlers, runtime: Runtime) {
    this.#root = root
    this.#handlers = handlers
    this.#runtime = runtime
  }

  add(directories: Iterable<RelativePath | undefined>): void {
    for (const directory of directories) if (!this.#watchers.has(directory)) this.#watch(directory)
  }

  remove(directory: RelativePath): void {
    this.#watchers.get(directory)?.close()
    this.#watchers.delete(directory)
  }

  close(): void {
    this.#timer?.cancel()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #watch(directory: RelativePath | undefined): void {
    if (this.#isLimited) return
    try {
      const path = directory === undefined ? this.#root : join(this.#root, directory)
      const watcher = watchDirectory(path, { persistent: false }, (_event, name) => this.#heard(directory, name))
      watcher.on('error', () => this.#heard(directory, null))
      this.#watchers.set(directory, watcher)
    } catch (error) {
      this.#failed(error)
    }
  }

  /** A directory that is gone or can't be read is none to watch; a limit of the system ends watching anything more. */
  #failed(error: unknown): void {
    const code = codeOf(error)
    if (code !== 'ENOSPC' && code !== 'EMFILE' && code !== 'ENFILE') return
    this.#isLimited = true
    const what =
      code === 'ENOSPC'
        ? 'sudo sysctl fs.inotify.max_user_watches=1048576'
        : 'sudo sysctl fs.inotify.max_user_instances=1024'
    this.#handlers.onLimited(
      `only ${this.#watchers.size} directories can be watched (${code}); the others are looked through every minute. To change that: ${what}`
    )
  }

  #heard(directory: RelativePath | undefined, name: string | null): void {
    if (name === null || whyNotName(name) !== undefined) this.#directories.add(directory)
    else {
      if (directory === undefined && name === RESERVED_NAME) return
      const path = joinPath(directory, name)
      if (this.#handlers.ignores(path, false)) return
      this.#paths.add(path)
    }
    this.#settle()
  }

  #settle(): void {
    const now = this.#runtime.clock.monotonic()
    if (this.#timer === undefined) this.#firstAt = now
    const wait = Math.min(SETTLE_MS, this.#firstAt + STORM_MS - now)
    this.#timer?.cancel()
    this.#timer = this.#runtime.timers.after(Math.max(0, wait), () => this.#tell())
  }

  #tell(): void {
    this.#timer = undefined
    const paths = [...this.#paths]
    const directories = [...this.#directories]
    this.#paths.clear()
    this.#directories.clear()
    if (paths.length > 0) this.#handlers.onPaths(paths)
    if (directories.length > 0) this.#handlers.onDirectories(directories)
  }
}
