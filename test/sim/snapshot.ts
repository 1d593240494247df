import type { MemoryIndex } from '../../lib/store/memory.js'
import type { Slot } from './journal.js'
import type { Inode, Volume } from './volume.js'

interface Kept {
  readonly inode: Inode
  readonly entries: ReadonlyMap<string, Inode>
  readonly links: ReadonlyMap<string, Slot>
  readonly held: Pick<Inode, 'bytes' | 'mode' | 'mtimeNs' | 'ctimeNs' | 'writer'>
}

/** A machine as it was at one moment: its whole disk and its index. */
export class Snapshot {
  readonly index: MemoryIndex
  readonly #volume: Volume
  readonly #kept: readonly Kept[]

  constructor(volume: Volume, index: MemoryIndex) {
    this.#volume = volume
    this.index = index.copy()
    const kept = new Map<Inode, Kept>()
    const keep = (inode: Inode): void => {
      if (kept.has(inode)) return
      const { bytes, mode, mtimeNs, ctimeNs, writer } = inode
      kept.set(inode, {
        inode,
        entries: new Map(inode.entries),
        links: new Map(inode.links),
        held: { bytes, mode, mtimeNs, ctimeNs, writer }
      })
      for (const child of inode.entries.values()) keep(child)
    }
    keep(volume.root)
    this.#kept = [...kept.values()]
  }

  /** Puts the disk back: what was made since is gone, without a trace. */
  restore(): void {
    for (const { inode, entries, links, held } of this.#kept) {
      inode.entries.clear()
      for (const [name, child] of entries) inode.entries.set(name, child)
      inode.links.clear()
      for (const [key, slot] of links) inode.links.set(key, slot)
      Object.assign(inode, held)
    }
    this.#volume.putBack(this.#kept.map(({ inode }) => inode))
    for (const { inode } of this.#kept) this.#volume.syncInode(inode)
  }
}
