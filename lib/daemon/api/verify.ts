import type { FastifyInstance } from 'fastify'
import { parsePath } from '../../core/model/path.js'
import type { VerifySettings } from '../../folder/verify-state.js'
import { SCHEMA, timeOf, verifyDocument, type VerifiedDocument, type VerifyDocument } from '../document.js'
import type { Host } from '../host.js'
import { verified, verify } from './answers/folder.js'
import { answers } from './answers/shape.js'

const PATHS_MAX = 1000
/** How many of the files that were put aside are told. */
const ASIDE_MAX = 1000
const DAYS_MAX = 10_000
const path = { type: 'string', minLength: 1, maxLength: 8192 } as const
const runBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    sample: { type: 'number', exclusiveMinimum: 0, maximum: 1 },
    maxSeconds: { type: 'number', exclusiveMinimum: 0, maximum: 1e9 },
    isAnew: { type: 'boolean', default: false }
  }
} as const
const settingsBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    everyDays: { type: 'number', minimum: 0, maximum: DAYS_MAX },
    bytesPerSecond: { type: 'integer', minimum: 1024, maximum: 1e12 },
    isPaused: { type: 'boolean' }
  }
} as const
const acceptBody = {
  type: 'object',
  required: ['paths'],
  additionalProperties: false,
  properties: { paths: { type: 'array', minItems: 1, maxItems: PATHS_MAX, items: path } }
} as const

interface Params {
  readonly id: string
}

interface RunBody {
  /** The share of the files to read. */
  readonly sample?: number
  readonly maxSeconds?: number
  readonly isAnew: boolean
}

/** The routes about what lies on the disk and what should lie there. */
export function addVerifyRoutes(app: FastifyInstance, host: Host): void {
  app.get<{ Params: Params }>(
    '/v1/folders/:id/verify',
    {
      schema: {
        summary: 'What verifying does and knows, and the damaged files that were put aside.',
        response: answers(verify)
      }
    },
    ({ params }) => describe(host, params.id)
  )
  app.post<{ Params: Params; Body: RunBody }>(
    '/v1/folders/:id/verify',
    {
      schema: {
        summary: 'Reads all files and mends what is damaged; answers when it is over.',
        body: runBody,
        response: answers(verified)
      }
    },
    async ({ params, body, raw }): Promise<VerifiedDocument> => {
      const { sample, maxSeconds, isAnew } = body
      const left = new AbortController()
      raw.socket.once('close', () => left.abort())
      const maxTimeMs = maxSeconds === undefined ? undefined : maxSeconds * 1000
      const { verifier } = host.folder(params.id).backer
      return { schema: SCHEMA, ...(await verifier.run({ sample, maxTimeMs, isAnew, signal: left.signal })) }
    }
  )
  app.patch<{ Params: Params; Body: Partial<VerifySettings> }>(
    '/v1/folders/:id/verify',
    {
      schema: {
        summary: 'Changes when and how fast everything is read by schedule.',
        body: settingsBody,
        response: answers(verify)
      }
    },
    async ({ params, body }) => {
      await host.folder(params.id).backer.verifier.setSettings(body)
      return describe(host, params.id)
    }
  )
  app.post<{ Params: Params; Body: { readonly paths: readonly string[] } }>(
    '/v1/folders/:id/verify/accept',
    {
      schema: {
        summary: 'Takes damaged files as they are: they become new versions.',
        body: acceptBody,
        response: answers(verify)
      }
    },
    async ({ params, body }) => {
      const { verifier } = host.folder(params.id).backer
      for (const one of body.paths) await verifier.accept(parsePath(one))
      return describe(host, params.id)
    }
  )
}

async function describe(host: Host, id: string): Promise<VerifyDocument> {
  const { backer } = host.folder(id)
  const { count, files } = await backer.verifier.putAside(ASIDE_MAX)
  const putAside = { count, files: files.map(({ atMs, ...file }) => ({ ...file, at: timeOf(atMs) })) }
  return { schema: SCHEMA, ...verifyDocument(backer.verifier.status()), putAside }
}
