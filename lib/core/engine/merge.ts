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
import { compareVersions, samePayload, type Payload, type Record, type Version } from '../model/record.js'
import { setApart } from './twin.js'

/**
 * The record that knows what both know: every version that neither side has seen replaced, the winner first.
 *
 * What makes it safe: a version is dropped only where the other side has seen its write and no longer has it, that is, where
 * somebody who saw it replaced it. The result depends on the set of writes alone, so merging is commutative, associative and
 * idempotent. Source: Preguiça et al., "Dotted version vectors", 2010, arXiv 1011.5808, section 5.
 *
 * Two writes may bear one name (see `setApart`): both stay until somebody replaces that name, so that what is known of a name is none, a set of payloads, or
 * that it was replaced, and merging the union.
 */
export function mergeRecords(a: Record, b: Record): Record {
  if (a === b) return a
  const successor = successorOf(a, b)
  if (successor !== undefined) return successor
  const context = joinVectors(a.context, b.context)
  const lost = [...a.versions, ...b.versions].filter(({ hasLost }) => hasLost)
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

/** A version as those of its writes that have lost, by the word of one of `losers`, and those that have not. */
function partByLoss({ dots, payload }: Version, losers: readonly Version[]): Version[] {
  const lost = new Set(losers.filter(loser => samePayload(loser.payload, payload)).flatMap(namesOf))
  if (lost.size === 0) return [{ dots, payload }]
  const hasLost = (dot: Dot): boolean => lost.has(nameOfDot(dot))
  const parts: Version[] = [
    { dots: dots.filter(dot => !hasLost(dot)), payload },
    { dots: dots.filter(hasLost), payload, hasLost: true }
  ]
  return parts.filter(part => part.dots.length > 0)
}

/** A record of versions in any order: equal ones become one version. */
export function makeRecord(context: VersionVector, versions: readonly Version[]): Record {
  const [only] = versions
  if (only !== undefined && versions.length === 1 && only.dots.length === 1) return { context, versions }
  const grouped: (Version & { readonly dots: Dot[] })[] = []
  for (const version of [...versions].sort(compareVersions)) {
    const last = grouped.at(-1)
    if (last !== undefined && compareVersions(last, version) === 0) last.dots.push(...version.dots)
    else grouped.push({ ...version, dots: [...version.dots] })
  }
  return { context, versions: grouped.map(version => ({ ...version, dots: distinct(version.dots) })) }
}

function distinct(dots: Dot[]): Dot[] {
  return dots.sort(compareDots).filter((dot, i) => {
    const before = dots[i - 1]
    return before === undefined || !dotsEqual(before, dot)
  })
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
  const dot = nextDot(local?.context ?? [], replica, leastCounter)
  const version: Version = { dots: [dot], payload }
  if (local === undefined) return makeRecord([dot], [version])
  return over(local, version, (loser, i) => i > 0 && !isSettled(loser))
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
  return over(local, { dots: [dot], payload }, loser => !isSettled(loser))
}

/** The record after `version`, one write, was made over `local`: it replaces all but what stays, which has lost to it. */
function over(local: Record, version: Version, stays: (loser: Version, i: number) => boolean): Record {
  const kept = local.versions.filter(stays)
  const replaced = new Set(local.versions.filter(one => !kept.includes(one)).flatMap(namesOf))
  const losers = kept.map(({ dots, payload }) => ({
    dots: dots.map(dot => (replaced.has(nameOfDot(dot)) ? setApart(dot, payload) : dot)),
    payload,
    hasLost: true as const
  }))
  const versions = [version, ...losers]
  return makeRecord(versions.flatMap(({ dots }) => dots).reduce(seeDot, local.context), versions)
}

/** The record once `loser` stands beside its path as a conflict copy: it has lost for good. */
export function noteLoss(record: Record, loser: Version): Record {
  const [winner, ...others] = record.versions
  if (winner === undefined) return record
  return makeRecord(record.context, [
    winner,
    ...others.flatMap(version => (version.hasLost ? [version] : partByLoss(version, [loser])))
  ])
}

function namesOf({ dots }: Version): string[] {
  return dots.map(nameOfDot)
}

function nameOfDot(dot: Dot): string {
  return `${dot.replica}:${dot.counter}`
}
