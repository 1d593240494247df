import { conflictPath, conflictRecord } from '../core/engine/conflict.js'
import { mergeRecords } from '../core/engine/merge.js'
import type { RelativePath } from '../core/model/path.js'
import { isLive, type Record, type Version } from '../core/model/record.js'
import type { Store } from '../store/store.js'

/** Where a loser is to stand, and what the index says of it there. */
export interface ConflictCopy {
  readonly path: RelativePath
  readonly record: Record
}

/**
 * The conflict copy that a loser at `path` becomes. undefined where it becomes none, and goes to the revisions: somebody has seen its copy and removed it, or
 * the copy would have the name of the loser itself (a conflict copy gets none of its own there).
 */
export function copyOf(store: Pick<Store, 'get'>, path: RelativePath, loser: Version): ConflictCopy | undefined {
  const copy = conflictPath(path, loser.payload)
  if (copy === path) return undefined
  const known = store.get(copy)?.record
  const record = known === undefined ? conflictRecord(loser) : mergeRecords(known, conflictRecord(loser))
  return isLive(record) ? { path: copy, record } : undefined
}
