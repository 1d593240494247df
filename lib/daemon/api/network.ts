import type { FastifyInstance } from 'fastify'
import { SCHEMA } from '../document.js'
import type { Host } from '../host.js'
import { limits, network } from './answers/device.js'
import { answers } from './answers/shape.js'
import { LEAST_BYTES_PER_SECOND } from '../../net/rate.js'
import { parseLimits } from '../network-settings.js'

const ENTRIES_MAX = 64
const rate = { type: ['integer', 'null'], minimum: LEAST_BYTES_PER_SECOND } as const
const limitsBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    up: rate,
    down: rate,
    includeLan: { type: 'boolean' },
    timetable: {
      type: 'array',
      maxItems: ENTRIES_MAX,
      items: {
        type: 'object',
        required: ['minute'],
        additionalProperties: false,
        properties: { minute: { type: 'integer', minimum: 0, maximum: 1439 }, up: rate, down: rate }
      }
    }
  }
} as const

/** The routes about the network: how this device stands in it, and the rates that it keeps to. */
export function addNetworkRoutes(app: FastifyInstance, host: Host): void {
  app.get(
    '/v1/network',
    { schema: { summary: 'How this device stands in the network.', response: answers(network) } },
    async () => ({ schema: SCHEMA, ...(await host.network()) })
  )

  app.get(
    '/v1/limits',
    { schema: { summary: 'The rates that are kept to.', response: answers(limits) } },
    async () => ({ schema: SCHEMA, ...(await host.limits()) })
  )

  app.post<{ Body: Readonly<Record<string, unknown>> }>(
    '/v1/limits',
    { schema: { summary: 'Sets the rates.', body: limitsBody, response: answers(limits) } },
    async ({ body }) => {
      await host.setLimits(parseLimits(body))
      return { schema: SCHEMA, ...(await host.limits()) }
    }
  )
}
