import type { FastifyInstance } from 'fastify'
import { SCHEMA, type DecidedDocument, type DeletesDocument } from '../document.js'
import type { Host } from '../host.js'
import { decided, deletes } from './answers/folder.js'
import { answers } from './answers/shape.js'

const decideBody = {
  type: 'object',
  required: ['action'],
  additionalProperties: false,
  properties: { action: { enum: ['accept', 'reject'] } }
} as const

interface FolderParams {
  readonly id: string
}

const NONE = { local: 0, remote: 0, restoring: 0, sample: [] } as const

/** The routes about deletes that are held until somebody decides. */
export function addDeleteRoutes(app: FastifyInstance, host: Host): void {
  app.get<{ Params: FolderParams }>(
    '/v1/folders/:id/deletes',
    { schema: { summary: 'The deletes that are held.', response: answers(deletes) } },
    ({ params }): DeletesDocument => {
      const { heldDeletes = NONE } = host.folder(params.id).status()
      return { schema: SCHEMA, ...heldDeletes }
    }
  )

  app.post<{ Params: FolderParams; Body: { readonly action: 'accept' | 'reject' } }>(
    '/v1/folders/:id/deletes',
    { schema: { summary: 'Decides about held deletes.', body: decideBody, response: answers(decided) } },
    async ({ params, body }): Promise<DecidedDocument> => {
      const { backer } = host.folder(params.id)
      const count = await (body.action === 'accept' ? backer.acceptDeletes() : backer.rejectDeletes())
      return { schema: SCHEMA, action: body.action, count }
    }
  )
}
