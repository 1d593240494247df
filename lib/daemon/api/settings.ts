import type { FastifyInstance } from 'fastify'
import { BackerError } from '../../core/error.js'
import type { Host } from '../host.js'
import { settingKind, settingsDocument } from '../settings.js'
import { settings } from './answers/device.js'
import { answers } from './answers/shape.js'

const CHANGES_MAX = 64
const body = {
  type: 'object',
  required: ['settings'],
  additionalProperties: false,
  properties: {
    settings: {
      type: 'object',
      maxProperties: CHANGES_MAX,
      additionalProperties: { type: ['string', 'null'], maxLength: 4096 }
    }
  }
} as const

/**
 * The routes about what the user can set. `isPage`: what runs a command is not set from a web page, so that whoever gets hold of the page can do with the
 * folders what its user can, and no more.
 */
export function addSettingsRoutes(app: FastifyInstance, host: Host, { isPage }: { readonly isPage: boolean }): void {
  const answer = (): object => settingsDocument(host.settings)
  app.get('/v1/settings', { schema: { summary: 'What can be set, and what is.', response: answers(settings) } }, answer)
  app.patch<{ Body: { readonly settings: Readonly<Record<string, string | null>> } }>(
    '/v1/settings',
    { schema: { summary: 'Sets values; null: back to what holds by itself.', body, response: answers(settings) } },
    async request => {
      const names = Object.keys(request.body.settings)
      if (isPage && names.some(name => settingKind(name).runsCommands === true))
        throw new BackerError('FORBIDDEN', 'commands that are run on events are not set from the page', {
          hint: 'Set them with backer config set hook.EVENT COMMAND.'
        })
      if (isPage && names.some(name => settingKind(name).opensPage === true))
        throw new BackerError('FORBIDDEN', 'who may reach the page is not set from the page', {
          hint: 'Set it with backer config set.'
        })
      await host.changeSettings(request.body.settings)
      return answer()
    }
  )
}
