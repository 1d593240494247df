import { DIRECTORY, EMPTY, type Label, type Seen } from './look.js'

/** Why a run failed: which promise was broken, by its number, and how. */
export class Broken extends Error {
  readonly promise: string

  /** The path that it is about. */
  readonly path: string | undefined

  constructor(promise: string, sentence: string, path?: string) {
    super(`${promise}: ${sentence}`)
    this.promise = promise
    this.path = path
  }
}

/** A version with its mode and time. */
type Dressed = Pick<Seen, 'label' | 'mode' | 'mtimeNs'>

/**
 * What users did, in truth: which version was put where, and which was removed or replaced by somebody who saw it. The engine never
 * sees it.
 */
export class Ledger {
  /** Where users put each version. */
  readonly #placed = new Map<Label, Set<string>>()
  /** Which versions users removed or replaced at each path. */
  readonly #removed = new Map<string, Set<Label>>()
  /** Versions that somebody removed where they were no user's doing, such as a conflict copy. */
  readonly #dismissed = new Set<Label>()
  /** Versions that a power loss took before anybody could have saved them, or their own user. */
  readonly #lost = new Set<Label>()
  readonly #touched = new Set<string>()
  readonly #copied = new Set<string>()
  readonly #everRemoved = new Set<Label>()
  /** Every version with every path at which somebody ever put it. */
  readonly #everPlaced = new Set<string>()
  /** With which mode and time versions were ever shown by a user's doing. */
  readonly #dressed = new Set<string>()
  /** Versions that a device which may change the folder has shown by its user's doing. */
  readonly #byWriters = new Set<Label>()

  isKnown(label: Label): boolean {
    return label === EMPTY || this.#placed.has(label)
  }

  /** A user put a version at a path, or something else than the engine did. */
  placed(path: string, label: Label): void {
    if (label === DIRECTORY || label === EMPTY) return
    this.#everPlaced.add(`${label} ${path}`)
    const places = this.#placed.get(label)
    if (places === undefined) this.#placed.set(label, new Set([path]))
    else places.add(path)
    this.#removed.get(path)?.delete(label)
    this.#dismissed.delete(label)
    this.#lost.delete(label)
  }

  /** A version shows with a mode and time by a user's doing, or a power loss's. `mayWrite`: on a device that may change the folder. */
  shown({ label, mode, mtimeNs }: Dressed, mayWrite: boolean): void {
    this.#dressed.add(`${label} ${mode} ${mtimeNs}`)
    if (mayWrite) this.#byWriters.add(label)
  }

  wasShown({ label, mode, mtimeNs }: Dressed): boolean {
    return this.#dressed.has(`${label} ${mode} ${mtimeNs}`)
  }

  /** True for a version that came into the world on a device that may read only, and that no writer has made his own. */
  isReaders(label: Label): boolean {
    return this.#placed.has(label) && !this.#byWriters.has(label)
  }

  /** A user changed the mode or time of what stood at a path: that is a version of its own, with the same bytes. */
  touched(path: string, label: Label): void {
    this.#touched.add(`${label} ${path}`)
  }

  wasTouched(path: string, label: Label): boolean {
    return this.#touched.has(`${label} ${path}`)
  }

  /** A power loss took a version from a path. */
  reverted(path: string, label: Label): void {
    this.#placed.get(label)?.delete(path)
    this.touched(path, label)
  }

  /** A power loss left such bytes on a disk: whatever they are, they may show. */
  left(label: Label): void {
    if (!this.#placed.has(label)) this.#placed.set(label, new Set())
  }

  /** A user removed or replaced a version that stood at a path. */
  removed(path: string, label: Label): void {
    if (label === DIRECTORY) return
    const removed = this.#removed.get(path)
    if (removed === undefined) this.#removed.set(path, new Set([label]))
    else removed.add(label)
    this.#everRemoved.add(label)
    if (this.#placed.get(label)?.has(path) !== true) this.#dismissed.add(label)
  }

  /** A user wrote, through another link, into what the engine had taken from its place: wherever a version does not show any more, he has replaced it. */
  overwrittenAside(label: Label, shows: (path: string) => boolean): void {
    for (const path of this.#placed.get(label) ?? []) if (!shows(path)) this.removed(path, label)
  }

  /** True where somebody has ever put a version at a path. */
  wasEverPlaced(path: string, label: Label): boolean {
    return this.#everPlaced.has(`${label} ${path}`)
  }

  /** A user moved a directory away while the engine was putting a version into it: to whom the directory belonged, the version has gone with it. */
  carriedAway(label: Label): void {
    this.#everRemoved.add(label)
  }

  wasRemoved(path: string, label: Label): boolean {
    return this.#removed.get(path)?.has(label) === true
  }

  /** True where somebody has ever removed or replaced a version that he saw, at whatever path: the directory may have been moved in that very moment. */
  wasEverRemoved(label: Label): boolean {
    return this.#everRemoved.has(label)
  }

  /** The engine put a version beside its place, as a conflict copy: there is its place now. `prefix`: the directory, with a slash. */
  copied(prefix: string, path: string, label: Label): void {
    this.#copied.add(`${label} ${prefix}`)
    const places = this.#placed.get(label)
    const beside = [...(places ?? [])].filter(place => place.startsWith(prefix) && !place.includes('/', prefix.length))
    // Where a user moved the directory in that moment, it is the name that tells.
    const name = path.slice(prefix.length).replace(/ \(conflict [0-9a-f]{8}\)/, '')
    const before =
      beside.length > 0 ? beside : [...(places ?? [])].filter(place => place.slice(place.lastIndexOf('/') + 1) === name)
    for (const place of before) places?.delete(place)
    if (before.length > 0 && !this.wasRemoved(path, label)) places?.add(path)
  }

  wasCopied(prefix: string, label: Label): boolean {
    return this.#copied.has(`${label} ${prefix}`)
  }

  lost(label: Label): void {
    this.#lost.add(label)
  }

  wasLost(label: Label): boolean {
    return this.#lost.has(label)
  }

  /** True where nobody who had seen a version removed or replaced it: it must be somewhere. */
  isOwed(label: Label): boolean {
    const places = this.#placed.get(label)
    if (places === undefined || this.#lost.has(label) || this.#dismissed.has(label)) return false
    for (const path of places) if (!this.wasRemoved(path, label)) return true
    return false
  }
}
