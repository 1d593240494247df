import type { FastifyInstance } from 'fastify'
import { parsePath, type RelativePath } from '../../core/model/path.js'
import { SCHEMA, type AskedDocument, type DroppedDocument, type GotDocument } from '../document.js'
import type { Host } from '../host.js'
import { dropped, got } from './answers/items.js'
import { answers } from './answers/shape.js'

const PATHS_MAX = 1000
const COPIES_MAX = 256
/** How many other devices must prove that they hold a file, where nobody says. */
const COPIES = 2
const paths = { type: 'array', minItems: 1, maxItems: PATHS_MAX, items: { type: 'string', maxLength: 8192 } } as const
const dropBody = {
  type: 'object',
  required: ['paths'],
  additionalProperties: false,
  properties: {
    paths,
    copies: { type: 'integer', minimum: 1, maximum: COPIES_MAX, default: COPIES },
    dryRun: { type: 'boolean', default: false }
  }
} as const
const getBody = {
  type: 'object',
  required: ['paths'],
  additionalProperties: false,
  properties: { paths, wait: { type: 'boolean', default: true } }
} as const

interface Params {
  readonly id: string
}

interface DropBody {
  readonly paths: readonly string[]
  readonly copies: number
  readonly dryRun: boolean
}

/** The routes about files that lie on other devices only. */
export function addDropRoutes(app: FastifyInstance, host: Host): void {
  app.post<{ Params: Params; Body: DropBody }>(
    '/v1/folders/:id/drop',
    {
      schema: {
        summary: 'Removes files from this disk that other devices prove to hold.',
        body: dropBody,
        response: answers(dropped)
      }
    },
    async ({ params, body, raw }): Promise<DroppedDocument> => {
      const left = new AbortController()
      raw.socket.once('close', () => left.abort())
      const { dropper } = host.folder(params.id).backer
      const options = { copies: body.copies, isDryRun: body.dryRun, signal: left.signal }
      return { schema: SCHEMA, ...(await dropper.drop(body.paths.map(pathOrAll), options)) }
    }
  )
  app.post<{ Params: Params; Body: { readonly paths: readonly string[]; readonly wait: boolean } }>(
    '/v1/folders/:id/get',
    {
      schema: {
        summary: 'Fetches dropped files; without `wait` it answers before they are here.',
        body: getBody,
        response: answers(got)
      }
    },
    async ({ params, body, raw }): Promise<GotDocument | AskedDocument> => {
      const { getter } = host.folder(params.id).backer
      const wanted = body.paths.map(pathOrAll)
      if (!body.wait) {
        getter.ask(wanted)
        return { schema: SCHEMA, asked: true }
      }
      const left = new AbortController()
      raw.socket.once('close', () => left.abort())
      return { schema: SCHEMA, ...(await getter.get(wanted, left.signal)) }
    }
  )
}

/** The path that a text says; undefined: the folder itself. Throws BAD_PATH. */
function pathOrAll(text: string): RelativePath | undefined {
  return text === '' ? undefined : parsePath(text)
}
