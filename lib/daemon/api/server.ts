import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import { BackerError } from '../../core/error.js'
import { claimSocket, releaseSocket } from '../../home/socket.js'
import type { Host } from '../host.js'
import { errorDocument, httpStatusOf } from './errors.js'
import { addEventRoutes } from './events.js'
import { addFolderRoutes } from './folders.js'
import { addNetworkRoutes } from './network.js'

const BODY_BYTES_MAX = 64 * 1024
/** How long a client may take to send its request. */
const REQUEST_TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 64
/** Takes from the group and from others what they could do with a file that is made meanwhile. */
const PRIVATE_UMASK = 0o177

/** The control API: HTTP with JSON over a Unix socket that only this user can open. */
export class ApiServer {
  readonly #host: Host
  readonly #server: Server
  #app: FastifyInstance | undefined
  #home: string | undefined

  constructor(host: Host) {
    this.#host = host
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS })
    this.#server.maxConnections = CONNECTIONS_MAX
  }

  /** Listens on the socket of `home`, whose lock the caller holds. */
  async listen(home: string): Promise<void> {
    const { fastify } = await import('fastify')
    const app = fastify({ bodyLimit: BODY_BYTES_MAX })
    app.setErrorHandler((error, _request, reply) => {
      const document = errorDocument(error)
      return reply.status(httpStatusOf(document.name)).send(document)
    })
    app.setNotFoundHandler(() => {
      throw new BackerError('USAGE', 'the running backer has no such function', {
        hint: 'It may be of another version: stop it and start it again.'
      })
    })
    addFolderRoutes(app, this.#host)
    addEventRoutes(app, this.#host)
    addNetworkRoutes(app, this.#host)
    await app.ready()
    this.#app = app
    this.#server.on('request', (request, response) => app.routing(request, response))
    const path = await claimSocket(home)
    this.#home = home
    await listenPrivately(this.#server, path)
  }

  /** Ends all connections and removes the socket. */
  async close(): Promise<void> {
    if (this.#home === undefined) return
    this.#server.close()
    this.#server.closeAllConnections()
    await this.#app?.close()
    await releaseSocket(this.#home)
  }
}

/** Binds the socket 0600 from its first moment: the file is made within the call to `listen`. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const umask = process.umask(PRIVATE_UMASK)
  try {
    server.listen(path)
  } finally {
    process.umask(umask)
  }
  await once(server, 'listening')
}
