import type { FastifyInstance } from 'fastify'
import type { Host } from '../host.js'
import type { DaemonEvent } from '../document.js'

/** How much may wait for a slow listener before it is cut off. */
const BACKLOG_BYTES_MAX = 1024 * 1024

/** `GET /v1/events`: everything that happens from now on, one JSON document a line, until the client leaves. */
export function addEventRoutes(app: FastifyInstance, host: Host): void {
  app.get('/v1/events', (_request, reply) => {
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, { 'content-type': 'application/jsonl' })
    raw.flushHeaders()
    const tell = (event: DaemonEvent): void => {
      if (raw.writableLength > BACKLOG_BYTES_MAX) raw.destroy()
      else raw.write(`${JSON.stringify(event)}\n`)
    }
    host.on('event', tell)
    raw.once('close', () => host.off('event', tell))
  })
}
