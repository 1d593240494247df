import type { FastifyInstance } from 'fastify'
import { BackerError } from '../../core/error.js'
import type { Host } from '../host.js'
import { addBrowseRoutes } from './browse.js'
import { addDeleteRoutes } from './deletes.js'
import { addDriftRoutes } from './drift.js'
import { addDropRoutes } from './drops.js'
import { addDirectoryRoute } from './directories.js'
import { errorDocument, httpStatusOf, type ProblemDocument } from './errors.js'
import { addEventRoutes } from './events.js'
import { addFolderRoutes } from './folders.js'
import { addHistoryRoutes } from './history.js'
import { addMetricsRoute } from './metrics.js'
import { addNetworkRoutes } from './network.js'
import { addSnapshotRoutes } from './snapshots.js'
import { addVerifyRoutes } from './verify.js'
import { inTurns, loadInTurns } from './in-turns.js'
import { buildLazily, loadValidation } from './lazy-validation.js'
import { event } from './answers/events.js'
import { health, SHARED_FOLDERS } from './answers/folder.js'
import { SHARED_ITEMS } from './answers/items.js'
import { answers } from './answers/shape.js'
import { logRefusal } from './refusal.js'
import { addSettingsRoutes } from './settings.js'

const BODY_BYTES_MAX = 1024 * 1024
const FASTIFY = {
  name: 'fastify',
  parts: ['pino', 'semver', 'avvio', 'find-my-way', './lib/reply.js', './lib/server.js', './lib/route.js']
}
const SWAGGER = { name: '@fastify/swagger', parts: ['yaml', 'json-schema-resolver', 'openapi-types'] }
/** Parts of the API's description that fastify can't know. */
const OPENAPI = {
  openapi: '3.1.0',
  info: { title: 'backer', description: 'The local API of a running backer.', version: '1' }
} as const

/** The API with all its routes, ready to be listened for; `prepare` adds what only one listener has. */
export async function makeApp(host: Host, prepare?: (app: FastifyInstance) => Promise<void>): Promise<FastifyInstance> {
  const isPage = prepare !== undefined
  const { fastify } = await loadInTurns<typeof import('fastify')>(FASTIFY)
  const { default: swagger } = await loadInTurns<typeof import('@fastify/swagger')>(SWAGGER)
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    schemaController: { compilersFactory: { buildValidator: buildLazily, buildSerializer: () => () => JSON.stringify } }
  })
  for (const { json } of [...SHARED_FOLDERS, ...SHARED_ITEMS, event]) app.addSchema(json)
  app.setErrorHandler((error, request, reply) => {
    const document = errorDocument(error)
    const status = httpStatusOf(document.name)
    const problem: ProblemDocument = {
      ...document,
      type: 'about:blank',
      title: document.name,
      status,
      detail: document.message
    }
    logRefusal(host.log, { method: request.method, url: request.url, status, isPage }, error)
    return reply.status(status).type('application/problem+json').send(problem)
  })
  await prepare?.(app)
  await app.register(swagger, {
    openapi: OPENAPI,
    refResolver: { buildLocalReference: ({ $id: name }) => name as string }
  })
  app.setNotFoundHandler(() => {
    throw new BackerError('USAGE', 'the running backer has no such function', {
      hint: 'It may be of another version: stop it and start it again.'
    })
  })
  app.get('/health', { schema: { summary: 'Says that this process runs.', response: answers(health) } }, () => ({
    ok: true
  }))
  await inTurns([
    () => addFolderRoutes(app, host, { isPage }),
    () => addBrowseRoutes(app, host),
    () => addDeleteRoutes(app, host),
    () => addHistoryRoutes(app, host),
    () => addSnapshotRoutes(app, host),
    () => addVerifyRoutes(app, host),
    () => addDriftRoutes(app, host),
    () => addDropRoutes(app, host),
    () => addDirectoryRoute(app),
    () => addEventRoutes(app, host),
    () => addNetworkRoutes(app, host),
    () => addSettingsRoutes(app, host, { isPage }),
    () => addMetricsRoute(app, host)
  ])
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  await app.ready()
  // For the first request that is held against a schema.
  void loadValidation()
  return app
}
