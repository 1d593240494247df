import type { FastifyInstance } from 'fastify'
import { BackerError } from '../../core/error.js'
import { parsePath } from '../../core/model/path.js'
import type { ConflictPair, Item, Keep } from '../../folder/browse.js'
import {
  SCHEMA,
  timeOf,
  type ConflictDocument,
  type IgnoreCheckDocument,
  type ItemDocument,
  type ItemsDocument
} from '../document.js'
import type { Host } from '../host.js'
import { conflicts, ignoreCheck, ignorePreview, ignoreText, items } from './answers/items.js'
import { answers, answersIn, DONE } from './answers/shape.js'

const PATH_CHARACTERS_MAX = 8192
const ITEMS_MAX = 2000
const CONTENT_BYTES_MAX = 64 * 1024
const SAMPLE = 50
const IGNORE_CHARACTERS_MAX = 256 * 1024

const path = { type: 'string', maxLength: PATH_CHARACTERS_MAX } as const
const filesQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { path, after: path, limit: { type: 'integer', minimum: 1, maximum: ITEMS_MAX, default: ITEMS_MAX } }
} as const
const contentQuery = { type: 'object', required: ['path'], additionalProperties: false, properties: { path } } as const
const conflictBody = {
  type: 'object',
  required: ['copy', 'keep'],
  additionalProperties: false,
  properties: { copy: path, keep: { enum: ['original', 'copy', 'both'] } }
} as const
const ignoreBody = {
  type: 'object',
  required: ['text'],
  additionalProperties: false,
  properties: { text: { type: 'string', maxLength: IGNORE_CHARACTERS_MAX } }
} as const

const replaceIgnoreBody = {
  ...ignoreBody,
  properties: { ...ignoreBody.properties, was: ignoreBody.properties.text }
} as const
const checkQuery = {
  type: 'object',
  required: ['path'],
  additionalProperties: false,
  properties: { path, directory: { type: 'boolean', default: false } }
} as const

interface Params {
  readonly id: string
}

/** The routes by which people look into a folder and decide what is theirs to decide. */
export function addBrowseRoutes(app: FastifyInstance, host: Host): void {
  app.get<{ Params: Params; Querystring: { path?: string; after?: string; limit: number } }>(
    '/v1/folders/:id/files',
    {
      schema: {
        summary: 'The items of one directory, page by page.',
        querystring: filesQuery,
        response: answers(items)
      }
    },
    async ({ params, query }): Promise<ItemsDocument> => {
      const directory = query.path === undefined || query.path === '' ? undefined : parsePath(query.path)
      const { items, next } = await host.folder(params.id).browser.list(directory, query)
      return { schema: SCHEMA, path: directory ?? '', entries: items.map(itemDocument), next }
    }
  )
  app.get<{ Params: Params; Querystring: { path: string } }>(
    '/v1/folders/:id/content',
    {
      schema: {
        summary: 'The beginning of a text file.',
        querystring: contentQuery,
        response: answersIn('The text, as far as it is shown.', { 'text/plain': { type: 'string' } })
      }
    },
    async ({ params, query }, reply) => {
      const bytes = await host.folder(params.id).browser.content(parsePath(query.path), CONTENT_BYTES_MAX)
      if (bytes === undefined) throw new BackerError('NO_PATH', `there is no file ${query.path}`, { path: query.path })
      return reply.type('text/plain; charset=utf-8').send(textOf(bytes, query.path))
    }
  )
  addConflictRoutes(app, host)
  addIgnoreRoutes(app, host)
}

function addConflictRoutes(app: FastifyInstance, host: Host): void {
  app.get<{ Params: Params }>(
    '/v1/folders/:id/conflicts',
    { schema: { summary: 'Files of which two versions were made apart.', response: answers(conflicts) } },
    async ({ params }) => {
      const conflicts = await host.folder(params.id).browser.conflicts()
      return { schema: SCHEMA, conflicts: conflicts.map(conflictDocument) }
    }
  )
  app.post<{ Params: Params; Body: { copy: string; keep: Keep } }>(
    '/v1/folders/:id/conflicts',
    {
      schema: {
        summary: 'Decides a conflict; what is not kept goes to the revisions.',
        body: conflictBody,
        response: DONE
      }
    },
    async ({ params, body }, reply) => {
      await host.folder(params.id).browser.resolve(parsePath(body.copy), body.keep)
      return reply.status(204).send()
    }
  )
}

function addIgnoreRoutes(app: FastifyInstance, host: Host): void {
  app.get<{ Params: Params }>(
    '/v1/folders/:id/ignore',
    { schema: { summary: 'The text of .backerignore.', response: answers(ignoreText) } },
    async ({ params }) => ({ schema: SCHEMA, text: await host.folder(params.id).browser.ignoreText() })
  )
  app.put<{ Params: Params; Body: { text: string; was?: string } }>(
    '/v1/folders/:id/ignore',
    {
      schema: {
        summary: 'Replaces .backerignore, where it still is what it was.',
        body: replaceIgnoreBody,
        response: DONE
      }
    },
    async ({ params, body }, reply) => {
      await host.folder(params.id).browser.replaceIgnoreText(body.text, body.was)
      return reply.status(204).send()
    }
  )
  app.get<{ Params: Params; Querystring: { path: string; directory: boolean } }>(
    '/v1/folders/:id/ignore/check',
    {
      schema: {
        summary: 'Whether a path is ignored, and why.',
        querystring: checkQuery,
        response: answers(ignoreCheck)
      }
    },
    ({ params, query }): IgnoreCheckDocument => {
      const checked = parsePath(query.path)
      return { schema: SCHEMA, path: checked, ...host.folder(params.id).browser.checkIgnore(checked, query.directory) }
    }
  )
  app.post<{ Params: Params; Body: { text: string } }>(
    '/v1/folders/:id/ignore/preview',
    { schema: { summary: 'What patterns would hit.', body: ignoreBody, response: answers(ignorePreview) } },
    async ({ params, body }) => ({
      schema: SCHEMA,
      ...(await host.folder(params.id).browser.previewIgnore(body.text, SAMPLE))
    })
  )
}

function itemDocument({ mtimeMs, ...item }: Item): ItemDocument {
  return { ...item, ...(mtimeMs === undefined ? {} : { mtime: timeOf(mtimeMs) }) }
}

function conflictDocument({ path, copy, original, other }: ConflictPair): ConflictDocument {
  return {
    path,
    copy,
    other: itemDocument(other),
    ...(original === undefined ? {} : { original: itemDocument(original) })
  }
}

/** Throws UNSUPPORTED for what is no text. A character that the end has cut is left out. */
function textOf(bytes: Uint8Array, path: string): string {
  try {
    if (bytes.includes(0)) throw new Error('a zero byte')
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: bytes.byteLength === CONTENT_BYTES_MAX })
  } catch (cause) {
    throw new BackerError('UNSUPPORTED', `${path} is not a text`, { path, cause })
  }
}
