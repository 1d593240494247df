import type {
  AskedDocument,
  ConflictDocument,
  ConflictsDocument,
  DifferenceDocument,
  DifferencesDocument,
  DroppedDocument,
  GotDocument,
  IgnoreCheckDocument,
  IgnorePreviewDocument,
  ItemDocument,
  ItemsDocument,
  PastItemDocument,
  PastItemsDocument,
  RestoredDocument,
  RevisionDocument,
  RevisionsDocument,
  SnapshotDocument,
  SnapshotsDocument,
  TidiedDocument
} from '../../document.js'
import type { RelativePath } from '../../../core/model/path.js'
import { always, count, either, flag, list, object, optional, reference, schemaNumber as schema } from './shape.js'
import { shared, text, time, word, type Schema } from './shape.js'

const kind: Schema<'file' | 'directory' | 'symlink'> = word('file', 'directory', 'symlink')
const path = text<RelativePath>()
const failure = object<{ readonly path: RelativePath; readonly message: string }>({ path, message: text() })

export const item = shared<ItemDocument>(
  'Item',
  object({
    name: text(),
    kind,
    size: count,
    mtime: optional(time),
    state: word('synced', 'pending', 'problem', 'conflict', 'dropped'),
    reason: optional(text()),
    target: optional(text())
  })
)

export const items = object<ItemsDocument>({
  schema,
  path: text(),
  entries: list(reference(item)),
  next: optional(text('Where there are more: ask for those behind this name.'))
})

const conflict = object<ConflictDocument>({
  path: text(),
  copy: text(),
  original: optional(reference(item)),
  other: reference(item)
})

export const conflicts = object<ConflictsDocument>({ schema, conflicts: list(conflict) })

export const ignoreText = object<{ readonly schema: 1; readonly text: string }>({ schema, text: text() })

export const ignorePreview = object<IgnorePreviewDocument>({
  schema,
  count,
  sample: list(text()),
  problems: list(text())
})

export const ignoreCheck = object<IgnoreCheckDocument>({
  schema,
  path: text(),
  ignored: flag,
  pattern: optional(text())
})

export interface Directories {
  readonly schema: 1
  readonly path: string
  readonly parent?: string
  readonly entries: readonly { readonly name: string; readonly path: string; readonly folder?: true }[]
}

export const directories = object<Directories>({
  schema,
  path: text(),
  parent: optional(text()),
  entries: list(object({ name: text(), path: text(), folder: optional(always(true)) }))
})

const revision = object<RevisionDocument>({
  id: text(),
  path,
  kind: word('file', 'symlink', 'unknown'),
  size: count,
  at: time,
  mtime: time,
  pinned: flag,
  device: optional(text())
})

export const revisions = object<RevisionsDocument>({ schema, revisions: list(revision) })

const snapshotFields = {
  id: text(),
  at: time,
  device: text(),
  kind: word('automatic', 'manual'),
  pinned: flag,
  root: text()
}

export const snapshot = shared<SnapshotDocument>('Snapshot', object(snapshotFields))

export const madeSnapshot = object<SnapshotDocument & { readonly schema: 1 }>({ schema, ...snapshotFields })

export const snapshots = object<SnapshotsDocument>({ schema, snapshots: list(reference(snapshot)) })

const pastItem = shared<PastItemDocument>(
  'PastItem',
  object({ name: text(), kind, size: count, mtime: optional(time), target: optional(text()) })
)

export const pastItems = object<PastItemsDocument>({
  schema,
  snapshot: reference(snapshot),
  path: text(),
  entries: list(reference(pastItem)),
  next: optional(text())
})

const difference = object<DifferenceDocument>({
  path: text(),
  change: word('added', 'removed', 'changed'),
  before: optional(reference(pastItem)),
  after: optional(reference(pastItem))
})

export const differences = object<DifferencesDocument>({
  schema,
  from: reference(snapshot),
  to: optional(reference(snapshot)),
  differences: list(difference)
})

export const restored = object<RestoredDocument>({
  schema,
  dryRun: flag,
  restored: count,
  bytes: count,
  unchanged: count,
  sample: list(path),
  failedCount: count,
  failed: list(failure),
  snapshot: optional(reference(snapshot))
})

export const tidied = object<TidiedDocument>({
  schema,
  revisions: count,
  snapshots: count,
  bytes: count,
  bytesMax: count,
  heldBytes: count,
  thinned: count,
  evicted: count,
  damaged: list(text())
})

export const dropped = object<DroppedDocument>({
  schema,
  dryRun: flag,
  dropped: count,
  bytes: count,
  unchanged: count,
  sample: list(path),
  keptCount: count,
  kept: list(failure)
})

export const got = either<GotDocument | AskedDocument>(
  object<GotDocument>({
    schema,
    fetched: count,
    bytes: count,
    unchanged: count,
    failedCount: count,
    failed: list(failure)
  }),
  object<AskedDocument>({ schema, asked: always(true) })
)

/** Those of these that the description has under their names. */
export const SHARED_ITEMS = [item, snapshot, pastItem]
