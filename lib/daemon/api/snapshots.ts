import type { FastifyInstance } from 'fastify'
import { BackerError } from '../../core/error.js'
import { joinPath } from '../../core/model/path.js'
import type { History } from '../../folder/history.js'
import type { PastState } from '../../folder/past.js'
import {
  SCHEMA,
  differenceDocument,
  pastItemDocument,
  snapshotDocument,
  type DifferencesDocument,
  type PastItemsDocument,
  type SnapshotsDocument,
  type SnapshotDocument
} from '../document.js'
import type { Host } from '../host.js'
import { differences, madeSnapshot, pastItems, snapshots } from './answers/items.js'
import { answers, DONE } from './answers/shape.js'
import { parseMoment } from '../moment.js'
import { pathOrRoot } from './history.js'

const ITEMS_MAX = 2000
const text = { type: 'string', minLength: 1, maxLength: 64 } as const
const path = { type: 'string', maxLength: 8192 } as const
const createBody = {
  type: 'object',
  additionalProperties: false,
  properties: { pinned: { type: 'boolean', default: false } }
} as const
const pinBody = {
  type: 'object',
  required: ['pinned'],
  additionalProperties: false,
  properties: { pinned: { type: 'boolean' } }
} as const
const itemsQuery = {
  type: 'object',
  required: ['at'],
  additionalProperties: false,
  properties: {
    at: text,
    path,
    after: path,
    limit: { type: 'integer', minimum: 1, maximum: ITEMS_MAX, default: ITEMS_MAX }
  }
} as const
const diffQuery = {
  type: 'object',
  required: ['from'],
  additionalProperties: false,
  properties: { from: text, to: text }
} as const

interface Params {
  readonly id: string
}

interface SnapshotParams extends Params {
  readonly snapshot: string
}

interface ItemsQuery {
  /** See `parseMoment`. */
  readonly at: string
  /** Empty: the root. */
  readonly path?: string
  /** A name. */
  readonly after?: string
  readonly limit: number
}

/** The routes about kept states of a folder. */
export function addSnapshotRoutes(app: FastifyInstance, host: Host): void {
  const historyOf = ({ id }: Params): History => host.folder(id).backer.history

  app.get<{ Params: Params }>(
    '/v1/folders/:id/snapshots',
    {
      schema: { summary: 'The kept states of a folder on this device, the latest first.', response: answers(snapshots) }
    },
    async ({ params }): Promise<SnapshotsDocument> => ({
      schema: SCHEMA,
      snapshots: (await historyOf(params).snapshots()).map(snapshotDocument)
    })
  )
  app.post<{ Params: Params; Body: { pinned: boolean } }>(
    '/v1/folders/:id/snapshots',
    { schema: { summary: 'Keeps the folder as it is now.', body: createBody, response: answers(madeSnapshot) } },
    async ({ params, body }): Promise<SnapshotDocument & { schema: typeof SCHEMA }> => {
      const state = await historyOf(params).createSnapshot({ isPinned: body.pinned })
      return { schema: SCHEMA, ...snapshotDocument(state) }
    }
  )
  app.patch<{ Params: SnapshotParams; Body: { pinned: boolean } }>(
    '/v1/folders/:id/snapshots/:snapshot',
    {
      schema: {
        summary: 'Has a snapshot stay whatever the rule says, or not any more.',
        body: pinBody,
        response: DONE
      }
    },
    async ({ params, body }, reply) => {
      await historyOf(params).pinSnapshot(params.snapshot, body.pinned)
      return reply.status(204).send()
    }
  )
  app.delete<{ Params: SnapshotParams }>(
    '/v1/folders/:id/snapshots/:snapshot',
    { schema: { summary: 'Removes a snapshot of this device.', response: DONE } },
    async ({ params }, reply) => {
      await historyOf(params).removeSnapshot(params.snapshot)
      return reply.status(204).send()
    }
  )
  addPastTreeRoutes(app, host, historyOf)
}

/** What stood in the folder then, and where that differs. */
function addPastTreeRoutes(app: FastifyInstance, host: Host, historyOf: (params: Params) => History): void {
  const stateAt = (params: Params, at: string): Promise<PastState> =>
    historyOf(params).stateAt(parseMoment(at, host.runtime.clock.now()))

  app.get<{ Params: Params; Querystring: ItemsQuery }>(
    '/v1/folders/:id/snapshots/files',
    {
      schema: {
        summary: 'What stood in one directory at a time, page by page.',
        querystring: itemsQuery,
        response: answers(pastItems)
      }
    },
    async ({ params, query }): Promise<PastItemsDocument> =>
      itemsAt(historyOf(params), await stateAt(params, query.at), query)
  )
  app.get<{ Params: Params; Querystring: { from: string; to?: string } }>(
    '/v1/folders/:id/snapshots/diff',
    {
      schema: {
        summary: 'Where two states of the folder differ; without the second: from how it is now.',
        querystring: diffQuery,
        response: answers(differences)
      }
    },
    async ({ params, query }): Promise<DifferencesDocument> => {
      const from = await stateAt(params, query.from)
      const to = query.to === undefined || query.to === 'now' ? undefined : await stateAt(params, query.to)
      const found = await historyOf(params).diff(from, to)
      return {
        schema: SCHEMA,
        from: snapshotDocument(from),
        ...(to === undefined ? {} : { to: snapshotDocument(to) }),
        differences: found.map(differenceDocument)
      }
    }
  )
}

/** Throws NO_PATH where nothing stood there; a file stands for itself. */
async function itemsAt(history: History, state: PastState, query: ItemsQuery): Promise<PastItemsDocument> {
  const directory = pathOrRoot(query.path ?? '')
  const top = directory === undefined ? undefined : await history.itemAt(state, directory)
  if (directory !== undefined && top === undefined)
    throw new BackerError('NO_PATH', `there was no ${directory} in snapshot ${state.id}`, { path: directory })
  const common = { schema: SCHEMA as typeof SCHEMA, snapshot: snapshotDocument(state), path: directory ?? '' }
  if (top !== undefined && top.kind !== 'directory') return { ...common, entries: [pastItemDocument(top)] }
  const after = query.after === undefined ? undefined : joinPath(directory, query.after)
  const { items, next } = await history.listAt(state, directory, { after, limit: query.limit })
  return { ...common, entries: items.map(pastItemDocument), ...(next === undefined ? {} : { next: nameIn(next) }) }
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
