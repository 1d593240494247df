import { ROLES } from '../../../core/model/role.js'
import type { CopiesStatus, HeldDeletes, Lacking, Problem, Progress } from '../../../folder/status.js'
import type {
  AddedDocument,
  DecidedDocument,
  DeletesDocument,
  DeviceDocument,
  DriftDocument,
  FolderDocument,
  LogDocument,
  LogEntryDocument,
  PeerDocument,
  StatusDocument,
  VerifiedDocument,
  VerifyDocument,
  VerifyingDocument,
  WaitDocument
} from '../../document.js'
import type { Notice } from '../../notices.js'
import type { ProblemDocument } from '../errors.js'
import { always, count, flag, list, number, object, optional, reference, schemaNumber as schema } from './shape.js'
import { shared, text, time, word, type Schema } from './shape.js'

const rates = object<{ readonly up: number; readonly down: number }>({ up: number, down: number }, 'Bytes per second.')
const peerRole: Schema<'writer' | 'reader'> = word('writer', 'reader')
const access: Schema<'write' | 'read'> = word('write', 'read')

/** What every refused request says. */
export const problem = shared<ProblemDocument>(
  'Problem',
  object({
    schema,
    name: text("The error's code: see docs/errors.md."),
    message: text(),
    hint: optional(text()),
    path: optional(text()),
    peer: optional(text()),
    type: text(),
    title: text(),
    status: count,
    detail: text()
  })
)

const peerFields = {
  device: text(),
  name: text(),
  role: peerRole,
  replica: text(),
  route: word('lan', 'direct', 'relay', 'stream'),
  inSync: flag,
  connectedAt: time,
  transport: word('tcp', 'udx', 'pipe'),
  address: optional(text()),
  roundTripMs: optional(number),
  bytesReceived: count,
  bytesSent: count,
  rates: optional(rates)
}

export const peer = shared<PeerDocument>('Peer', object(peerFields))

const device = object<DeviceDocument>({
  device: text(),
  name: text(),
  role: peerRole,
  connected: flag,
  firstSeen: time,
  lastSeen: time,
  heldSame: optional(flag),
  alarm: optional(flag)
})

/** Why an item is not in sync. */
export const itemProblem = object<Problem>({
  path: optional(text()),
  peer: optional(text()),
  code: text(),
  message: text()
})

const held = {
  local: count,
  remote: count,
  restoring: count,
  sample: list(text())
}

export const progressFields = {
  filesDone: count,
  filesTotal: count,
  bytesDone: count,
  bytesTotal: count,
  bytesPerSecond: number,
  etaMs: optional(number)
}

const copies = object<CopiesStatus>({
  devices: count,
  counts: list(count),
  fewest: optional(count),
  onlyHere: object({ files: count, bytes: count, sample: list(text()) }),
  dropped: object({ files: count, bytes: count }),
  current: flag
})

const lack = object<Lacking>({
  device: text(),
  files: count,
  bytes: count,
  items: list(object<Lacking['items'][number]>({ path: text(), code: text(), message: text() }))
})

const verifying = {
  everyDays: number,
  bytesPerSecond: number,
  isPaused: flag,
  running: flag,
  files: count,
  bytes: count,
  found: count,
  damaged: count,
  sample: list(text()),
  lastEnded: optional(time)
}

export const folder = shared<FolderDocument>(
  'Folder',
  object({
    id: text(),
    name: text(),
    path: text(),
    access,
    role: optional(word(...ROLES)),
    state: word('starting', 'scanning', 'syncing', 'in-sync', 'ahead', 'held', 'alone', 'stopped'),
    error: optional(object({ code: text(), message: text(), hint: optional(text()) })),
    files: count,
    bytes: count,
    records: count,
    root: text(),
    scanned: flag,
    idle: flag,
    paused: optional(flag),
    keepLocal: optional(flag),
    rates: optional(rates),
    progress: object<Progress>(progressFields),
    copies: optional(copies),
    lacking: optional(list(lack)),
    heldDeletes: optional(object<HeldDeletes>(held)),
    drift: optional(
      object<{ readonly count: number; readonly sample: readonly string[] }>({ count, sample: list(text()) })
    ),
    problems: list(itemProblem),
    problemCount: count,
    verify: optional(object<VerifyingDocument>(verifying)),
    devices: optional(list(device)),
    peers: list(reference(peer))
  })
)

const notice = object<Notice>({
  code: word('MALFORMED', 'CLONED', 'PAGE'),
  message: text(),
  hint: text(),
  path: text()
})

export const status = object<StatusDocument>({
  schema,
  version: text(),
  pid: count,
  device: text(),
  startedAt: time,
  page: optional(text('Only on the socket: the address of the page, with what unlocks it. A secret.')),
  remotePage: optional(
    object<NonNullable<StatusDocument['remotePage']>>(
      { addresses: list(text()), fingerprint: text() },
      'The page for other machines.'
    )
  ),
  notices: optional(list(notice)),
  folders: list(reference(folder))
})

export const added = object<AddedDocument>({
  schema,
  id: text(),
  path: text(),
  name: text(),
  access,
  key: text('A secret.')
})

export const key = object<{ readonly schema: 1; readonly key: string }>({ schema, key: text('A secret.') })

export const keys = object<{
  readonly schema: 1
  readonly keys: readonly { readonly kind: 'write' | 'read'; readonly key: string }[]
}>({ schema, keys: list(object({ kind: access, key: text('A secret.') })) })

export const peers = object<{
  readonly schema: 1
  readonly peers: readonly (PeerDocument & { readonly folder: string })[]
}>({ schema, peers: list(object({ folder: text(), ...peerFields })) })

export const wait = object<WaitDocument>({ schema, done: flag, folder: reference(folder) })

const logEntry = object<LogEntryDocument>({
  time,
  path: text(),
  action: word('created', 'changed', 'moved', 'deleted', 'metadata', 'conflict'),
  kind: word('file', 'directory', 'symlink', 'deleted'),
  origin: word('local', 'remote'),
  from: optional(text()),
  copy: optional(text()),
  replica: optional(text()),
  size: optional(count),
  mtime: optional(time),
  route: optional(text()),
  device: optional(text()),
  deviceName: optional(text()),
  via: optional(text()),
  viaName: optional(text())
})

export const log = object<LogDocument>({ schema, entries: list(logEntry) })

export const deletes = object<DeletesDocument>({ schema, ...held })

export const decided = object<DecidedDocument>({ schema, action: word('accept', 'reject'), count })

export const drift = object<DriftDocument>({
  schema,
  count,
  sample: list(text()),
  reverted: optional(count),
  failed: optional(list(object<{ readonly path: string; readonly message: string }>({ path: text(), message: text() })))
})

export const verify = object<VerifyDocument>({
  schema,
  ...verifying,
  putAside: object({
    count,
    files: list(
      object<VerifyDocument['putAside']['files'][number]>({ path: text(), storedAt: text(), size: count, at: time })
    )
  })
})

export const verified = object<VerifiedDocument>({
  schema,
  files: count,
  bytes: count,
  damaged: count,
  mended: count,
  unmended: count,
  edited: count,
  unreadable: count,
  sample: list(object({ path: text(), mended: flag, reason: optional(text()) })) as Schema<VerifiedDocument['sample']>,
  history: object({ files: count, bytes: count, damaged: count, mended: count }),
  isComplete: flag,
  from: optional(text()),
  next: optional(text())
})

/** Those of these that the description has under their names. */
export const SHARED_FOLDERS = [problem, peer, folder]

export const health = object<{ readonly ok: true }>({ ok: always(true) })
