import { isIP } from 'node:net'
import { forbidden, isSecret, type Request } from './guard.js'

/** Where a password opens a session. */
export const SESSION_PATH = '/v1/session'

/** What a request that comes from beyond this machine is held against. */
export interface RemoteDoor {
  /** True for a name or an IP address (without brackets) that means this machine. */
  readonly isOwnHost: (host: string) => boolean
  readonly port: number
  /** True where the cookie is that of a session. */
  readonly isSession: (cookie: string | undefined) => boolean
}

/**
 * Lets a request from beyond this machine through, or throws FORBIDDEN. It is as strict as `guard`: `Host` must be one under which this machine is known
 * there, with the port; `Origin`, where there is one, must be the very same host over TLS; and whatever tells or changes anything needs a session, which only the
 * password opens. The token of this machine's own page opens nothing here.
 */
export function guardRemote(request: Request, { isOwnHost, port, isSession }: RemoteDoor): void {
  if (!isOwnHost(hostIn(request.host, port) ?? '')) throw forbidden('it is not meant for this host')
  if (request.origin !== undefined && request.origin !== `https://${request.host ?? ''}`)
    throw forbidden('it comes from another page')
  if (request.path === SESSION_PATH && request.method === 'POST') return
  if (!isSecret(request.path)) {
    if (request.method === 'GET' || request.method === 'HEAD') return
    throw forbidden('there is nothing to change')
  }
  if (!isSession(request.cookie)) throw forbidden('it has no session', 'Give the password first.')
}

/** What stands before the port in a `Host`, without brackets; undefined for another port. Browsers leave out 443. */
function hostIn(header: string | undefined, port: number): string | undefined {
  const [, name = '', given] = /^(\[[0-9a-f:.]+\]|[^[\]:]+)(?::(\d{1,5}))?$/i.exec(header ?? '') ?? []
  if (Number(given ?? 443) !== port || name === '') return undefined
  const plain = name.replace(/^\[|\]$/g, '')
  return name.startsWith('[') && isIP(plain) !== 6 ? undefined : plain.toLowerCase()
}
