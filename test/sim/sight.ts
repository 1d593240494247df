import { RESERVED_NAME } from '../../lib/core/model/path.js'
import { DIRECTORY, labelOf, packed, revisionAt, type Label, type Revision, type Seen } from './look.js'
import { Mirror } from './mirror.js'
import { find, type Inode, type Volume } from './volume.js'

const OWN = `${RESERVED_NAME}/`

/** Which version stands at each of some places, and which did at the last but one look. */
class Places {
  readonly now = new Map<string, Label>()
  /** Of the places that have changed. */
  readonly #before = new Map<string, Label | undefined>()
  readonly #counts = new Map<Label, number>()
  readonly #countsBefore = new Map<Label, number>()

  begin(): void {
    this.#before.clear()
    this.#countsBefore.clear()
  }

  put(place: string, label: Label | undefined): void {
    const was = this.now.get(place)
    if (was === label) return
    if (!this.#before.has(place)) this.#before.set(place, was)
    if (label === undefined) this.now.delete(place)
    else this.now.set(place, label)
    this.#count(was, -1)
    this.#count(label, 1)
  }

  has(label: Label): boolean {
    return this.#counts.has(label)
  }

  had(label: Label): boolean {
    return (this.#countsBefore.get(label) ?? this.#counts.get(label) ?? 0) > 0
  }

  /** The versions that stand at more or fewer places than before. */
  get changed(): Iterable<Label> {
    return this.#countsBefore.keys()
  }

  /** All places as they were. */
  before(): Map<string, Label> {
    const before = new Map(this.now)
    for (const [place, label] of this.#before) {
      if (label === undefined) before.delete(place)
      else before.set(place, label)
    }
    return before
  }

  #count(label: Label | undefined, by: 1 | -1): void {
    if (label === undefined) return
    const count = this.#counts.get(label) ?? 0
    if (!this.#countsBefore.has(label)) this.#countsBefore.set(label, count)
    if (count + by === 0) this.#counts.delete(label)
    else this.#counts.set(label, count + by)
  }
}

/** What a checker sees of a device's disk, kept up to date look by look, and what has changed with the last one. */
export class Sight {
  readonly visible = new Map<string, Seen>()
  /** What was seen before at each path where that may be something else now. */
  readonly before = new Map<string, Seen | undefined>()
  readonly shown = new Places()
  /** Revisions that are kept whole, and such as are packed, by where they are stored. */
  readonly #loose = new Places()
  readonly #packed = new Places()
  /** What lies in `.backer/tmp` under a name that says that it may be the user's. */
  readonly held = new Places()
  readonly #staged = new Map<string, Inode>()
  readonly #arrived = new Map<Inode, Label>()
  readonly #mirror: Mirror
  readonly #root: Inode
  #isHistoryTouched = false

  constructor(volume: Volume, root: Inode) {
    this.#root = root
    this.#mirror = new Mirror(volume, root, {
      oncame: (path, inode) => this.#put(path, inode),
      onleft: path => this.#put(path, undefined),
      onwritten: (path, inode) => this.#put(path, inode)
    })
    this.#begin()
  }

  /** Sees what has changed. */
  look(): void {
    this.#begin()
    this.#mirror.look()
    if (!this.#isHistoryTouched) return
    this.#isHistoryTouched = false
    const now = packed(find(this.#root, `${OWN}history`))
    const left = new Set(this.#packed.now.keys())
    for (const { storedAt, label, inode } of now) {
      left.delete(storedAt)
      if (this.#packed.now.get(storedAt) !== label) this.#arrived.set(inode, label)
      this.#packed.put(storedAt, label)
    }
    for (const storedAt of left) this.#packed.put(storedAt, undefined)
  }

  /** The versions that may be here, or not be here, since the last look. */
  changedLabels(): Set<Label> {
    return new Set([...this.shown.changed, ...this.#loose.changed, ...this.#packed.changed])
  }

  /** True for what the user sees, or finds in the revisions. */
  has(label: Label): boolean {
    return this.shown.has(label) || this.keeps(label)
  }

  /** True for what lies in the revisions, packed or not. */
  keeps(label: Label): boolean {
    return this.#loose.has(label) || this.#packed.has(label)
  }

  kept(label: Label): boolean {
    return this.#loose.had(label) || this.#packed.had(label)
  }

  /** True for what is put together in `.backer/tmp`. */
  stages(label: Label): boolean {
    for (const inode of this.#staged.values()) if (labelOf(inode) === label) return true
    return false
  }

  /** What has come to be seen, kept or held since this was asked last, or was written to. */
  takeArrived(): [Inode, Label][] {
    const arrived = [...this.#arrived]
    this.#arrived.clear()
    return arrived
  }

  /** The revisions of each path that were there before the last look. */
  pastBefore(): Iterable<readonly Revision[]> {
    const past = new Map<string, Revision[]>()
    for (const [storedAt, label] of [...this.#loose.before(), ...this.#packed.before()]) {
      const { path, atMs } = revisionAt(storedAt)
      const known = past.get(path)
      if (known === undefined) past.set(path, [{ label, atMs }])
      else known.push({ label, atMs })
    }
    return past.values()
  }

  #begin(): void {
    this.before.clear()
    for (const places of [this.shown, this.#loose, this.#packed, this.held]) places.begin()
  }

  #put(path: string, inode: Inode | undefined): void {
    if (path === RESERVED_NAME) return
    if (path.startsWith(OWN)) return this.#putOwn(path.slice(OWN.length), inode)
    if (!this.before.has(path)) this.before.set(path, this.visible.get(path))
    const label = inode === undefined ? undefined : this.#labelOf(inode)
    if (inode === undefined || label === undefined) this.visible.delete(path)
    else this.visible.set(path, { inode, label, mode: inode.mode, mtimeNs: inode.mtimeNs })
    this.shown.put(path, label)
  }

  #putOwn(path: string, inode: Inode | undefined): void {
    const slash = path.indexOf('/')
    const [area, place] = [path.slice(0, slash), path.slice(slash + 1)]
    if (slash < 0) return
    if (area === 'history') this.#isHistoryTouched = true
    else if (area === 'revisions') this.#putFile(this.#loose, place, inode)
    else if (area === 'tmp' && /^(swap|away|move)-[^/]*$/.test(place)) this.#putFile(this.held, place, inode)
    else if (area === 'tmp' && /^[0-9a-f]{64}-[^/]*$/.test(place)) {
      if (inode === undefined) this.#staged.delete(place)
      else this.#staged.set(place, inode)
    }
  }

  #putFile(places: Places, place: string, inode: Inode | undefined): void {
    places.put(place, inode === undefined || inode.kind === 'directory' ? undefined : this.#labelOf(inode))
  }

  #labelOf(inode: Inode): Label {
    const label = labelOf(inode)
    if (label !== DIRECTORY) this.#arrived.set(inode, label)
    return label
  }
}
