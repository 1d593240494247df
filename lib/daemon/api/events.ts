import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Timer, Timers } from '../../runtime.js'
import { timeOf, type DaemonEvent } from '../document.js'
import type { Host } from '../host.js'
import { event } from './answers/events.js'
import { answersIn, reference } from './answers/shape.js'

/** How much may wait for a slow listener before it is cut off. */
const BACKLOG_BYTES_MAX = 1024 * 1024
/** How soon a page is told how each folder is when something has happened, and how often, where that has changed. */
const FOLDER_SOON_MS = 50
const FOLDER_INTERVAL_MS = 500
/** How often something is said although nothing happens, so that whoever listens knows that the line holds. */
const COMMENT_INTERVAL_MS = 15_000

const EVENTS = answersIn('One document a line, or one in each event.', {
  'application/jsonl': reference(event).json,
  'text/event-stream': reference(event).json
})

/**
 * `GET /v1/events`: everything that happens from now on, until the client leaves: one JSON document a line, or, for a client that asks for
 * `text/event-stream`, server-sent events, with the documents of all folders as they change. Source: HTML Standard, "Server-sent events".
 */
export function addEventRoutes(app: FastifyInstance, host: Host): void {
  app.get(
    '/v1/events',
    { schema: { summary: 'Everything that happens from now on.', response: EVENTS } },
    (request, reply) => {
      reply.hijack()
      const isPage = request.headers.accept?.includes('text/event-stream') === true
      const stream = new EventStream(reply.raw, isPage)
      reply.raw.writeHead(200, {
        ...reply.getHeaders(),
        'content-type': isPage ? 'text/event-stream' : 'application/jsonl'
      } as Record<string, string>)
      reply.raw.flushHeaders()
      const tell = (event: DaemonEvent): void => stream.send(event)
      const stop = isPage ? tellFolders(host, stream) : (): void => undefined
      host.on('event', tell)
      reply.raw.once('close', () => {
        host.off('event', tell)
        stop()
      })
    }
  )
}

class EventStream {
  readonly #raw: ServerResponse
  readonly #isPage: boolean

  constructor(raw: ServerResponse, isPage: boolean) {
    this.#raw = raw
    this.#isPage = isPage
  }

  send(event: DaemonEvent): void {
    const json = JSON.stringify(event)
    this.#write(this.#isPage ? `data: ${json}\n\n` : `${json}\n`)
  }

  comment(): void {
    this.#write(': still here\n\n')
  }

  #write(text: string): void {
    if (this.#raw.writableLength > BACKLOG_BYTES_MAX) this.#raw.destroy()
    else this.#raw.write(text)
  }
}

/** Tells how each folder is whenever that has changed, until the function that comes back is called. */
function tellFolders(host: Host, stream: EventStream): () => void {
  const told = new Map<string, string>()
  const { clock } = host.runtime
  let soon: Timer | undefined
  let toldAt = -Infinity
  const tell = (): void => {
    soon?.cancel()
    soon = undefined
    toldAt = clock.monotonic()
    for (const folder of host.folders) {
      const document = folder.document()
      const json = JSON.stringify(document)
      if (told.get(folder.id) === json) continue
      told.set(folder.id, json)
      stream.send({ time: timeOf(host.runtime.clock.now()), folder: folder.id, type: 'folder', document })
    }
  }
  // A lone event is told of in a moment, a storm of them twice a second.
  const hint = (): void => {
    const wait = Math.max(FOLDER_SOON_MS, toldAt + FOLDER_INTERVAL_MS - clock.monotonic())
    soon ??= host.runtime.timers.after(wait, tell)
  }
  host.on('event', hint)
  const stops = [
    () => host.off('event', hint),
    () => soon?.cancel(),
    regularly(host.runtime.timers, FOLDER_INTERVAL_MS, tell),
    regularly(host.runtime.timers, COMMENT_INTERVAL_MS, () => stream.comment())
  ]
  return () => stops.forEach(stop => stop())
}

function regularly(timers: Timers, intervalMs: number, act: () => void): () => void {
  let timer: Timer = timers.after(intervalMs, again)
  function again(): void {
    act()
    timer = timers.after(intervalMs, again)
  }
  return () => timer.cancel()
}
