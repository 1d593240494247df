import type { FastifyInstance } from 'fastify'
import { parsePath } from '../../core/model/path.js'
import { SCHEMA, type DriftDocument } from '../document.js'
import type { Host } from '../host.js'
import { drift as driftAnswer } from './answers/folder.js'
import { answers } from './answers/shape.js'

const PATHS_MAX = 1000
const SAMPLE = 1000
const revertBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    paths: {
      type: 'array',
      minItems: 1,
      maxItems: PATHS_MAX,
      items: { type: 'string', minLength: 1, maxLength: 8192 }
    },
    dryRun: { type: 'boolean', default: false }
  }
} as const

interface Params {
  readonly id: string
}

/** The routes about what was changed by hand on a device that does not write. */
export function addDriftRoutes(app: FastifyInstance, host: Host): void {
  app.get<{ Params: Params }>(
    '/v1/folders/:id/drift',
    {
      schema: {
        summary: 'What was changed by hand on this device, which does not write.',
        response: answers(driftAnswer)
      }
    },
    ({ params }): DriftDocument => {
      const { drift } = host.folder(params.id).backer
      return { schema: SCHEMA, count: drift.count, sample: drift.sample(SAMPLE) }
    }
  )
  app.post<{ Params: Params; Body: { readonly paths?: readonly string[]; readonly dryRun: boolean } }>(
    '/v1/folders/:id/drift/revert',
    {
      schema: {
        summary: 'Has items stand as the writers have them; what stands there now is kept.',
        body: revertBody,
        response: answers(driftAnswer)
      }
    },
    async ({ params, body }): Promise<DriftDocument> => {
      const { drift } = host.folder(params.id).backer
      const paths = body.paths?.map(parsePath)
      if (body.dryRun) {
        const chosen = drift.chosen(paths)
        return { schema: SCHEMA, count: chosen.length, sample: chosen.slice(0, SAMPLE) }
      }
      const done = await drift.revert(paths)
      return { schema: SCHEMA, count: drift.count, sample: drift.sample(SAMPLE), ...done }
    }
  )
}
