import { payloadOf, type FilePayload } from '../core/model/record.js'
import type { Stamp } from '../core/model/stamp.js'
import type { Entry } from '../store/store.js'

/** An entry of a file that this device has dropped: it is a part of the folder, and only others have it. */
export type DroppedEntry = Entry & { readonly lack: { readonly kind: 'dropped' } }

export function isDropped(entry: Entry | undefined): entry is DroppedEntry {
  return entry?.lack?.kind === 'dropped'
}

/** True for one that was about to be dropped when something went wrong. */
export function isHalfDropped(entry: Entry | undefined): entry is DroppedEntry & { readonly stamp: Stamp } {
  return isDropped(entry) && entry.stamp !== undefined
}

/** The file that stands at a path of this disk, as it should be; undefined where something else does, or nothing. */
export function standingFile(
  entry: Entry | undefined
): { readonly stamp: Stamp; readonly payload: FilePayload } | undefined {
  if (entry?.stamp === undefined || entry.lack !== undefined) return undefined
  const payload = payloadOf(entry.record)
  return payload.kind === 'file' ? { stamp: entry.stamp, payload } : undefined
}
