import {
  payloadOf,
  samePayload,
  sameRecord,
  winnerOf,
  type Payload,
  type Record,
  type Version
} from '../model/record.js'
import { deservesCopy } from './conflict.js'
import { mergeRecords } from './merge.js'
import { asHeld } from './twin.js'

/**
 * What one path needs, given what this device has and what a peer has.
 * - `current`: nothing; this device knows all that the peer knows.
 * - `adopt`: the disk is right as it is; only the record changes.
 * - `apply`: the disk must come to show `payload`. `keep` is the version on the disk where it lost a conflict and must be
 *   kept beside the winner; without it, what is replaced becomes a revision.
 */
export type Outcome =
  | { readonly kind: 'current' }
  | { readonly kind: 'adopt'; readonly record: Record }
  | { readonly kind: 'apply'; readonly record: Record; readonly payload: Payload; readonly keep: Version | undefined }

/**
 * Decides one path between two writers.
 *
 * 1. What either side has seen replaced is gone; what is left is concurrent (mergeRecords).
 * 2. One total order picks the winner, the same everywhere (comparePayloads).
 * 3. Whoever has a losing version on its disk keeps it: only that device needs to act, and no other can forget to.
 */
export function reconcile(local: Record | undefined, remote: Record): Outcome {
  if (local === undefined) return outcomeOf(undefined, remote)
  // Merging a record with itself changes nothing, and this is what most often is asked about.
  if (sameRecord(local, remote)) return { kind: 'current' }
  const merged = mergeRecords(local, remote)
  return sameRecord(merged, local) ? { kind: 'current' } : outcomeOf(local, merged)
}

/**
 * Decides one path on a device that may not write: what it changed by itself never beats what a writer says.
 * `isOwn` tells this device's own versions.
 */
export function reconcileAsReader(
  local: Record | undefined,
  remote: Record,
  isOwn: (version: Version) => boolean
): Outcome {
  if (local === undefined || !local.versions.some(isOwn)) return reconcile(local, remote)
  const merged = mergeRecords(local, remote)
  return sameRecord(merged, local) ? { kind: 'current' } : outcomeOf(local, remote)
}

function outcomeOf(local: Record | undefined, record: Record): Outcome {
  const payload = payloadOf(record)
  const onDisk = local === undefined ? undefined : winnerOf(local)
  const shown: Payload = onDisk?.payload ?? { kind: 'deleted' }
  if (samePayload(shown, payload)) return { kind: 'adopt', record }
  return { kind: 'apply', record, payload, keep: onDisk === undefined ? undefined : keptVersion(onDisk, record) }
}

/** The version on the disk as the merged record has it, where it lost without having been replaced and has bytes to keep. */
function keptVersion(onDisk: Version, record: Record): Version | undefined {
  const [survivor = strayVersion(onDisk, record)] = record.versions.flatMap(version => asHeld(onDisk, version) ?? [])
  return survivor !== undefined && deservesCopy(survivor.payload, payloadOf(record)) ? survivor : undefined
}

/** A version that the record has never heard of: a reader's own change, which no writer's record can hold. */
function strayVersion(onDisk: Version, record: Record): Version | undefined {
  const known = onDisk.dots.every(dot =>
    record.context.some(seen => seen.replica === dot.replica && seen.counter >= dot.counter)
  )
  return known ? undefined : onDisk
}
