import { isAbsolute } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { BackerError, isBackerError } from '../../core/error.js'
import { parsePath, type RelativePath } from '../../core/model/path.js'
import type { History } from '../../folder/history.js'
import type { RestorePlan } from '../../folder/past.js'
import {
  SCHEMA,
  revisionDocument,
  snapshotDocument,
  type RestoredDocument,
  type RevisionsDocument,
  type TidiedDocument
} from '../document.js'
import type { Host } from '../host.js'
import { restored, revisions, tidied } from './answers/items.js'
import { answers, DONE } from './answers/shape.js'
import { parseMoment } from '../moment.js'

const PATHS_MAX = 1000
const path = { type: 'string', minLength: 1, maxLength: 8192 } as const
const anyPath = { type: 'string', maxLength: 8192 } as const
const id = { type: 'string', minLength: 1, maxLength: 64 } as const
const revisionsQuery = {
  type: 'object',
  required: ['path'],
  additionalProperties: false,
  properties: { path }
} as const
const pinBody = {
  type: 'object',
  required: ['path', 'revision', 'pinned'],
  additionalProperties: false,
  properties: { path, revision: id, pinned: { type: 'boolean' } }
} as const
const restoreBody = {
  type: 'object',
  required: ['paths'],
  additionalProperties: false,
  properties: {
    paths: { type: 'array', minItems: 1, maxItems: PATHS_MAX, items: anyPath },
    revision: id,
    at: id,
    to: path,
    dryRun: { type: 'boolean', default: false }
  }
} as const

interface Params {
  readonly id: string
}

interface PinBody {
  readonly path: string
  /** The id of a revision. */
  readonly revision: string
  readonly pinned: boolean
}

interface RestoreBody {
  /** Empty: the whole folder. */
  readonly paths: readonly string[]
  /** The id of a revision. */
  readonly revision?: string
  /** A point in time: see `parseMoment`. */
  readonly at?: string
  /** An absolute path: restored there, and not into the folder. */
  readonly to?: string
  readonly dryRun: boolean
}

/** The routes by which people look at what is kept, and have it back. */
export function addHistoryRoutes(app: FastifyInstance, host: Host): void {
  app.get<{ Params: Params; Querystring: { path: string } }>(
    '/v1/folders/:id/revisions',
    {
      schema: {
        summary: 'Kept versions of an item, or of those in a directory.',
        querystring: revisionsQuery,
        response: answers(revisions)
      }
    },
    async ({ params, query }): Promise<RevisionsDocument> => {
      const found = await host.folder(params.id).backer.history.revisions(parsePath(query.path))
      return { schema: SCHEMA, revisions: found.map(revisionDocument) }
    }
  )
  app.post<{ Params: Params; Body: PinBody }>(
    '/v1/folders/:id/revisions/pin',
    {
      schema: {
        summary: 'Has a kept version stay whatever the rule says, or not any more.',
        body: pinBody,
        response: DONE
      }
    },
    async ({ params, body }, reply) => {
      const { history } = host.folder(params.id).backer
      await history.pinRevision(parsePath(body.path), body.revision, body.pinned)
      return reply.status(204).send()
    }
  )
  app.post<{ Params: Params; Body: RestoreBody }>(
    '/v1/folders/:id/restore',
    {
      schema: {
        summary: 'Brings back kept versions, or what stood in the folder at a time.',
        body: restoreBody,
        response: answers(restored)
      }
    },
    ({ params, body }) => restore(host, params.id, body)
  )
  app.post<{ Params: Params }>(
    '/v1/folders/:id/revisions/tidy',
    {
      schema: { summary: 'Lets go of kept versions and snapshots that are too many, now.', response: answers(tidied) }
    },
    async ({ params }): Promise<TidiedDocument> => ({
      schema: SCHEMA,
      ...(await host.folder(params.id).backer.history.tidy())
    })
  )
}

async function restore(host: Host, folder: string, body: RestoreBody): Promise<RestoredDocument> {
  const { backer } = host.folder(folder)
  const { to, dryRun } = body
  if (to !== undefined && !isAbsolute(to)) throw new BackerError('USAGE', `${to} is no absolute path`, { path: to })
  const plan = await planFor(backer.history, body, host.runtime.clock.now())
  const report = dryRun
    ? await backer.history.preview(plan, to !== undefined)
    : await (to === undefined ? backer.history.restore(plan) : backer.restoreTo(to, plan))
  const { state } = plan
  return { schema: SCHEMA, dryRun, ...report, ...(state === undefined ? {} : { snapshot: snapshotDocument(state) }) }
}

/** Throws USAGE, BAD_PATH and NO_VERSION. */
async function planFor(history: History, body: RestoreBody, nowMs: number): Promise<RestorePlan> {
  const paths = body.paths.map(pathOrRoot)
  const { revision } = body
  const moment = body.at === undefined ? undefined : parseMoment(body.at, nowMs)
  if (moment === undefined || revision !== undefined) return revisionPlan(history, paths, { id: revision })
  try {
    return await history.planAt(await history.stateAt(moment), paths)
  } catch (error) {
    // Without a snapshot of that time, what was replaced since tells how an item was.
    if (moment.kind === 'id' || !isBackerError(error, 'NO_VERSION') || paths.includes(undefined)) throw error
    return await revisionPlan(history, paths, { atMs: moment.atMs }).catch(() => {
      throw error
    })
  }
}

async function revisionPlan(
  history: History,
  paths: readonly (RelativePath | undefined)[],
  wanted: { readonly id?: string | undefined; readonly atMs?: number }
): Promise<RestorePlan> {
  const items = []
  for (const one of paths) {
    if (one === undefined)
      throw new BackerError('USAGE', 'the whole folder is restored as it was at a time', { hint: 'Add --at TIME.' })
    items.push(await history.itemOf(one, wanted))
  }
  return history.planOf(items)
}

/** undefined: the folder itself. Throws BAD_PATH. */
export function pathOrRoot(text: string): RelativePath | undefined {
  return text === '' || text === '.' ? undefined : parsePath(text)
}
