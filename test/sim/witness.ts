import { retained } from '../../lib/core/engine/retention.js'
import { Broken, type Ledger } from './ledger.js'
import { DIRECTORY, EMPTY, isExposed, look, type Label, type Seen, type View } from './look.js'
import { RULES_NAME, type Rules } from './rules.js'
import { Sight } from './sight.js'
import type { Actor, Inode, Volume } from './volume.js'

/** Why a disk looks other than before. */
export type Cause = 'engine' | 'user' | 'power' | 'roll-back'

const CONFLICT = / \(conflict [0-9a-f]{8}\)/

interface WitnessParts {
  readonly volume: Volume
  readonly root: Inode
  readonly ledger: Ledger
  /** Whether its device may change the folder; default: yes. */
  readonly mayWrite?: boolean
  /** What its device keeps out of the folder; default: nothing. */
  readonly rules?: Rules
  /** The engine put a version at a path because its user asked for it. */
  readonly onrestored?: (path: string, label: Label) => void
}

/** What a user has asked the engine to do with some paths, while it does so: replace what stands there, or take it away for want of room. */
interface Allowed {
  readonly kind: 'replace' | 'drop'
  readonly covers: (path: string) => boolean
}

/** Watches one device's disk, and holds every change of it against what may happen. */
export class Witness {
  readonly name: string
  readonly #volume: Volume
  readonly #root: Inode
  readonly #ledger: Ledger
  readonly #mayWrite: boolean
  readonly #rules: Rules | undefined
  readonly #onrestored: (path: string, label: Label) => void
  readonly #allowed = new Set<Allowed>()
  /** What was taken away here because its user had asked for that: it must be elsewhere. */
  readonly #dropped = new Set<Label>()
  /** All versions on this disk that count: seen, kept, or taken away by the engine and not given back yet. */
  readonly holdings = new Set<Label>()
  /** What stands at other paths than before the last look: the path and what it is. */
  readonly arrivals: [path: string, label: Label][] = []
  readonly #sight: Sight
  #view: { readonly changes: number; readonly view: View } | undefined
  #exposed: ReadonlySet<Label> = new Set()
  /** Of what came to the holdings or left them in the step under way, whether it was held before: whatever the engine brings is promised to nobody yet. */
  readonly #heldBefore = new Map<Label, boolean>()
  readonly #owed = new Set<Label>()
  /** What the engine took from a path in the step under way: to be justified when the step is over. */
  #taken: { readonly path: string; readonly label: Label }[] = []
  /** What was at each path and was gone everywhere at a time when all devices were equal. */
  readonly #dead = new Map<string, Set<Label>>()
  /** What users wrote here in the step under way. */
  readonly #fresh = new Set<Label>()
  #seenChanges = -1

  constructor(name: string, parts: WitnessParts) {
    this.name = name
    this.#mayWrite = parts.mayWrite ?? true
    this.#rules = parts.rules
    this.#onrestored = parts.onrestored ?? (() => undefined)
    this.#volume = parts.volume
    this.#root = parts.root
    this.#ledger = parts.ledger
    this.#sight = new Sight(parts.volume, parts.root)
  }

  /** All that is on the disk now. */
  get view(): View {
    if (this.#view?.changes !== this.#volume.changes)
      this.#view = { changes: this.#volume.changes, view: look(this.#root) }
    return this.#view.view
  }

  /** At how many paths something stands. */
  get shownCount(): number {
    return this.#sight.visible.size
  }

  /** What stands at a path. */
  labelAt(path: string): Label | undefined {
    return this.#sight.visible.get(path)?.label
  }

  /**
   * The power is about to go: what may be lost is noted. `hasFailed`: the engine has stopped because a sync failed, and has promised nothing of its
   * last batch. `promised`: what peers are told that this device has.
   */
  brace(hasFailed: boolean, promised: readonly Label[]): void {
    const exposed = new Set<Label>()
    const actors: readonly Actor[] = hasFailed ? ['user', 'engine'] : ['user']
    for (const [label, inodes] of this.view.inodes)
      if (!this.#isPromised(label) || inodes.every(inode => isExposed(this.#volume, inode, actors))) exposed.add(label)
    for (const label of promised) exposed.delete(label)
    this.#exposed = exposed
  }

  /** Looks again. Returns the versions that are not on this disk any more. Throws Broken. */
  refresh(cause: Cause): readonly Label[] {
    this.arrivals.length = 0
    if (this.#seenChanges === this.#volume.changes) return []
    this.#seenChanges = this.#volume.changes
    const sight = this.#sight
    sight.look()
    if (cause === 'engine') for (const [path, before] of sight.before) this.#judgeForeign(path, before)
    if (sight.before.has(RULES_NAME)) this.#rules?.changed()
    for (const [path, before] of sight.before)
      if (before !== undefined && this.labelAt(path) !== before.label) this.#gone(path, before.label, cause)
    for (const [path, before] of sight.before) this.#judgeSeen(path, before, cause)
    // What a user writes into a file that the engine has just taken away may show as well.
    if (cause !== 'engine')
      for (const [{ mode, mtimeNs }, label] of sight.takeArrived()) {
        this.#ledger.left(label)
        this.#ledger.shown({ label, mode, mtimeNs }, this.#mayWrite)
      }
    return this.#takeStock(cause)
  }

  /** What its user wrote where the rules keep it out of the folder is not the engine's to change. */
  #judgeForeign(path: string, before: Seen | undefined): void {
    if (before === undefined || this.#rules?.ignores(path) !== true || !this.#rules.keeps(before.label)) return
    const { label, inode, mode, mtimeNs } = before
    const now = this.#sight.visible.get(path)
    if (now?.inode === inode && now.label === label && now.mode === mode && now.mtimeNs === mtimeNs) return
    if (this.#mayDo('replace', path) || this.#mayDo('drop', path)) return
    throw new Broken('S14', `${this.name}: the engine changed ${path}, which is ignored`, path)
  }

  #judgeSeen(path: string, before: Seen | undefined, cause: Cause): void {
    const seen = this.#sight.visible.get(path)
    if (seen === undefined) return
    const { label, mode, mtimeNs } = seen
    if (before?.label !== label) {
      this.arrivals.push([path, label])
      this.#came(path, label, cause)
    } else if (before.mode === mode && before.mtimeNs === mtimeNs) return
    else if (cause !== 'engine') this.#ledger.touched(path, label)
    if (cause !== 'engine') this.#ledger.shown(seen, this.#mayWrite)
    else if (label !== DIRECTORY) this.#judgeDress(path, seen)
  }

  /** The engine's step is over: what it took from users' eyes must have been removed by somebody who saw it, or stand beside it as a conflict copy. */
  conclude(): void {
    this.#heldBefore.clear()
    this.#fresh.clear()
    const sight = this.#sight
    for (const { path, label } of this.#taken.splice(0)) {
      if (label === DIRECTORY || label === EMPTY || this.labelAt(path) === label) continue
      const ledger = this.#ledger
      const wasReplaced = ledger.wasEverRemoved(label) || ledger.wasTouched(path, label) || ledger.wasLost(label)
      // A crash cut the step off: what becomes of it is for recovery to say.
      if (sight.held.has(label)) this.#taken.push({ path, label })
      // What recovery takes back before anybody was told of it is staged again.
      if (sight.held.has(label) || wasReplaced || sight.stages(label) || this.#hasCopy(path, label)) continue
      // Or, where its user has linked it meanwhile, it is left to him.
      if (this.#isElsewhere(label)) continue
      // A reader's own edit makes way for a writer's, and is kept.
      if (!this.#mayWrite && sight.keeps(label)) continue
      throw new Broken('S8', `${this.name}: ${path} lost ${label}, which nobody who saw it removed`, path)
    }
  }

  /** The disk is gone for good. Returns what was on it. */
  vanish(): readonly Label[] {
    const lost = [...this.holdings]
    this.holdings.clear()
    return lost
  }

  /** From now on the engine does what its user has asked for, until the function is called that comes back, or, where it dies meanwhile, until all devices are equal. */
  allow(kind: Allowed['kind'], covers: (path: string) => boolean): () => void {
    const allowed = { kind, covers }
    this.#allowed.add(allowed)
    return () => void this.#allowed.delete(allowed)
  }

  /** All devices are equal: what is not at a path now must not come back to it by itself. */
  bury(everLabels: ReadonlyMap<string, ReadonlySet<Label>>): void {
    this.#allowed.clear()
    this.#dead.clear()
    for (const [path, labels] of everLabels) {
      const dead = new Set(labels)
      dead.delete(this.labelAt(path) ?? '')
      this.#dead.set(path, dead)
    }
  }

  /** A user put it there again, or his machine was put back to a time when it stood there: it may also come back beside its path, as a conflict copy. */
  unbury(path: string, label: Label): void {
    for (const [at, labels] of this.#dead) if (at === path || at.replace(CONFLICT, '') === path) labels.delete(label)
  }

  /** True for what was here before the step under way, and is not just put together anew. */
  #isPromised(label: Label): boolean {
    const { kept, visible } = this.view
    const isStaged = !kept.has(label) && ![...visible.values()].some(seen => seen.label === label)
    const inodes = this.view.inodes.get(label) ?? []
    const wasHeld = this.#heldBefore.get(label) ?? this.holdings.has(label)
    return wasHeld && !(isStaged && inodes.every(({ dirty }) => dirty !== undefined))
  }

  #mayDo(kind: Allowed['kind'], path: string): boolean {
    for (const allowed of this.#allowed) if (allowed.kind === kind && allowed.covers(path)) return true
    return false
  }

  #gone(path: string, label: Label, cause: Cause): void {
    // What is restored and dropped at one time may have been either.
    const mayDrop = cause === 'engine' && label !== DIRECTORY && this.#mayDo('drop', path)
    if (mayDrop) this.#dropped.add(label)
    if (cause === 'user' || (cause === 'engine' && this.#mayDo('replace', path))) this.#ledger.removed(path, label)
    else if (mayDrop) return
    else if (cause === 'engine') this.#taken.push({ path, label })
    else if (cause === 'power') this.#ledger.reverted(path, label)
  }

  #came(path: string, label: Label, cause: Cause): void {
    if (label === DIRECTORY) return
    this.#dropped.delete(label)
    if (cause === 'user') this.#fresh.add(label)
    if (cause === 'engine' && this.#mayDo('replace', path)) this.#onrestored(path, label)
    if (CONFLICT.test(path) && cause === 'engine') this.#ledger.copied(directoryOf(path), path, label)
    else if (cause === 'engine' && this.#isCarriedAway(path, label)) this.#ledger.carriedAway(label)
    if (cause === 'user' || (cause === 'power' && !this.#ledger.isKnown(label))) {
      this.#ledger.placed(path, label)
      return
    }
    if (cause === 'power' || cause === 'roll-back') return
    if (!this.#ledger.isKnown(label))
      throw new Broken('S3', `${this.name}: ${path} shows ${label}, which nobody wrote`, path)
    if (this.#dead.get(path)?.has(label) === true)
      throw new Broken('S7', `${this.name}: ${label} came back to ${path} after all devices had seen it go`, path)
  }

  /** True for what comes to a device at a path at which nobody ever put it. */
  #isCarriedAway(path: string, label: Label): boolean {
    return label !== EMPTY && !this.#ledger.wasEverPlaced(path, label) && !this.#sight.shown.had(label)
  }

  /** Whatever the engine puts there, or changes, has the mode and time that some user gave to that version. */
  #judgeDress(path: string, seen: Seen): void {
    const { label, mode, mtimeNs } = seen
    // No call sets a time only where nobody has written since: what a user writes in that moment gets the time that was meant for what he replaced.
    if (this.#fresh.has(label)) {
      this.#ledger.touched(path, label)
      this.#ledger.shown(seen, this.#mayWrite)
      return
    }
    if (!this.#ledger.wasShown(seen))
      throw new Broken('S15', `${this.name}: ${path} shows ${label} with ${mode.toString(8)} ${mtimeNs}`, path)
    if (this.#mayWrite && label !== EMPTY && this.#ledger.isReaders(label))
      throw new Broken('S17', `${this.name}: ${path} shows ${label}, which only readers have written`, path)
  }

  #takeStock(cause: Cause): readonly Label[] {
    const sight = this.#sight
    const left: Label[] = []
    for (const label of new Set([...sight.changedLabels(), ...this.#owed])) {
      const wasHeld = this.holdings.has(label)
      if (cause === 'user' && sight.kept(label) && !sight.keeps(label))
        this.#ledger.overwrittenAside(label, path => this.labelAt(path) === label)
      if (sight.has(label)) {
        this.#owed.delete(label)
        if (!wasHeld) this.#noteHeld(label, false)
        this.holdings.add(label)
        continue
      }
      if (!wasHeld) continue
      if (sight.held.has(label) && (cause !== 'user' || this.#owed.has(label))) {
        this.#owed.add(label)
        continue
      }
      this.#owed.delete(label)
      // Through a descriptor that was still open, or another link, into what the engine had taken from its place.
      if (cause === 'user' && (sight.kept(label) || sight.held.had(label))) this.#ledger.lost(label)
      this.#judgeLoss(label, cause)
      this.#noteHeld(label, true)
      this.holdings.delete(label)
      left.push(label)
    }
    return left
  }

  #noteHeld(label: Label, wasHeld: boolean): void {
    if (!this.#heldBefore.has(label)) this.#heldBefore.set(label, wasHeld)
  }

  #judgeLoss(label: Label, cause: Cause): void {
    if (cause === 'user' || cause === 'roll-back' || label === DIRECTORY) return
    // What recovery takes back before anybody was told of it is staged again, to be installed anew.
    if (cause === 'engine' && this.#sight.stages(label)) return
    if (cause === 'engine' && (this.#dropped.has(label) || this.#wasLetGo(label))) return
    if (cause === 'engine') throw new Broken('S2', `${this.name}: the last copy of ${label} here was destroyed`)
    if (!this.#exposed.has(label))
      throw new Broken('S19', `${this.name}: ${label} was synced, and a power loss took it`)
  }

  /** True for a version that somebody replaced and whose every revision the rule about the past lets go. */
  #wasLetGo(label: Label): boolean {
    if (this.#ledger.isOwed(label) || this.#sight.shown.had(label)) return false
    const nowMs = this.#volume.wallMs()
    let count = 0
    for (const revisions of this.#sight.pastBefore()) {
      if (!revisions.some(revision => revision.label === label)) continue
      count++
      const stays = retained(
        revisions.map(({ atMs }) => atMs),
        nowMs
      )
      if (revisions.some((revision, i) => revision.label === label && stays[i] === true)) return false
    }
    return count > 0
  }

  /** True for what stands at some path at which a user of it has put it. */
  #isElsewhere(label: Label): boolean {
    for (const [at, seen] of this.#sight.visible)
      if (seen.label === label && seen.inode.links.size === 1 && this.#ledger.wasEverPlaced(at, label)) return true
    return false
  }

  #hasCopy(path: string, label: Label): boolean {
    // The user may have moved the directory, with the copy in it, in that very moment.
    for (const [at, seen] of this.#sight.visible) if (seen.label === label && CONFLICT.test(at)) return true
    // A conflict copy gets none of its own where that would have its own name.
    if (CONFLICT.exec(path)?.[0].includes(label.slice(0, 8)) === true && this.#sight.keeps(label)) return true
    return this.#ledger.wasCopied(directoryOf(path), label)
  }
}

/** The directory of a path, with a slash; nothing at the root. */
function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}
