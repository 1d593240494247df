import { toBackerError } from './errors.js'
import type { Log } from '../log.js'

/** A request that was refused. */
export interface Refused {
  readonly method: string
  readonly url: string
  readonly status: number
  /** It came by the page's port, not by the socket. */
  readonly isPage: boolean
}

/** Writes down, once, that a request was refused: not what it carried, which may be a secret. */
export function logRefusal(log: Log, { method, url, status, isPage }: Refused, thrown: unknown): void {
  const { code, message, cause } = toBackerError(thrown)
  const [path] = url.split('?')
  const facts = { code, method, path, status, by: isPage ? 'page' : 'socket' }
  if (code === 'INTERNAL') log.error({ ...facts, err: cause }, `request failed: ${message}`)
  else log.warn(facts, `request refused: ${message}`)
}
