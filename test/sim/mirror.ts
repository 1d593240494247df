import type { Inode, Volume } from './volume.js'

/** Hears of what a directory has come to show since it was looked at last. */
export interface MirrorListener {
  /** Something stands at a path. */
  readonly oncame: (path: string, inode: Inode) => void
  /** It does not stand there any more. */
  readonly onleft: (path: string, inode: Inode) => void
  /** What stands there was written to, or got another mode or time. */
  readonly onwritten: (path: string, inode: Inode) => void
}

/** A directory as it was seen last. `prefix`: its path with a slash; nothing at the root. */
interface Directory {
  readonly prefix: string
  readonly entries: Map<string, Inode>
}

/** Follows all that stands in a directory: a look costs what has changed, not all that there is. */
export class Mirror {
  readonly #volume: Volume
  readonly #listener: MirrorListener
  readonly #directories = new Map<Inode, Directory>()

  constructor(volume: Volume, root: Inode, listener: MirrorListener) {
    this.#volume = volume
    this.#listener = listener
    this.#enter('', root)
  }

  /** Tells what has changed: first what has gone, then what has come. */
  look(): void {
    const touched = [...this.#volume.touched]
    this.#volume.touched.clear()
    for (const inode of touched) this.#tellGone(inode)
    for (const inode of touched) this.#tellNew(inode)
    for (const inode of touched) {
      if (inode.kind === 'directory') continue
      for (const { directory, name } of inode.links.values()) {
        const known = this.#directories.get(directory)
        if (known !== undefined) this.#listener.onwritten(known.prefix + name, inode)
      }
    }
  }

  #tellGone(inode: Inode): void {
    const known = this.#directories.get(inode)
    if (known === undefined) return
    for (const [name, child] of known.entries) {
      if (inode.entries.get(name) === child) continue
      known.entries.delete(name)
      this.#left(known.prefix + name, child)
    }
  }

  #tellNew(inode: Inode): void {
    const known = this.#directories.get(inode)
    if (known === undefined) return
    for (const [name, child] of inode.entries) {
      if (known.entries.get(name) === child) continue
      known.entries.set(name, child)
      this.#came(known.prefix + name, child)
    }
  }

  #came(path: string, inode: Inode): void {
    this.#listener.oncame(path, inode)
    if (inode.kind === 'directory') this.#enter(`${path}/`, inode)
  }

  #enter(prefix: string, directory: Inode): void {
    this.#directories.set(directory, { prefix, entries: new Map(directory.entries) })
    for (const [name, child] of directory.entries) this.#came(prefix + name, child)
  }

  #left(path: string, inode: Inode): void {
    this.#listener.onleft(path, inode)
    const known = this.#directories.get(inode)
    if (known === undefined) return
    this.#directories.delete(inode)
    for (const [name, child] of known.entries) this.#left(`${path}/${name}`, child)
  }
}
