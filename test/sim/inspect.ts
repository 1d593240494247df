import { Broken, type Ledger } from './ledger.js'
import { DIRECTORY, type Seen } from './look.js'
import type { Device } from './device.js'
import type { Witness } from './witness.js'

const CONFLICT = / \(conflict [0-9a-f]{8}\)/g

/** Holds against each other what devices show that say that they are equal, but for paths whose version is gone for good. Throws Broken. */
export function inspectEqual(witnesses: readonly Witness[], ledger: Ledger, gone: ReadonlySet<string>): void {
  const [first, ...others] = witnesses
  if (first === undefined) return
  for (const other of others) {
    compare(first, other, gone)
    compare(other, first, gone)
  }
  for (const path of first.view.visible.keys()) {
    const marks = path.split('/').some(name => (name.match(CONFLICT)?.length ?? 0) > 1)
    if (marks) throw new Broken('S9', `${path} is a conflict copy of a conflict copy`, path)
  }
  const shown = new Set([...first.view.visible.values()].map(({ label }) => label))
  for (const label of first.holdings)
    if (label !== DIRECTORY && ledger.isOwed(label) && !ledger.wasEverRemoved(label) && !shown.has(label))
      throw new Broken('S9', `${label} was replaced by nobody who saw it, and stands nowhere`)
}

/** One writer alone has nobody to be in conflict with. Throws Broken. */
export function inspectConflicts(witness: Witness): void {
  for (const path of witness.view.visible.keys())
    if (path.match(CONFLICT) !== null) throw new Broken('S10', `${path} came of edits of one device alone`, path)
}

/** A device that has nothing to do has nothing open. Throws Broken. */
export function inspectResting({ name, running }: Device): void {
  const openCount = running?.fs.openCount ?? 0
  if (openCount > 0) throw new Broken('S21', `${name} rests with ${openCount} files and directories open`)
}

function compare(a: Witness, b: Witness, gone: ReadonlySet<string>): void {
  for (const [path, seen] of a.view.visible) {
    if (gone.has(path)) continue
    const other = b.view.visible.get(path)
    if (other === undefined) throw new Broken('L1', `${path} is at ${a.name} and not at ${b.name}`, path)
    const [one, two] = [textOf(seen), textOf(other)]
    if (seen.label !== other.label) throw new Broken('L1', `${path} is ${one} at ${a.name}, ${two} at ${b.name}`, path)
    if (one !== two) throw new Broken('S15', `${path} is ${one} at ${a.name}, ${two} at ${b.name}`, path)
  }
}

/** All of what stands at a path that has to be the same everywhere. */
function textOf({ inode, label, mode, mtimeNs }: Seen): string {
  const modeText = inode.kind === 'symlink' ? '' : mode.toString(8)
  return [label, modeText, inode.kind === 'directory' ? '' : mtimeNs].join(' ')
}
