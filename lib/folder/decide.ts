import { isWrittenBy } from '../core/engine/conflict.js'
import { mergeRecords } from '../core/engine/merge.js'
import { reconcile, reconcileAsReader, type Outcome } from '../core/engine/reconcile.js'
import type { RelativePath } from '../core/model/path.js'
import { hasRoom, type Record, type Version } from '../core/model/record.js'
import type { Entry } from '../store/store.js'
import type { FolderContext } from './context.js'
import { isDropped } from './dropped.js'
import { isHeld, restoration } from './held-losses.js'

/**
 * What one path of this device needs, given what a peer has there: by their records, and by what this device does in the folder. Where both together are more than a
 * record can hold it stays as it is, which is told as a problem.
 */
export function decideAt(context: FolderContext, path: RelativePath, remote: Record): Outcome {
  const outcome = decideByRole(context, path, remote)
  const { problems } = context
  if (outcome.kind !== 'current' && !hasRoom(outcome.record)) {
    problems.set({ path, code: TOO_MANY, message: tooMany(path) })
    return { kind: 'current' }
  }
  if (outcome.kind !== 'current' && problems.get(path)?.code === TOO_MANY) problems.clear(path)
  return outcome
}

const TOO_MANY = 'too-many-versions'

function tooMany(path: RelativePath): string {
  return `there are too many versions of ${path} that nobody has replaced: it stays here as it is. On the device that has them, rename or delete it, and put it there again`
}

function decideByRole(context: FolderContext, path: RelativePath, remote: Record): Outcome {
  const { store, role, losses } = context
  const entry = store.get(path)
  const outcome = decideAsMirror(context, path, entry, remote)
  if (role === 'send-only') return isHeld(entry) && losses.isRestoring(path) ? outcome : { kind: 'current' }
  // What was dropped stays so, whatever others write there, as long as it is a file.
  if (outcome.kind === 'apply' && outcome.payload.kind === 'file' && isDropped(entry))
    return { kind: 'adopt', record: outcome.record }
  // What others delete stays: the index knows that it is no part of the folder any more, and how it looks.
  const isKept = outcome.kind === 'apply' && outcome.payload.kind === 'deleted' && entry?.stamp !== undefined
  return role === 'append-only' && isKept ? { kind: 'adopt', record: outcome.record } : outcome
}

function decideAsMirror(
  { store, access, losses }: FolderContext,
  path: RelativePath,
  entry: Entry | undefined,
  remote: Record
): Outcome {
  const local = entry?.record
  if (isHeld(entry) && losses.isRestoring(path))
    return restoration(access === 'write' ? mergeRecords(entry.record, remote) : remote)
  if (access === 'write') return reconcile(local, remote)
  return reconcileAsReader(local, remote, (version: Version) => isWrittenBy(version, store.replica))
}
