import type { Server, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { messageOf } from '../../core/error.js'
import type { Log } from '../log.js'

/**
 * What answers a server's requests, made when the first one comes: to load it takes as long as all else that starts a process, and most processes are never
 * asked by a browser. Requests that come meanwhile wait for it.
 */
export class OnDemand {
  readonly #make: () => Promise<FastifyInstance>
  readonly #log: Log
  #app: Promise<FastifyInstance> | undefined

  constructor(make: () => Promise<FastifyInstance>, log: Log) {
    this.#make = make
    this.#log = log
  }

  answer(server: Server): void {
    server.on('request', (request, response) => {
      this.#app ??= this.#make()
      this.#app.then(
        app => app.routing(request, response),
        (error: unknown) => this.#fail(response, error)
      )
    })
  }

  async close(): Promise<void> {
    const app = await this.#app?.catch(() => undefined)
    await app?.close()
  }

  /** The next request tries again. */
  #fail(response: ServerResponse, error: unknown): void {
    this.#app = undefined
    this.#log.error(`the API could not be loaded: ${messageOf(error)}`)
    response.writeHead(500).end()
  }
}
