import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import { hostname, networkInterfaces } from 'node:os'
import { isIP, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BackerError, messageOf } from '../../core/error.js'
import { readIfThere, replacePrivateFile } from '../../home/private-file.js'
import type { Timer } from '../../runtime.js'
import type { ListenAddress } from '../config.js'
import type { Host } from '../host.js'
import type { Notice } from '../notices.js'
import { isPassword, passwordFile, readPassword, type KeptPassword } from '../page-password.js'
import { DONE } from './answers/shape.js'
import { makeCertificate } from './certificate.js'
import { forbidden } from './guard.js'
import { OnDemand } from './on-demand.js'
import { addPageFiles } from './page.js'
import { guardRemote, SESSION_PATH } from './remote-guard.js'
import { Sessions } from './sessions.js'
import { Tries } from './tries.js'

/** A browser takes a cookie of such a name only over TLS, for this host alone. Source: RFC 6265bis, section 4.1.3.2. */
const COOKIE = '__Host-backer'
const REQUEST_TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 64
/** How often it is looked whether an address has come, and whether there is still the same password. */
const LOOK_MS = 10_000
const sessionBody = {
  type: 'object',
  required: ['password'],
  additionalProperties: false,
  properties: { password: { type: 'string', maxLength: 1024 } }
} as const

/** What its user has set. `certificate`, `key`: PEM files. */
export interface RemoteSettings extends ListenAddress {
  readonly certificate: string | undefined
  readonly key: string | undefined
}

/** How the page is reached from beyond this machine. */
export interface RemoteAddress {
  readonly addresses: readonly string[]
  /** SHA-256 of the certificate, as browsers show it. */
  readonly fingerprint: string
}

/** The page for other machines: only where its user has named an address for it and set a password, and only over TLS. */
export class RemotePage {
  readonly #host: Host
  readonly #home: string
  readonly #settings: RemoteSettings
  readonly #sessions: Sessions
  readonly #tries: Tries
  #password: KeptPassword | undefined
  /** Passwords are tried one after the other: each takes 32 MiB. */
  #turn: Promise<unknown> = Promise.resolve()
  #server: Server | undefined
  #api: OnDemand | undefined
  #certificate: X509Certificate | undefined
  #trouble: BackerError | undefined
  #timer: Timer | undefined
  #isClosed = false

  constructor(host: Host, home: string, settings: RemoteSettings) {
    this.#host = host
    this.#home = home
    this.#settings = settings
    const now = (): number => host.runtime.clock.monotonic()
    this.#sessions = new Sessions(now)
    this.#tries = new Tries(now)
  }

  /** Begins to listen; where that can't be, says so in `notice` and goes on trying. A password that is replaced or removed ends what it has opened. */
  async listen(): Promise<void> {
    try {
      const before = this.#password?.salt
      this.#password = await this.#neededPassword()
      if (this.#server === undefined) await this.#open()
      else if (before !== this.#password.salt) this.#server.closeAllConnections()
      this.#trouble = undefined
    } catch (error) {
      this.#told(error)
      if (this.#password === undefined) await this.#shut()
    }
    if (!this.#isClosed) this.#timer = this.#host.runtime.timers.after(LOOK_MS, () => void this.listen())
    else await this.#shut()
  }

  /** Where it is; undefined while it is nowhere. */
  get address(): RemoteAddress | undefined {
    const { address: at } = this.#settings
    if (this.#certificate === undefined || this.#server === undefined) return undefined
    const port = this.#port
    const hosts = at === '0.0.0.0' || at === '::' ? [hostname(), ...ownAddresses()] : [at]
    const addresses = hosts.map(host => `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}/`)
    return { addresses, fingerprint: this.#certificate.fingerprint256 }
  }

  /** Why it is nowhere. */
  get notice(): Notice | undefined {
    if (this.#trouble === undefined) return undefined
    const { message, hint = 'It is tried again every few seconds.' } = this.#trouble
    return { code: 'PAGE', message, hint, path: this.#trouble.path ?? this.#home }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#shut()
  }

  async #shut(): Promise<void> {
    const [server, api] = [this.#server, this.#api]
    this.#server = this.#api = undefined
    server?.close()
    server?.closeAllConnections()
    await api?.close()
  }

  async #neededPassword(): Promise<KeptPassword> {
    this.#password = await readPassword(this.#home)
    if (this.#password !== undefined) return this.#password
    throw new BackerError('FORBIDDEN', `the page is not opened at ${this.#settings.address}: it has no password`, {
      path: passwordFile(this.#home),
      hint: 'Set one with backer password, or take the address back: backer config set page-listen --unset'
    })
  }

  async #open(): Promise<void> {
    const { address, port } = this.#settings
    const pair = await this.#pair()
    this.#certificate = new X509Certificate(pair.cert)
    const server = createServer({ ...pair, minVersion: 'TLSv1.2', requestTimeout: REQUEST_TIMEOUT_MS })
    server.maxConnections = CONNECTIONS_MAX
    server.listen(port, address)
    await once(server, 'listening')
    this.#server = server
    const prepare = (app: FastifyInstance): Promise<void> => this.#prepare(app)
    this.#api = new OnDemand(async () => (await import('./app.js')).makeApp(this.#host, prepare), this.#host.log)
    this.#api.answer(server)
    this.#host.log.info({ address, port, certificate: this.#certificate.fingerprint256 }, 'the page is open to others')
  }

  /** The certificate that the user has named, or one of backer's own, which is made once. Throws FORBIDDEN where what was named can't be used. */
  async #pair(): Promise<{ readonly cert: string; readonly key: string }> {
    const { certificate, key } = this.#settings
    if (certificate === undefined || key === undefined) {
      const own = await this.#ownPair()
      return { cert: own, key: own }
    }
    try {
      const pair = { cert: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') }
      createSecureContext(pair)
      return pair
    } catch (error) {
      const message = `the page is not opened: its certificate can't be used (${messageOf(error)})`
      throw new BackerError('FORBIDDEN', message, {
        path: certificate,
        hint: 'page-certificate and page-key name two PEM files that belong together and that you can read.',
        cause: error
      })
    }
  }

  async #ownPair(): Promise<string> {
    const file = join(this.#home, 'page-tls.pem')
    const known = await readIfThere(file)
    if (known !== undefined) return known
    const name = hostname().toLowerCase()
    const names = [...new Set([name, `${name.split('.')[0] ?? name}.local`, ...ownAddresses()])]
    const made = makeCertificate(names, this.#host.runtime.clock.now())
    await replacePrivateFile(file, made)
    return made
  }

  async #prepare(app: FastifyInstance): Promise<void> {
    await addPageFiles(app, request => this.#guard(request))
    app.post<{ Body: { readonly password: string } }>(
      SESSION_PATH,
      { schema: { summary: 'Opens a session with the password.', body: sessionBody, response: DONE } },
      async ({ body, ip }, reply) => {
        const id = await this.#openSession(body.password, ip)
        return setCookie(reply, id).status(204).send()
      }
    )
    app.delete(SESSION_PATH, { schema: { summary: 'Ends the session.', response: DONE } }, ({ cookies }, reply) => {
      this.#sessions.end(cookies[COOKIE])
      return reply.clearCookie(COOKIE, { secure: true, path: '/' }).status(204).send()
    })
  }

  async #guard({ method, headers, url, cookies }: FastifyRequest): Promise<void> {
    const { host, origin, authorization } = headers
    const path = new URL(url, 'https://localhost').pathname
    this.#password = await readPassword(this.#home)
    const salt = this.#password?.salt
    guardRemote(
      { method, host, origin, authorization, path, cookie: cookies[COOKIE] },
      {
        port: this.#port,
        isOwnHost: name => this.#isOwnHost(name),
        isSession: cookie => salt !== undefined && this.#sessions.use(cookie, salt)
      }
    )
  }

  /** Where it listens: the one that was asked for, or, of any, the one that there was. */
  get #port(): number {
    return (this.#server?.address() as AddressInfo | null | undefined)?.port ?? this.#settings.port
  }

  /** Where it listens, a name of the certificate, or an address that this machine has now. */
  #isOwnHost(name: string): boolean {
    if (name === this.#settings.address) return true
    if (isIP(name) !== 0) return this.#certificate?.checkIP(name) !== undefined || ownAddresses().includes(name)
    return this.#certificate?.checkHost(name) !== undefined
  }

  /** The id of a new session. Throws THROTTLED and FORBIDDEN. */
  #openSession(password: string, ip: string): Promise<string> {
    const tried = this.#turn.then(async () => {
      this.#tries.begin(ip)
      const kept = this.#password
      if (kept === undefined || !(await isPassword(password, kept))) throw forbidden('the password is wrong')
      this.#tries.right(ip)
      return this.#sessions.open(kept.salt)
    })
    this.#turn = tried.catch(() => undefined)
    return tried
  }

  /** Written down once, however often it is tried. */
  #told(error: unknown): void {
    const { address, port } = this.#settings
    const message = `the page can't be opened at ${address}, port ${port}: ${messageOf(error)}`
    const trouble = error instanceof BackerError ? error : new BackerError('FILE_SYSTEM', message, { cause: error })
    if (this.#trouble?.message !== trouble.message) this.#host.log.warn({ code: trouble.code }, trouble.message)
    this.#trouble = trouble
  }
}

function setCookie(reply: FastifyReply, id: string): FastifyReply {
  return reply.setCookie(COOKIE, id, { httpOnly: true, sameSite: 'strict', secure: true, path: '/' })
}

/** The addresses of this machine that others can reach. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap(found => found ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address)
}
