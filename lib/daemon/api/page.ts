import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { systemCode } from '../../home/private-file.js'
import type { Host } from '../host.js'
import { DONE } from './answers/shape.js'
import { COOKIE, guard } from './guard.js'
import { loadInTurns } from './in-turns.js'
import { OnDemand } from './on-demand.js'

/** Where the page is looked for: bookmarks go on working. Where it is taken, any port. */
const PORT = 8749
const REQUEST_TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 64
/** What the browser may load and do on behalf of the page: only what comes from here. Source: Content Security Policy Level 3. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store'
} as const
const FILES = fileURLToPath(new URL('../../../web/', import.meta.url))

/** What serves files, and parts of it. */
const STATIC = { name: '@fastify/static', parts: ['glob', '@fastify/send', 'content-disposition'] }

/** Has an API serve the page's files too, and look at each request first: `guard` throws FORBIDDEN for what may not come through. */
export async function addPageFiles(
  app: FastifyInstance,
  guard: (request: FastifyRequest) => void | Promise<void>
): Promise<void> {
  const { default: cookie } = await import('@fastify/cookie')
  const { default: files } = await loadInTurns<typeof import('@fastify/static')>(STATIC)
  await app.register(cookie)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS)
    await guard(request)
  })
  await app.register(files, { root: FILES, cacheControl: false })
}

/** The page and the API behind it, on the loopback interface only, for whoever has the token. */
export class PageServer {
  readonly #token: string
  readonly #port: number | undefined
  readonly #server: Server
  readonly #api: OnDemand

  /** `port`: see Config. */
  constructor(host: Host, { token, port }: { readonly token: string; readonly port: number | undefined }) {
    this.#token = token
    this.#port = port
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS })
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#api = new OnDemand(async () => (await import('./app.js')).makeApp(host, app => this.#prepare(app)), host.log)
    this.#api.answer(this.#server)
  }

  /** Listens on 127.0.0.1. Throws the system's error, such as EADDRINUSE for a port that was asked for. */
  async listen(): Promise<void> {
    try {
      await this.#listenOn(this.#port ?? PORT)
    } catch (error) {
      if (this.#port !== undefined || systemCode(error) !== 'EADDRINUSE') throw error
      await this.#listenOn(0)
    }
  }

  /** The page's address, with what unlocks it. undefined before it listens. */
  get address(): string | undefined {
    const bound = this.#server.address() as AddressInfo | null
    return bound === null ? undefined : `http://127.0.0.1:${bound.port}/#token=${this.#token}`
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await this.#api.close()
  }

  async #listenOn(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async #prepare(app: FastifyInstance): Promise<void> {
    await addPageFiles(app, request => this.#guard(request))
    app.post(
      '/v1/session',
      { schema: { summary: 'Opens a session with the token in the header.', response: DONE } },
      (_request, reply) => this.#openSession(reply)
    )
  }

  #guard({ method, headers, url, cookies }: FastifyRequest): void {
    const { port } = this.#server.address() as AddressInfo
    const { host, origin, authorization } = headers
    const path = new URL(url, 'http://localhost').pathname
    guard({ method, host, origin, authorization, path, cookie: cookies[COOKIE] }, { port, token: this.#token })
  }

  #openSession(reply: FastifyReply): FastifyReply {
    return reply.setCookie(COOKIE, this.#token, { httpOnly: true, sameSite: 'strict', path: '/' }).status(204).send()
  }
}
