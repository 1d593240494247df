import type { Actor, Inode } from './volume.js'

/** A name in a directory. */
export interface Slot {
  readonly directory: Inode
  readonly name: string
}

/** What tells slots apart. */
export function slotOf({ directory, name }: Slot): string {
  return `${directory.id}/${name}`
}

/** One change of entries that happens whole or not at all, as a system call does. */
export interface Operation {
  readonly slots: readonly {
    readonly slot: Slot
    readonly before: Inode | undefined
    readonly after: Inode | undefined
  }[]
  readonly actor: Actor
  /** When it was made: `uptimeMs` of its volume. */
  readonly atMs: number
}

/**
 * The changes of directories that are not durable yet, in order. A power loss drops some of them: never one on which another depends
 * that stays. A later one depends on an earlier one that has the same entry or the same inode; where the order is that of
 * a journal, on all earlier ones.
 */
export class Journal {
  readonly #order: 'journal' | 'dependencies'
  #pending: Operation[] = []

  constructor(order: 'journal' | 'dependencies') {
    this.#order = order
  }

  get pending(): readonly Operation[] {
    return this.#pending
  }

  add(operation: Operation): void {
    this.#pending.push(operation)
  }

  /** The entries of a directory are durable, and whatever that takes, such as the way that leads to it: no file system in use leaves that out. */
  sync(directory: Inode): void {
    const kept = new Set<Operation>()
    const touched = new Set<unknown>()
    for (let at: Inode | undefined = directory; at !== undefined; at = [...at.links.values()][0]?.directory)
      touched.add(at)
    let isBehind = false
    for (const operation of [...this.#pending].reverse()) {
      const isOwn = operation.slots.some(({ slot }) => slot.directory === directory)
      if (isOwn) isBehind = true
      const isNeeded =
        this.#order === 'journal' ? isBehind : isOwn || marksOf(operation).some(mark => touched.has(mark))
      if (!isNeeded) continue
      kept.add(operation)
      for (const mark of marksOf(operation)) touched.add(mark)
    }
    this.#pending = this.#pending.filter(operation => !kept.has(operation))
  }

  /** Whatever was changed before that is durable. */
  writeBack(untilMs: number): void {
    this.#pending = this.#pending.filter(({ atMs }) => atMs >= untilMs)
  }

  clear(): void {
    this.#pending = []
  }

  /** Takes out what a power loss drops, the latest first. `isDropped` is asked for each in order; whatever depends on a dropped one goes with it. */
  takeDropped(isDropped: (operation: Operation) => boolean): readonly Operation[] {
    const dropped: Operation[] = []
    const touched = new Set<unknown>()
    for (const operation of this.#pending) {
      const isLate = this.#order === 'journal' && dropped.length > 0
      if (!isLate && !isDropped(operation) && !marksOf(operation).some(mark => touched.has(mark))) continue
      dropped.push(operation)
      for (const mark of marksOf(operation)) touched.add(mark)
    }
    this.#pending = []
    return dropped.reverse()
  }
}

/** What an operation shares with those that depend on it, or on which it depends. */
function marksOf({ slots }: Operation): unknown[] {
  return slots.flatMap(({ slot, before, after }) => [slotOf(slot), before, after].filter(mark => mark !== undefined))
}
