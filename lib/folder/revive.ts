import { mergeRecords, makeRecord } from '../core/engine/merge.js'
import { deservesCopy } from '../core/engine/conflict.js'
import type { RelativePath } from '../core/model/path.js'
import { payloadOf, winnerOf, type Payload, type Record } from '../core/model/record.js'
import { nextDot, seeDot } from '../core/model/version.js'
import { writeAt, type FolderContext } from './context.js'
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
  const loser = base === undefined ? undefined : winnerOf(base)
  if (base === undefined || loser === undefined || !deservesCopy(loser.payload, payload)) {
    return { kind: 'apply', record: writeAt(context, directory, base, payload), payload, keep: undefined }
  }
  const dot = nextDot(base.context, context.store.replica)
  const record = makeRecord(seeDot(base.context, dot), [{ dots: [dot], payload }, ...base.versions])
  const onDisk = local === undefined ? undefined : winnerOf(local)
  return {
    kind: 'apply',
    record,
    payload,
    keep: onDisk !== undefined && deservesCopy(onDisk.payload, payload) ? onDisk : undefined
  }
}

function modeOf(record: Record | undefined): number | undefined {
  const payload = record === undefined ? undefined : payloadOf(record)
  return payload?.kind === 'directory' ? payload.mode : undefined
}
