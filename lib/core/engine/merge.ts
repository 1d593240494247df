import {
  compareDots,
  dotsEqual,
  hasSeen,
  joinVectors,
  nextDot,
  seeDot,
  type Dot,
  type ReplicaId,
  type VersionVector
} from '../model/version.js'
import { compareVersions, type Payload, type Record, type Version } from '../model/record.js'

/**
 * The record that knows what both know: every version that neither side has seen replaced, the winner first.
 *
 * What makes it safe: a version is dropped only where the other side has seen it and no longer has it, that is, where
 * somebody who saw it replaced it. The result depends on the set of writes alone, so merging is commutative, associative and
 * idempotent. Source: Preguiça et al., "Dotted version vectors", 2010, arXiv 1011.5808, section 5.
 */
export function mergeRecords(a: Record, b: Record): Record {
  if (a === b) return a
  const successor = successorOf(a, b)
  if (successor !== undefined) return successor
  const context = joinVectors(a.context, b.context)
  const lost = new Set([...a.versions, ...b.versions].flatMap(version => (version.hasLost ? namesOf(version) : [])))
  return makeRecord(
    context,
    [...survivors(a, b), ...survivors(b, a)].flatMap(version => partByLoss(version, lost))
  )
}

/** The merged record in the case that nearly all are: one write on either side, of which one has seen the other. */
function successorOf(a: Record, b: Record): Record | undefined {
  const [x, y] = [onlyWrite(a), onlyWrite(b)]
  if (x === undefined || y === undefined || dotsEqual(x, y)) return undefined
  const [isReplacedA, isReplacedB] = [hasSeen(b.context, x), hasSeen(a.context, y)]
  if (isReplacedA === isReplacedB) return undefined
  const later = isReplacedA ? b : a
  const context = joinVectors(a.context, b.context)
  const hasSeenAll = context.length === later.context.length && context.every(dot => hasSeen(later.context, dot))
  return hasSeenAll ? later : { context, versions: later.versions }
}

/** The write that made all that a record has, where it is one, and has not lost. */
function onlyWrite({ versions: [version, ...others] }: Record): Dot | undefined {
  if (version === undefined || others.length > 0 || version.hasLost === true || version.dots.length > 1)
    return undefined
  return version.dots[0]
}

/** The versions of `mine` with those of their writes that `theirs` still has or has never seen. */
function survivors(mine: Record, theirs: Record): Version[] {
  const kept = new Set(theirs.versions.flatMap(namesOf))
  const found: Version[] = []
  for (const version of mine.versions) {
    const dots = version.dots.filter(dot => kept.has(nameOfDot(dot)) || !hasSeen(theirs.context, dot))
    if (dots.length > 0) found.push({ ...version, dots })
  }
  return found
}

/** A version as those of its writes that have lost, by either side's word, and those that have not. */
function partByLoss({ dots, payload }: Version, lost: ReadonlySet<string>): Version[] {
  if (lost.size === 0) return [{ dots, payload }]
  const hasLost = (dot: Dot): boolean => lost.has(nameOfDot(dot))
  const parts: Version[] = [
    { dots: dots.filter(dot => !hasLost(dot)), payload },
    { dots: dots.filter(hasLost), payload, hasLost: true }
  ]
  return parts.filter(part => part.dots.length > 0)
}

/** A record of versions in any order: equal ones become one version; of one write with two payloads (a forger's) the greater stays. */
export function makeRecord(context: VersionVector, versions: readonly Version[]): Record {
  const [only] = versions
  if (only !== undefined && versions.length === 1 && only.dots.length === 1) return { context, versions }
  const grouped: (Version & { readonly dots: Dot[] })[] = []
  for (const version of [...versions].sort(compareVersions)) {
    const last = grouped.at(-1)
    if (last !== undefined && compareVersions(last, version) === 0) last.dots.push(...version.dots)
    else grouped.push({ ...version, dots: [...version.dots] })
  }
  const taken = new Set<string>()
  const unique: Version[] = []
  for (const version of grouped) {
    const dots = version.dots.sort(compareDots).filter(dot => !taken.has(nameOfDot(dot)) && taken.add(nameOfDot(dot)))
    if (dots.length > 0) unique.push({ ...version, dots })
  }
  return { context, versions: unique }
}

/**
 * The record after `replica` wrote `payload` at a path where it saw `local` (undefined: nothing was ever there).
 * What it saw is the winner; a loser is replaced as well only where `isSettled` says that its conflict copy exists in
 * this device's tree (or was deleted there), so that nobody's version is dropped before somebody could see it. A loser that stays has lost to this
 * write as well: what was written is what the record shows, as the disk does. `leastCounter`: see `nextDot`.
 */
export function writeVersion(
  local: Record | undefined,
  replica: ReplicaId,
  payload: Payload,
  isSettled: (loser: Version) => boolean,
  leastCounter = 1
): Record {
  const context = local?.context ?? []
  const dot = nextDot(context, replica, leastCounter)
  const unsettled = local === undefined ? [] : local.versions.slice(1).filter(loser => !isSettled(loser))
  const losers = unsettled.map(loser => ({ ...loser, hasLost: true as const }))
  return makeRecord(seeDot(context, dot), [{ dots: [dot], payload }, ...losers])
}

/**
 * As `writeVersion`, by somebody who did not see that anything stood there, for its content was not on his disk: he replaces nothing. What stood there has
 * lost to this write, and whoever has it keeps it as a conflict copy.
 */
export function writeUnseen(
  local: Record,
  replica: ReplicaId,
  payload: Payload,
  isSettled: (loser: Version) => boolean,
  leastCounter = 1
): Record {
  const dot = nextDot(local.context, replica, leastCounter)
  const unsettled = local.versions.filter(loser => !isSettled(loser))
  const losers = unsettled.map(loser => ({ ...loser, hasLost: true as const }))
  return makeRecord(seeDot(local.context, dot), [{ dots: [dot], payload }, ...losers])
}

/** The record once `loser` stands beside its path as a conflict copy: it has lost for good. */
export function noteLoss(record: Record, loser: Version): Record {
  const names = new Set(namesOf(loser))
  const [winner, ...others] = record.versions
  if (winner === undefined) return record
  return makeRecord(record.context, [
    winner,
    ...others.flatMap(version => (version.hasLost ? [version] : partByLoss(version, names)))
  ])
}

function namesOf({ dots }: Version): string[] {
  return dots.map(nameOfDot)
}

function nameOfDot(dot: Dot): string {
  return `${dot.replica}:${dot.counter}`
}
