import type { RelativePath } from '../core/model/path.js'
import type { InstallResult, InstallStep } from './disk.js'
import { buffersOfStamps, putStamp, stampAt, stampTable, type StampTable } from './stamp-table.js'

/*
 * Batches of changes, and what came of them, on their way between threads. Nearly all steps of a large batch put a new or moved file where nothing is, or
 * remove one, and nearly all succeed: those are a few words in arrays, which are handed over. All others are objects, which are copied.
 */

export interface PackedSteps {
  /** For each step what of the following it is. */
  readonly kinds: Uint8Array<ArrayBuffer>
  readonly others: readonly InstallStep[]
  /** Of each new or moved file its path and where it comes from (the staged file's name, or its path before), of each removed one its path; with NULs between them, which none contains. */
  readonly texts: string
  /** Of each new or moved file. */
  readonly modes: Uint16Array<ArrayBuffer>
  readonly mtimesNs: BigInt64Array<ArrayBuffer>
  /** Of each moved or removed file. */
  readonly stamps: StampTable
}

export interface PackedResults {
  /** undefined for each that is done, and where its stamp is all that there is to say. */
  readonly others: readonly (InstallResult | undefined)[]
  /** Of each of those, in order. */
  readonly stamps: StampTable
}

const OTHER = 0
const NEW = 1
const MOVED = 2
const REMOVED = 3

const NOTHING = { kind: 'nothing' } as const
const REVISION = { kind: 'revision' } as const

function kindOf(step: InstallStep): number {
  const isNew = step.expected.kind === 'nothing'
  if (step.kind === 'file') return isNew && step.displaced.kind === 'revision' ? NEW : OTHER
  if (step.kind === 'move') return isNew && step.displaced.kind === 'revision' ? MOVED : OTHER
  if (step.kind === 'remove') return !isNew && step.displaced.kind === 'revision' ? REMOVED : OTHER
  return OTHER
}

export function packSteps(steps: readonly InstallStep[]): PackedSteps {
  const kinds = Uint8Array.from(steps, kindOf)
  const modes = new Uint16Array(steps.length)
  const mtimesNs = new BigInt64Array(steps.length)
  const stamps = stampTable(steps.length)
  const others: InstallStep[] = []
  const texts: string[] = []
  let files = 0
  let stamped = 0
  steps.forEach((step, i) => {
    if (kinds[i] === OTHER) {
      others.push(step)
      return
    }
    texts.push(step.path)
    if (step.kind === 'file') texts.push(step.staged)
    if (step.kind === 'move') {
      texts.push(step.from)
      putStamp(stamps, stamped++, step.fromStamp)
    }
    if (step.kind === 'remove' && step.expected.kind === 'stamped') putStamp(stamps, stamped++, step.expected.stamp)
    if (step.kind !== 'file' && step.kind !== 'move') return
    modes[files] = step.mode
    mtimesNs[files++] = step.mtimeNs
  })
  return { kinds, others, texts: texts.join('\0'), modes, mtimesNs, stamps }
}

/** What is handed over instead of being copied. */
export function buffersOfSteps({ kinds, modes, mtimesNs, stamps }: PackedSteps): ArrayBuffer[] {
  return [kinds.buffer, modes.buffer, mtimesNs.buffer, ...buffersOfStamps(stamps)]
}

export function unpackSteps({ kinds, others, texts, modes, mtimesNs, stamps }: PackedSteps): InstallStep[] {
  const words = texts.split('\0').values()
  const rest = others.values()
  const path = (): RelativePath => (words.next().value ?? '') as RelativePath
  let files = 0
  let stamped = 0
  const file = (): { readonly mode: number; readonly mtimeNs: bigint } => {
    const i = files++
    return { mode: modes[i] ?? 0, mtimeNs: mtimesNs[i] ?? 0n }
  }
  return Array.from(kinds, (kind): InstallStep => {
    const common = { displaced: REVISION }
    if (kind === NEW) return { kind: 'file', path: path(), staged: path(), expected: NOTHING, ...file(), ...common }
    if (kind === MOVED) {
      const names = { path: path(), from: path() }
      return { kind: 'move', ...names, fromStamp: stampAt(stamps, stamped++), expected: NOTHING, ...file(), ...common }
    }
    if (kind === REMOVED)
      return {
        kind: 'remove',
        path: path(),
        expected: { kind: 'stamped', stamp: stampAt(stamps, stamped++) },
        ...common
      }
    return rest.next().value as InstallStep
  })
}

export function packResults(results: readonly InstallResult[]): PackedResults {
  const stamps = stampTable(results.length)
  let next = 0
  const others = results.map(result => {
    if (result.kind !== 'done' || result.stamp === undefined || result.conflictStamp !== undefined) return result
    putStamp(stamps, next++, result.stamp)
    return undefined
  })
  return { others, stamps }
}

/** What is handed over instead of being copied. */
export function buffersOfResults({ stamps }: PackedResults): ArrayBuffer[] {
  return buffersOfStamps(stamps)
}

export function unpackResults({ others, stamps }: PackedResults): InstallResult[] {
  let next = 0
  return others.map(other => other ?? { kind: 'done', stamp: stampAt(stamps, next++) })
}
