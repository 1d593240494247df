import { connect, createServer, type Server, type Socket } from 'node:net'
import type { KeyPair } from 'hypercore-crypto'
import { BackerError, messageOf } from '../core/error.js'
import { secureStream, type NoiseStream } from '../../protocol/handshake.js'
import type { Runtime } from '../runtime.js'
import { plainHost, type Address } from './address.js'

/** How long a connection may take to come about, in milliseconds. */
const CONNECT_MS = 5000
/** Sockets that have not shaken hands, over all and from one address: a stranger may open sockets, not keep them. */
const STRANGERS_MAX = 64
const STRANGERS_PER_HOST_MAX = 16

export interface TcpOptions {
  readonly keyPair: KeyPair
  readonly runtime: Runtime
  /** Somebody has connected and shaken hands. Nothing is known of who it is but its device key. */
  readonly onconnection: (stream: NoiseStream, host: string) => void
}

/** Noise over TCP: the port where others connect, and the way to theirs. */
export class Tcp {
  readonly #options: TcpOptions
  readonly #strangers = new Map<Socket, string>()
  #server: Server | undefined
  #isClosed = false

  constructor(options: TcpOptions) {
    this.#options = options
  }

  /** The port where others connect; undefined before `listen`. */
  get port(): number | undefined {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : undefined
  }

  /**
   * Takes connections at `host` (default: all addresses). Port 0: any; with `orAny` any other one where it is taken. Throws USAGE where
   * that can't be.
   */
  async listen({ host, port, orAny }: { host?: string | undefined; port: number; orAny: boolean }): Promise<void> {
    try {
      this.#server = await listen(socket => void this.#welcome(socket), port, host)
    } catch (error) {
      if (orAny && port !== 0) return this.listen({ host, port: 0, orAny: false })
      throw new BackerError('USAGE', `can't take connections on TCP port ${port}: ${messageOf(error)}`, {
        hint: 'Choose another port, or 0 for any.',
        cause: error
      })
    }
    // The server would keep the process alive; whether it lives is for its folders to say.
    this.#server.unref()
  }

  /** Connects and shakes hands. Rejects with PEER_GONE where nobody answers, and with what `secureStream` throws. `roundTripMs`: what the connecting took. */
  async dial({ host, port }: Address): Promise<{ readonly stream: NoiseStream; readonly roundTripMs: number }> {
    const { keyPair, runtime } = this.#options
    const begin = runtime.clock.monotonic()
    const socket = await connected({ host, port }, runtime)
    const roundTripMs = runtime.clock.monotonic() - begin
    if (this.#isClosed) socket.destroy()
    return { stream: await secureStream(socket, { keyPair, runtime, isOwnSocket: true }), roundTripMs }
  }

  close(): void {
    this.#isClosed = true
    this.#server?.close()
    for (const socket of this.#strangers.keys()) socket.destroy()
  }

  async #welcome(socket: Socket): Promise<void> {
    const host = plainHost(socket.remoteAddress ?? '')
    const ofHost = [...this.#strangers.values()].filter(other => other === host).length
    if (this.#isClosed || this.#strangers.size >= STRANGERS_MAX || ofHost >= STRANGERS_PER_HOST_MAX) {
      socket.destroy()
      return
    }
    this.#strangers.set(socket, host)
    socket.setNoDelay(true)
    const { keyPair, runtime, onconnection } = this.#options
    try {
      const stream = await secureStream(socket, { keyPair, runtime, isOwnSocket: true })
      // What came about while this side closed is closed by its connection.
      onconnection(stream, host)
    } catch (error) {
      runtime.trace(`a TCP connection from ${host} came to nothing: ${messageOf(error)}`)
    } finally {
      this.#strangers.delete(socket)
    }
  }
}

function listen(onsocket: (socket: Socket) => void, port: number, host: string | undefined): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(onsocket)
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      server.on('error', () => undefined)
      resolve(server)
    })
  })
}

function connected(address: Address, { timers }: Runtime): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(address)
    const gone = (error: Error): void => {
      timer.cancel()
      socket.destroy()
      reject(new BackerError('PEER_GONE', `${address.host}:${address.port} does not answer: ${messageOf(error)}`))
    }
    const timer = timers.after(CONNECT_MS, () => gone(new Error(`not within ${CONNECT_MS / 1000} s`)))
    socket.setNoDelay(true)
    socket.once('error', gone)
    socket.once('connect', () => {
      timer.cancel()
      socket.off('error', gone)
      resolve(socket)
    })
  })
}
