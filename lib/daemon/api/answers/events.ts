import type { DaemonEvent } from '../../document.js'
import { folder, peer, progressFields } from './folder.js'
import { always, count, either, object, optional, reference, shared, text, time, word, type Schema } from './shape.js'

type Kind = DaemonEvent['type']
type EventOf<K extends Kind> = Extract<DaemonEvent, { readonly type: K }>

/** When something happened, and in which folder (its id). */
const common = { time, folder: text() }

const change = object<Extract<EventOf<'item'>, { readonly origin: unknown }>>({
  ...common,
  type: always('item'),
  path: text(),
  action: word('created', 'changed', 'moved', 'deleted', 'metadata'),
  kind: word('file', 'directory', 'symlink', 'deleted'),
  origin: word('local', 'remote'),
  from: optional(text()),
  replica: optional(text()),
  via: optional(text()),
  size: optional(count),
  mtime: optional(time)
})
const conflict = object<Extract<EventOf<'item'>, { readonly action: 'conflict' }>>({
  ...common,
  type: always('item'),
  action: always('conflict'),
  path: text(),
  copy: text()
})
const kinds: { readonly [K in Kind]: Schema<DaemonEvent> } = {
  peer: object<EventOf<'peer'>>({
    ...common,
    type: always('peer'),
    event: word('connected', 'disconnected'),
    peer: reference(peer),
    reason: optional(text())
  }),
  progress: object<EventOf<'progress'>>({ ...common, type: always('progress'), ...progressFields }),
  item: either<EventOf<'item'>>(change, conflict),
  problem: object<EventOf<'problem'>>({
    ...common,
    type: always('problem'),
    path: optional(text()),
    peer: optional(text()),
    code: text(),
    message: text()
  }),
  insync: object<EventOf<'insync'>>({
    ...common,
    type: always('insync'),
    files: count,
    bytes: count,
    root: text(),
    peers: count
  }),
  verify: object<EventOf<'verify'>>({
    ...common,
    type: always('verify'),
    event: text(),
    path: optional(text()),
    reason: optional(text()),
    files: optional(count),
    bytes: optional(count),
    filesTotal: optional(count)
  }),
  folder: object<EventOf<'folder'>>({ ...common, type: always('folder'), document: reference(folder) }),
  removed: object<EventOf<'removed'>>({ ...common, type: always('removed') }),
  error: object<EventOf<'error'>>({
    ...common,
    type: always('error'),
    name: text(),
    message: text(),
    hint: optional(text())
  })
}

/** One line of the stream of events, or one server-sent event. */
export const event = shared<DaemonEvent>('Event', either(...Object.values(kinds)))
