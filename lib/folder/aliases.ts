import { aliasKey, ancestorsOf, nameOf, parentOf, type RelativePath } from '../core/model/path.js'
import { isLive } from '../core/model/record.js'
import type { DiskTraits } from '../disk/disk.js'
import type { Store } from '../store/store.js'

/**
 * Which names of a folder a file system takes for the same: only the first of them can stand on it (invariant S16). It lives for one batch of installs.
 * LIMIT: the first item of a directory looks through the names of all that stands in it.
 */
export class Aliases {
  readonly #store: Pick<Store, 'get' | 'children'>
  readonly #isFolding: boolean
  readonly #directories = new Map<RelativePath | undefined, Map<string, RelativePath>>()

  constructor(store: Pick<Store, 'get' | 'children'>, { foldsCase, foldsUnicode }: DiskTraits) {
    this.#store = store
    this.#isFolding = foldsCase || foldsUnicode
  }

  /** What stands where `path`, or a directory on its way, would have to stand; undefined where nothing does. `leaving`: what makes room for it. */
  clashOf(path: RelativePath, leaving: RelativePath | undefined): RelativePath | undefined {
    if (!this.#isFolding || this.#store.get(path)?.stamp !== undefined) return undefined
    for (const at of [...ancestorsOf(path), path]) {
      const there = this.#namesIn(parentOf(at)).get(aliasKey(nameOf(at)))
      if (there !== undefined && there !== at && there !== leaving) return there
    }
    return undefined
  }

  /** From now on this path stands on the disk. */
  claim(path: RelativePath): void {
    if (this.#isFolding) this.#namesIn(parentOf(path)).set(aliasKey(nameOf(path)), path)
  }

  #namesIn(directory: RelativePath | undefined): Map<string, RelativePath> {
    const known = this.#directories.get(directory)
    if (known !== undefined) return known
    const names = new Map<string, RelativePath>()
    for (const [path, { record, stamp }] of this.#store.children(directory))
      if (stamp !== undefined && isLive(record)) names.set(aliasKey(nameOf(path)), path)
    this.#directories.set(directory, names)
    return names
  }
}
