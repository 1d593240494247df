import { timingSafeEqual } from 'node:crypto'
import { BackerError } from '../../core/error.js'

/** The name of the cookie that a session has. */
export const COOKIE = 'backer'

/** What a request to the page's port says of where it comes from. */
export interface Request {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
  /** The path, without what follows a `?`. */
  readonly path: string
  readonly cookie: string | undefined
  readonly authorization: string | undefined
}

/**
 * Lets a request through, or throws FORBIDDEN. The page's port can be reached by every program and every web page of this machine, so that:
 * - `Host` must name this port of the loopback interface: a foreign name that was made to point here (DNS rebinding) is refused;
 * - what changes something must come from the page itself: `Origin` must be this port's, where a browser gives one;
 * - whatever tells or changes anything needs the capability token: in the header for a new session, then as its cookie.
 * The page's own files hold nothing secret. Source: Fetch Standard, "Origin header"; CVE-2018-5702.
 */
export function guard(request: Request, { port, token }: { readonly port: number; readonly token: string }): void {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]
  if (request.host === undefined || !hosts.includes(request.host)) throw forbidden('it is not meant for this host')
  const isOwn = request.origin === undefined || hosts.some(host => request.origin === `http://${host}`)
  if (!isOwn) throw forbidden('it comes from another page')
  if (!isSecret(request.path)) {
    if (request.method === 'GET' || request.method === 'HEAD') return
    throw forbidden('there is nothing to change')
  }
  const given = request.path === '/v1/session' ? bearerOf(request.authorization) : request.cookie
  if (given === undefined || !isEqual(given, token))
    throw forbidden('it has no token, or an old one', 'Run `backer open`: it opens the page with the token.')
}

/** True for the paths behind which something is told or changed. */
export function isSecret(path: string): boolean {
  return path.startsWith('/v1/') || path === '/metrics' || path === '/openapi.json'
}

function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer ([\w-]+)$/.exec(authorization ?? '')?.[1]
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.byteLength === right.byteLength && timingSafeEqual(left, right)
}

export function forbidden(why: string, hint?: string): BackerError {
  return new BackerError('FORBIDDEN', `the request is refused: ${why}`, hint === undefined ? {} : { hint })
}
