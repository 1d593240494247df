import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { claimSocket, releaseSocket } from '../../home/socket.js'
import type { Host } from '../host.js'
import { OnDemand } from './on-demand.js'

/** How long a client may take to send its request. */
const REQUEST_TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 64
/** Takes from the group and from others what they could do with a file that is made meanwhile. */
const PRIVATE_UMASK = 0o177

/** The control API: HTTP with JSON over a Unix socket that only this user can open. */
export class ApiServer {
  readonly #server: Server
  readonly #api: OnDemand
  #home: string | undefined

  constructor(host: Host) {
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS })
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#api = new OnDemand(async () => (await import('./app.js')).makeApp(host), host.log)
    this.#api.answer(this.#server)
  }

  /** Listens on the socket of `home`, whose lock the caller holds. */
  async listen(home: string): Promise<void> {
    const path = await claimSocket(home)
    this.#home = home
    await listenPrivately(this.#server, path)
  }

  /** Ends all connections and removes the socket. */
  async close(): Promise<void> {
    if (this.#home === undefined) return
    this.#server.close()
    this.#server.closeAllConnections()
    await this.#api.close()
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
