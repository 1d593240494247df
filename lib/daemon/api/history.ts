import { isAbsolute } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { BackerError } from '../../core/error.js'
import { parsePath } from '../../core/model/path.js'
import {
  SCHEMA,
  revisionDocument,
  type RestoredDocument,
  type RevisionsDocument,
  type TidiedDocument
} from '../document.js'
import type { Host } from '../host.js'
import { restoreOut } from '../restore-out.js'

const PATHS_MAX = 1000
const SAMPLE = 20
const path = { type: 'string', minLength: 1, maxLength: 8192 } as const
const revisionsQuery = {
  type: 'object',
  required: ['path'],
  additionalProperties: false,
  properties: { path }
} as const
const restoreBody = {
  type: 'object',
  required: ['paths'],
  additionalProperties: false,
  properties: {
    paths: { type: 'array', minItems: 1, maxItems: PATHS_MAX, items: path },
    revision: { type: 'string', maxLength: 64 },
    at: { type: 'string', maxLength: 64 },
    to: path,
    dryRun: { type: 'boolean', default: false }
  }
} as const

interface Params {
  readonly id: string
}

interface RestoreBody {
  readonly paths: readonly string[]
  /** The id of a revision. */
  readonly revision?: string
  /** A point in time. */
  readonly at?: string
  /** An absolute path: restored there, and not into the folder. */
  readonly to?: string
  readonly dryRun: boolean
}

/** The routes by which people look at what is kept, and have it back. */
export function addHistoryRoutes(app: FastifyInstance, host: Host): void {
  app.get<{ Params: Params; Querystring: { path: string } }>(
    '/v1/folders/:id/revisions',
    { schema: { summary: 'Kept versions of an item, or of those in a directory.', querystring: revisionsQuery } },
    async ({ params, query }): Promise<RevisionsDocument> => {
      const found = await host.folder(params.id).backer.history.revisions(parsePath(query.path))
      return { schema: SCHEMA, revisions: found.map(revisionDocument) }
    }
  )
  app.post<{ Params: Params; Body: RestoreBody }>(
    '/v1/folders/:id/restore',
    { schema: { summary: 'Brings kept versions back.', body: restoreBody } },
    ({ params, body }) => restore(host, params.id, body)
  )
  app.post<{ Params: Params }>(
    '/v1/folders/:id/revisions/tidy',
    { schema: { summary: 'Lets go of kept versions that are too many, now.' } },
    async ({ params }): Promise<TidiedDocument> => ({
      schema: SCHEMA,
      ...(await host.folder(params.id).backer.history.tidy())
    })
  )
}

async function restore(host: Host, id: string, body: RestoreBody): Promise<RestoredDocument> {
  const { history } = host.folder(id).backer
  const { revision, to, dryRun } = body
  const atMs = body.at === undefined ? undefined : timeIn(body.at)
  if (to !== undefined && !isAbsolute(to)) throw new BackerError('USAGE', `${to} is no absolute path`, { path: to })
  const items = []
  for (const one of body.paths) items.push(await history.itemOf(parsePath(one), { id: revision, atMs }))
  const lacking = to === undefined ? history.lacking(items) : items
  const planned = { schema: SCHEMA, sample: lacking.slice(0, SAMPLE).map(item => item.path) } as const
  if (dryRun)
    return { ...planned, dryRun, restored: lacking.length, unchanged: items.length - lacking.length, failed: [] }
  const report =
    to === undefined ? await history.restore(items) : await restoreOut(to, items, payload => history.read(payload))
  return { ...planned, ...report, dryRun, restored: report.restored.length }
}

/** Throws USAGE where the text is no time. */
function timeIn(text: string): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new BackerError('USAGE', `"${text}" is no time`, { hint: 'Such as 2026-01-31T18:00.' })
  return ms
}
