import type { Stamp } from '../model/stamp.js'
import { payloadOf, samePayload, type Content, type Payload, type Record } from '../model/record.js'

/** What a device saw at a path, with all that is needed to make a record of it. */
export type Observed =
  | { readonly kind: 'file'; readonly stamp: Stamp; readonly content: Content }
  | { readonly kind: 'directory'; readonly stamp: Stamp }
  | { readonly kind: 'symlink'; readonly stamp: Stamp; readonly target: string }
  | { readonly kind: 'absent' }

/** What the index says of the path: the record, and the stamp that the disk had when the record was made or applied. */
export interface Known {
  readonly record: Record
  readonly stamp: Stamp | undefined
}

/** Whether the file system keeps modes; where it does not, a mode that was received is carried on as it is. */
export interface ObserveOptions {
  readonly hasModes: boolean
}

/**
 * The payload that a record of what was observed should have: undefined where the one that is known still says it all.
 *
 * A time or mode counts as changed only against what the disk showed when the record was made, never against the
 * record: a file system that can't hold a time to the nanosecond must not make versions by itself.
 */
export function payloadOfObserved(
  observed: Observed,
  known: Known | undefined,
  options: ObserveOptions
): Payload | undefined {
  const before = known === undefined ? undefined : payloadOf(known.record)
  const payload = observedPayload(observed, before, known?.stamp, options)
  if (before === undefined) return payload.kind === 'deleted' ? undefined : payload
  return samePayload(before, payload) ? undefined : payload
}

function observedPayload(
  observed: Observed,
  before: Payload | undefined,
  stamp: Stamp | undefined,
  options: ObserveOptions
): Payload {
  switch (observed.kind) {
    case 'absent':
      return { kind: 'deleted' }
    case 'symlink':
      return { kind: 'symlink', target: observed.target, mtimeNs: mtimeOf(observed.stamp, before, stamp) }
    case 'directory':
      return { kind: 'directory', mode: modeOf(observed.stamp, before, stamp, options) }
    case 'file':
      return {
        kind: 'file',
        size: observed.stamp.size,
        mtimeNs: mtimeOf(observed.stamp, before, stamp),
        mode: modeOf(observed.stamp, before, stamp, options),
        content: observed.content
      }
  }
}

/** What a record can say: times from 1677 to 2262. One beyond is carried as the nearest of them. */
const MTIME_MAX_NS = 2n ** 63n - 1n
const MTIME_MIN_NS = -(2n ** 63n)

function within(mtimeNs: bigint): bigint {
  if (mtimeNs > MTIME_MAX_NS) return MTIME_MAX_NS
  return mtimeNs < MTIME_MIN_NS ? MTIME_MIN_NS : mtimeNs
}

function mtimeOf(now: Stamp, before: Payload | undefined, stamp: Stamp | undefined): bigint {
  const untouched = stamp !== undefined && stamp.kind === now.kind && stamp.mtimeNs === now.mtimeNs
  return untouched && before !== undefined && 'mtimeNs' in before ? before.mtimeNs : within(now.mtimeNs)
}

function modeOf(now: Stamp, before: Payload | undefined, stamp: Stamp | undefined, options: ObserveOptions): number {
  if (before === undefined || !('mode' in before))
    return options.hasModes ? now.mode : now.kind === 'directory' ? 0o755 : 0o644
  const untouched = stamp !== undefined && stamp.kind === now.kind && stamp.mode === now.mode
  return untouched || !options.hasModes ? before.mode : now.mode
}
