import {
  compareDots,
  hasSeen,
  joinVectors,
  nextDot,
  seeDot,
  type Dot,
  type ReplicaId,
  type VersionVector
} from '../model/version.js'
import { compareVersions, samePayload, type Payload, type Record, type Version } from '../model/record.js'

/**
 * The record that knows what both know: every version that neither side has seen replaced, the winner first.
 *
 * What makes it safe: a version is dropped only where the other side has seen it and no longer has it, that is, where
 * somebody who saw it replaced it. The result depends on the set of writes alone, so merging is commutative, associative and
 * idempotent. Source: Preguiça et al., "Dotted version vectors", 2010, arXiv 1011.5808, section 5.
 */
export function mergeRecords(a: Record, b: Record): Record {
  if (a === b) return a
  return makeRecord(joinVectors(a.context, b.context), [...survivors(a, b), ...survivors(b, a)])
}

/** The versions of `mine` with those of their writes that `theirs` still has or has never seen. */
function survivors(mine: Record, theirs: Record): Version[] {
  const kept = new Set(theirs.versions.flatMap(version => version.dots.map(nameOfDot)))
  const found: Version[] = []
  for (const version of mine.versions) {
    const dots = version.dots.filter(dot => kept.has(nameOfDot(dot)) || !hasSeen(theirs.context, dot))
    if (dots.length > 0) found.push({ dots, payload: version.payload })
  }
  return found
}

/** A record of versions in any order: equal payloads become one version; of one write with two payloads (a forger's) the greater stays. */
export function makeRecord(context: VersionVector, versions: readonly Version[]): Record {
  const grouped: { dots: Dot[]; payload: Payload }[] = []
  for (const version of [...versions].sort(compareVersions)) {
    const last = grouped.at(-1)
    if (last !== undefined && samePayload(last.payload, version.payload)) last.dots.push(...version.dots)
    else grouped.push({ dots: [...version.dots], payload: version.payload })
  }
  const taken = new Set<string>()
  const unique: Version[] = []
  for (const version of grouped) {
    const dots = version.dots.sort(compareDots).filter(dot => !taken.has(nameOfDot(dot)) && taken.add(nameOfDot(dot)))
    if (dots.length > 0) unique.push({ dots, payload: version.payload })
  }
  return { context, versions: unique }
}

/**
 * The record after `replica` wrote `payload` at a path where it saw `local` (undefined: nothing was ever there).
 * What it saw is the winner; a loser is replaced as well only where `isSettled` says that its conflict copy exists in
 * this device's tree (or was deleted there), so that nobody's version is dropped before somebody could see it.
 */
export function writeVersion(
  local: Record | undefined,
  replica: ReplicaId,
  payload: Payload,
  isSettled: (loser: Version) => boolean
): Record {
  const context = local?.context ?? []
  const dot = nextDot(context, replica)
  const unsettled = local === undefined ? [] : local.versions.slice(1).filter(loser => !isSettled(loser))
  return makeRecord(seeDot(context, dot), [{ dots: [dot], payload }, ...unsettled])
}

function nameOfDot(dot: Dot): string {
  return `${dot.replica}:${dot.counter}`
}
