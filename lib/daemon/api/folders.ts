import type { FastifyInstance } from 'fastify'
import { ROLES, type Role } from '../../core/model/role.js'
import { SCHEMA, type LogDocument, type WaitDocument } from '../document.js'
import type { Host } from '../host.js'
import { BackerError } from '../../core/error.js'
import { parsePath } from '../../core/model/path.js'
import { parseMoment } from '../moment.js'
import { waitForSync } from '../wait.js'
import { added, folder as folderAnswer, key, keys, log, peers, status, wait } from './answers/folder.js'
import { answers, DONE, reference } from './answers/shape.js'

/** Longest time that one request waits: a client that waits longer asks again. */
export const WAIT_SECONDS_MAX = 60

const PATH_CHARACTERS_MAX = 4096
const PEERS_MAX = 32
const text = { type: 'string', minLength: 1, maxLength: PATH_CHARACTERS_MAX } as const

const addBody = {
  type: 'object',
  required: ['directory', 'createDirectory'],
  additionalProperties: false,
  properties: {
    directory: text,
    key: text,
    name: text,
    createDirectory: { type: 'boolean' },
    makeMarker: { type: 'boolean' },
    keepLocal: { type: 'boolean' },
    lan: { type: 'boolean' },
    role: { enum: ROLES },
    peers: { type: 'array', maxItems: PEERS_MAX, items: text }
  }
} as const

const waitQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    peers: { type: 'integer', minimum: 0, maximum: 10_000, default: 1 },
    copies: { type: 'integer', minimum: 0, maximum: 10_000, default: 0 },
    timeout: { type: 'number', minimum: 0, maximum: WAIT_SECONDS_MAX, default: WAIT_SECONDS_MAX },
    rescan: { type: 'boolean', default: false }
  }
} as const

const keyQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { kind: { enum: ['write', 'read', 'store'] } }
} as const

const NAME_CHARACTERS_MAX = 64
const changeBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: NAME_CHARACTERS_MAX },
    paused: { type: 'boolean' },
    keepLocal: { type: 'boolean' },
    role: { enum: ROLES }
  }
} as const

const LOG_ENTRIES_MAX = 10_000
const logQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    path: { type: 'string', maxLength: 8192 },
    since: { type: 'string', maxLength: 64 },
    limit: { type: 'integer', minimum: 1, maximum: LOG_ENTRIES_MAX, default: 100 }
  }
} as const

const FOLDER = answers(reference(folderAnswer))

interface AddBody {
  readonly directory: string
  readonly key?: string
  readonly name?: string
  readonly peers?: readonly string[]
  readonly lan?: boolean
  readonly createDirectory: boolean
  readonly makeMarker?: boolean
  readonly keepLocal?: boolean
  readonly role?: Role
}

interface FolderParams {
  readonly id: string
}

/** The routes about folders. `isPage`: what unlocks the page is not told there. */
export function addFolderRoutes(app: FastifyInstance, host: Host, { isPage }: { readonly isPage: boolean }): void {
  app.get(
    '/v1/status',
    { schema: { summary: 'The process, and all its folders.', response: answers(status) } },
    async () => {
      const { page, ...rest } = host.status()
      return { ...rest, ...(isPage ? {} : { page }), notices: await host.notices() }
    }
  )

  app.get<{ Params: FolderParams }>(
    '/v1/folders/:id',
    { schema: { summary: 'One folder.', response: FOLDER } },
    ({ params }) => host.document(params.id)
  )

  app.post<{ Body: AddBody }>(
    '/v1/folders',
    {
      schema: {
        summary: 'Runs one more folder: shares a directory, or joins with a key.',
        body: addBody,
        response: answers(added)
      }
    },
    async ({ body }) => {
      const folder = await host.add(body)
      return folder.added()
    }
  )

  app.patch<{ Params: FolderParams; Body: { name?: string; paused?: boolean; keepLocal?: boolean; role?: Role } }>(
    '/v1/folders/:id',
    { schema: { summary: 'Changes its name, pauses it, and the like.', body: changeBody, response: FOLDER } },
    async ({ params, body }) => {
      if (body.name !== undefined) await host.rename(params.id, body.name)
      if (body.keepLocal !== undefined) await host.setKeepLocal(params.id, body.keepLocal)
      if (body.role !== undefined) await host.setRole(params.id, body.role)
      if (body.paused !== undefined) await host.setPaused(params.id, body.paused)
      return host.document(params.id)
    }
  )

  app.delete<{ Params: FolderParams }>(
    '/v1/folders/:id',
    { schema: { summary: 'Ends the folder on this device; its files stay.', response: DONE } },
    async ({ params }, reply) => {
      await host.leave(params.id)
      return reply.status(204).send()
    }
  )

  app.get('/v1/peers', { schema: { summary: 'All connected devices.', response: answers(peers) } }, () => ({
    schema: SCHEMA,
    peers: host.folders.flatMap(folder => folder.document().peers.map(peer => ({ folder: folder.id, ...peer })))
  }))

  addKeyRoutes(app, host)
  addWaitRoute(app, host)
  addMemoryRoutes(app, host)
}

function addKeyRoutes(app: FastifyInstance, host: Host): void {
  app.get<{ Params: FolderParams; Querystring: { kind?: 'write' | 'read' | 'store' } }>(
    '/v1/folders/:id/key',
    { schema: { summary: 'A key of the folder.', querystring: keyQuery, response: answers(key) } },
    ({ params, query }) => {
      const { backer } = host.folder(params.id)
      return { schema: SCHEMA, key: query.kind === undefined ? backer.key : backer.keyText(query.kind) }
    }
  )

  app.get<{ Params: FolderParams }>(
    '/v1/folders/:id/keys',
    { schema: { summary: 'All keys that this device can give.', response: answers(keys) } },
    ({ params }) => {
      const { backer } = host.folder(params.id)
      const kinds = backer.status().access === 'write' ? (['write', 'read'] as const) : (['read'] as const)
      return { schema: SCHEMA, keys: kinds.map(kind => ({ kind, key: backer.keyText(kind) })) }
    }
  )
}

/** The time that a text means, in milliseconds since 1970. Throws USAGE. */
function sinceIn(text: string, nowMs: number): number {
  const moment = parseMoment(text, nowMs)
  if (moment.kind === 'time') return moment.atMs
  throw new BackerError('USAGE', `"${text}" is no time`)
}

/** What happened in a folder, and which devices are expected in it. */
function addMemoryRoutes(app: FastifyInstance, host: Host): void {
  app.get<{ Params: FolderParams; Querystring: { path?: string; since?: string; limit: number } }>(
    '/v1/folders/:id/log',
    {
      schema: { summary: 'What happened in a folder, the latest first.', querystring: logQuery, response: answers(log) }
    },
    async ({ params, query }): Promise<LogDocument> => {
      host.document(params.id)
      const path = query.path === undefined || query.path === '' ? undefined : parsePath(query.path)
      const sinceMs = query.since === undefined ? undefined : sinceIn(query.since, host.runtime.clock.now())
      const entries = await host.memory.history(params.id, { path, sinceMs, limit: query.limit })
      return { schema: SCHEMA, entries }
    }
  )
  app.delete<{ Params: FolderParams & { readonly device: string } }>(
    '/v1/folders/:id/devices/:device',
    { schema: { summary: 'A device is not expected any more: no alarm is raised for it.', response: DONE } },
    async ({ params }, reply) => {
      host.document(params.id)
      const wasKnown = host.memory.forgetDevice(params.id, params.device)
      await host.folders.find(({ id, isPaused }) => id === params.id && !isPaused)?.backer.forgetDevice(params.device)
      if (!wasKnown) throw new BackerError('NO_PEER', `the folder knows no device ${params.device}`)
      return reply.status(204).send()
    }
  )
}

function addWaitRoute(app: FastifyInstance, host: Host): void {
  app.get<{ Params: FolderParams; Querystring: { peers: number; copies: number; timeout: number; rescan: boolean } }>(
    '/v1/folders/:id/wait',
    {
      schema: {
        summary: 'Waits until this device and others hold the same.',
        querystring: waitQuery,
        response: answers(wait)
      }
    },
    async ({ params, query }, reply): Promise<WaitDocument> => {
      const folder = host.folder(params.id)
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      // What was written before the question was asked may not have reached the watcher yet.
      if (query.rescan) await folder.backer.rescan()
      const { peers, copies, timeout } = query
      const options = { peers, copies, timeoutMs: timeout * 1000, timers: host.runtime.timers, signal: gone.signal }
      const done = await waitForSync(folder.backer, options)
      return { schema: SCHEMA, done, folder: folder.document() }
    }
  )
}
