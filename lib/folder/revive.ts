import { mergeRecords, makeRecord } from '../core/engine/merge.js'
import { deservesCopy } from '../core/engine/conflict.js'
import type { RelativePath } from '../core/model/path.js'
import { payloadOf, winnerOf, type Payload, type Record, type Version } from '../core/model/record.js'
import { dotsEqual, nextDot, seeDot } from '../core/model/version.js'
import { leastCounter, writeAt, type FolderContext } from './context.js'
import type { Apply } from './want.js'

const DIRECTORY_MODE = 0o755

/**
 * What makes `directory` a directory again, because something live lies in it that nobody who removed or replaced it had seen. It is a
 * write of this device: a file that has the name meanwhile loses it and is kept as a conflict copy.
 */
export function reviveDirectory(context: FolderContext, directory: RelativePath, remote: Record | undefined): Apply {
  const local = context.store.get(directory)?.record
  const base = local === undefined ? remote : remote === undefined ? local : mergeRecords(local, remote)
  const payload: Payload = { kind: 'directory', mode: modeOf(local) ?? DIRECTORY_MODE }
  const winner = base === undefined ? undefined : winnerOf(base)
  const keep = keptVersion(local, base)
  // It is one again already by somebody else's word, which this device has not carried out yet.
  if (base !== undefined && winner?.payload.kind === 'directory' && local !== base)
    return { kind: 'apply', record: base, payload: winner.payload, keep }
  if (base === undefined || winner === undefined || !deservesCopy(winner.payload, payload)) {
    return { kind: 'apply', record: writeAt(context, directory, base, payload), payload, keep: undefined }
  }
  const dot = nextDot(base.context, context.store.replica, leastCounter(context))
  const record = makeRecord(seeDot(base.context, dot), [{ dots: [dot], payload }, ...base.versions])
  return { kind: 'apply', record, payload, keep }
}

/** The file or symlink on this disk, where nobody has replaced it: it is kept beside the directory. */
function keptVersion(local: Record | undefined, base: Record | undefined): Version | undefined {
  const onDisk = local === undefined ? undefined : winnerOf(local)
  if (onDisk === undefined || (onDisk.payload.kind !== 'file' && onDisk.payload.kind !== 'symlink')) return undefined
  const isThere = base?.versions.some(({ dots }) => dots.some(dot => onDisk.dots.some(own => dotsEqual(own, dot))))
  return isThere === true ? onDisk : undefined
}

function modeOf(record: Record | undefined): number | undefined {
  const payload = record === undefined ? undefined : payloadOf(record)
  return payload?.kind === 'directory' ? payload.mode : undefined
}
