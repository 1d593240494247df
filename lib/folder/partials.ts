import { messageOf } from '../core/error.js'
import type { RelativePath } from '../core/model/path.js'
import type { Disk } from '../disk/disk.js'
import type { Runtime } from '../runtime.js'

interface PartialsContext {
  readonly disk: Pick<Disk, 'restage' | 'discard'>
  readonly runtime: Pick<Runtime, 'trace'>
}

interface Begun {
  /** Its name in `.backer/tmp`. */
  readonly name: string
  /** Resolves when nobody works on it any more. */
  readonly idle: Promise<unknown>
}

/**
 * The files in `.backer/tmp` that were begun for paths, one for each path at most. When another version is wanted there, it begins with what has
 * come of the one before; when none is wanted any more, nothing stays. A peer that goes leaves what it gave: it may come back.
 */
export class Partials {
  readonly #context: PartialsContext
  readonly #byPath = new Map<RelativePath, Begun>()

  constructor(context: PartialsContext) {
    this.#context = context
  }

  /** Works on the file `name` for `path`, once nobody works on another one for it. Rejects as `work` does. */
  use<T>(path: RelativePath, name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#byPath.get(path)
    const done = this.#handOver(before, name).then(work)
    this.#byPath.set(path, { name, idle: done.catch(() => undefined) })
    return done
  }

  /** Nothing is wanted at `path` any more, or it stands there: what was begun for it goes. */
  forget(path: RelativePath): void {
    const known = this.#byPath.get(path)
    if (known === undefined) return
    const idle = known.idle
      .then(() => this.#context.disk.discard([known.name]))
      .catch((error: unknown) => {
        this.#context.runtime.trace(`could not remove what was begun for ${path}: ${messageOf(error)}`)
      })
      .then(() => {
        if (this.#byPath.get(path) === going) this.#byPath.delete(path)
      })
    const going = { name: known.name, idle }
    this.#byPath.set(path, going)
  }

  async #handOver(before: Begun | undefined, name: string): Promise<void> {
    await before?.idle
    if (before !== undefined && before.name !== name) await this.#context.disk.restage(before.name, name)
  }
}
