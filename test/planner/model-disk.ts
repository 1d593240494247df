import type { RelativePath } from '../../lib/core/model/path.js'
import { nameOf, parentOf } from '../../lib/core/model/path.js'
import { sameStamp, type Stamp } from '../../lib/core/model/stamp.js'
import type { Expected, InstallResult, InstallStep, Listing } from '../../lib/disk/disk.js'

/** What stands at a path: content by its name only. */
export interface Standing {
  readonly stamp: Stamp
  /** The content root of a file, the target of a symlink; nothing for a directory. */
  readonly content: string
}

const CHANGED: InstallResult = { kind: 'changed' }

/** A disk that consists of what stands at each path: it takes the steps of a plan as the real one does, and nothing else. */
export class ModelDisk {
  readonly standing = new Map<RelativePath, Standing>()
  /** What was displaced and did not become a conflict copy. */
  readonly revisions = new Set<string>()
  #lastInode = 0n
  #clock = 0n

  /** Puts something at a path, as a user does: over what stands there. */
  put(
    path: RelativePath,
    kind: Stamp['kind'],
    shown: { mode: number; mtimeNs: bigint; size: number; content: string }
  ): Stamp {
    const { mode, mtimeNs, size, content } = shown
    const stamp = { kind, device: 1n, inode: ++this.#lastInode, size, mtimeNs, ctimeNs: ++this.#clock, mode }
    this.standing.set(path, { stamp, content })
    return stamp
  }

  /** What stands in a directory. */
  list(directory: RelativePath | undefined): Listing {
    const found = [...this.standing].filter(([path]) => parentOf(path) === directory)
    const entries = found.map(([path, { stamp }]) => ({ name: nameOf(path), stamp }))
    return { kind: 'listed', entries, missing: [], badNames: [], problems: [] }
  }

  install(steps: readonly InstallStep[]): InstallResult[] {
    return steps.map(step => this.#carryOut(step))
  }

  #carryOut(step: InstallStep): InstallResult {
    const { path } = step
    const parent = parentOf(path)
    if (parent !== undefined && this.standing.get(parent)?.stamp.kind !== 'directory')
      return step.kind === 'remove' && step.expected.kind === 'nothing'
        ? { kind: 'done' }
        : { kind: 'blocked', by: parent }
    const there = this.standing.get(path)
    if (!this.#isExpected(step.expected, there) && !(step.kind === 'directory' && step.expected.kind === 'nothing'))
      return CHANGED
    switch (step.kind) {
      case 'remove':
        return this.#remove(step, there)
      case 'directory':
        return this.#makeDirectory(step, there)
      case 'metadata':
        if (there === undefined) return CHANGED
        return this.#done(path, { ...there, stamp: this.#touched(there.stamp, step.mode, step.mtimeNs) })
      case 'symlink':
        return this.#place(step, there, { kind: 'symlink', mode: 0o777, content: step.target })
      case 'file':
        return this.#place(step, there, { kind: 'file', mode: step.mode, content: step.staged.slice(0, 64) })
      case 'move':
        return this.#move(step, there)
    }
  }

  #isExpected(expected: Expected, there: Standing | undefined): boolean {
    if (expected.kind === 'nothing') return there === undefined
    return there !== undefined && sameStamp(there.stamp, expected.stamp)
  }

  #remove(step: Extract<InstallStep, { kind: 'remove' }>, there: Standing | undefined): InstallResult {
    if (there === undefined) return { kind: 'done' }
    if (there.stamp.kind === 'directory' && this.#hasChildren(step.path)) return { kind: 'blocked', by: step.path }
    this.standing.delete(step.path)
    const conflictStamp = there.stamp.kind === 'directory' ? undefined : this.#displace(there, step.displaced)
    return conflictStamp === undefined ? { kind: 'done' } : { kind: 'done', conflictStamp }
  }

  #makeDirectory(step: Extract<InstallStep, { kind: 'directory' }>, there: Standing | undefined): InstallResult {
    const { path, mode } = step
    if (there?.stamp.kind === 'directory')
      return this.#done(path, { ...there, stamp: this.#touched(there.stamp, mode, undefined) })
    if (there !== undefined && step.expected.kind === 'nothing') return CHANGED
    return this.#place({ ...step, mtimeNs: 0n }, there, { kind: 'directory', mode, content: '' })
  }

  #move(step: Extract<InstallStep, { kind: 'move' }>, there: Standing | undefined): InstallResult {
    const from = this.standing.get(step.from)
    if (from === undefined || !sameStamp(from.stamp, step.fromStamp)) return CHANGED
    if (there?.stamp.kind === 'directory' && this.#hasChildren(step.path)) return { kind: 'blocked', by: step.path }
    this.standing.delete(step.from)
    return this.#place(step, there, { kind: 'file', mode: step.mode, content: from.content })
  }

  #place(
    step: Extract<InstallStep, { displaced: unknown }> & { readonly mtimeNs?: bigint },
    there: Standing | undefined,
    made: { readonly kind: Stamp['kind']; readonly mode: number; readonly content: string }
  ): InstallResult {
    const { path, displaced, mtimeNs = 0n } = step
    if (there?.stamp.kind === 'directory' && this.#hasChildren(path)) return { kind: 'blocked', by: path }
    const stamp = this.put(path, made.kind, { ...made, mtimeNs, size: 0 })
    const isKept = there !== undefined && there.stamp.kind !== 'directory'
    const conflictStamp = isKept ? this.#displace(there, displaced) : undefined
    return conflictStamp === undefined ? { kind: 'done', stamp } : { kind: 'done', stamp, conflictStamp }
  }

  #displace(there: Standing, displaced: Extract<InstallStep, { kind: 'file' }>['displaced']): Stamp | undefined {
    if (displaced.kind !== 'conflict' || this.standing.has(displaced.path)) {
      this.revisions.add(there.content)
      return undefined
    }
    const stamp = { ...there.stamp, ctimeNs: ++this.#clock }
    this.standing.set(displaced.path, { ...there, stamp })
    return stamp
  }

  #done(path: RelativePath, standing: Standing): InstallResult {
    this.standing.set(path, standing)
    return { kind: 'done', stamp: standing.stamp }
  }

  #touched(stamp: Stamp, mode: number | undefined, mtimeNs: bigint | undefined): Stamp {
    return { ...stamp, mode: mode ?? stamp.mode, mtimeNs: mtimeNs ?? stamp.mtimeNs, ctimeNs: ++this.#clock }
  }

  #hasChildren(directory: RelativePath): boolean {
    for (const path of this.standing.keys()) if (parentOf(path) === directory && nameOf(path) !== '') return true
    return false
  }
}
