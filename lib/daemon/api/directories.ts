import { readdir, realpath } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { BackerError } from '../../core/error.js'
import { isDirectory, systemCode } from '../../home/private-file.js'
import { isWithin } from '../directory.js'
import { SCHEMA } from '../document.js'
import { directories, type Directories } from './answers/items.js'
import { answers } from './answers/shape.js'

const DIRECTORIES_MAX = 2000
const query = {
  type: 'object',
  additionalProperties: false,
  properties: { path: { type: 'string', maxLength: 4096 } }
} as const

/** `GET /v1/directories`: the directories below this user's own, for choosing one. Nothing above or beside is shown. */
export function addDirectoryRoute(app: FastifyInstance): void {
  app.get<{ Querystring: { path?: string } }>(
    '/v1/directories',
    {
      schema: {
        summary: "The directories in one of this user's directories.",
        querystring: query,
        response: answers(directories)
      }
    },
    async (request): Promise<Directories> => {
      const top = await realpath(homedir())
      const path = await realDirectory(resolve(request.query.path ?? top), top)
      const entries = await directoriesIn(path)
      return { schema: SCHEMA, path, entries, ...(path === top ? {} : { parent: dirname(path) }) }
    }
  )
}

async function realDirectory(asked: string, top: string): Promise<string> {
  try {
    const path = await realpath(asked)
    if (isWithin(path, top)) return path
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes(systemCode(error) ?? '')) throw error
    if (isWithin(asked, top)) throw new BackerError('NO_PATH', `there is no directory ${asked}`, { path: asked })
  }
  throw new BackerError('FORBIDDEN', `${asked} lies outside of ${top}`, {
    path: asked,
    hint: 'Directories elsewhere can be shared by their path, from the command line: backer share DIR.'
  })
}

async function directoriesIn(path: string): Promise<Directories['entries']> {
  const found = await readdir(path, { withFileTypes: true })
  const names = found.filter(entry => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name)
  const shown = names.sort((a, b) => a.localeCompare(b)).slice(0, DIRECTORIES_MAX)
  return Promise.all(
    shown.map(async name => {
      const at = join(path, name)
      return { name, path: at, ...((await isDirectory(join(at, '.backer'))) ? { folder: true as const } : {}) }
    })
  )
}
