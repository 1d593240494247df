import { watch, type FSWatcher } from 'node:fs'
import { sep } from 'node:path'
import { isReservedName, whyNotPath, type RelativePath } from '../core/model/path.js'
import type { Runtime } from '../runtime.js'
import { codeOf } from './problem.js'
import { HintGatherer } from './watch-hints.js'
import type { Watch, WatchHandlers } from './watching.js'

/**
 * Watches everything below a root at once, where the system can (macOS, Windows): there, a watch for each directory would be slow, or keep users
 * from renaming what is above it.
 */
export class RecursiveWatch implements Watch {
  readonly #root: string
  readonly #handlers: WatchHandlers
  readonly #hints: HintGatherer
  /** The directories that were ever told of: what is to be looked at where it is not known what happened. */
  readonly #known = new Set<RelativePath | undefined>()
  #watcher: FSWatcher | undefined
  #isClosed = false
  #isLimited = false

  constructor(root: string, handlers: WatchHandlers, runtime: Runtime) {
    this.#root = root
    this.#handlers = handlers
    this.#hints = new HintGatherer(handlers, runtime)
  }

  add(directories: Iterable<RelativePath | undefined>): void {
    for (const directory of directories) this.#known.add(directory)
    if (this.#watcher === undefined && !this.#isClosed) this.#watch()
  }

  remove(directory: RelativePath): void {
    this.#known.delete(directory)
  }

  close(): void {
    this.#isClosed = true
    this.#hints.close()
    this.#watcher?.close()
    this.#known.clear()
  }

  #watch(): void {
    try {
      const watcher = watch(this.#root, { persistent: false, recursive: true }, (_event, name) => this.#heard(name))
      watcher.on('error', () => this.#broke())
      this.#watcher = watcher
    } catch (error) {
      const code = codeOf(error)
      if (code === undefined) throw error
      if (!this.#isLimited)
        this.#handlers.onLimited(`changes can't be watched (${code}): everything is looked through every minute.`)
      this.#isLimited = true
    }
  }

  #heard(name: string | null): void {
    if (this.#isClosed) return
    if (name === null) {
      this.#hintEverything()
      return
    }
    const path = name.replaceAll(sep, '/')
    const [top = ''] = path.split('/', 1)
    if (isReservedName(top)) return
    if (whyNotPath(path) !== undefined) this.#hintEverything()
    else if (!this.#handlers.ignores(path as RelativePath, false)) this.#hints.addPath(path as RelativePath)
  }

  /** It ended by itself; the next look at a directory starts it again. */
  #broke(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    if (!this.#isClosed) this.#hintEverything()
  }

  #hintEverything(): void {
    this.#hints.addDirectory(undefined)
    for (const directory of this.#known) this.#hints.addDirectory(directory)
  }
}
