import type { DhtAddress } from 'hyperdht'
import { BackerError } from '../core/error.js'
import { homeDirectory } from '../home/place.js'

/** What the environment says. */
export interface Config {
  /** The directory with all state. */
  readonly home: string
  /** The DHT to use; undefined: the public one. */
  readonly bootstrap: readonly DhtAddress[] | undefined
  /** The port of the page on the loopback interface; undefined: the usual one, or any where that is taken. */
  readonly pagePort?: number | undefined
  /** Hears one line for everything that happens; undefined: nobody listens. */
  readonly trace?: ((line: string) => void) | undefined
}

/** Reads `BACKER_HOME`, `BACKER_BOOTSTRAP` and `BACKER_PAGE_PORT`. Throws USAGE where an address or a port is off. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  return {
    home: homeDirectory(env),
    bootstrap: parseBootstrap(env['BACKER_BOOTSTRAP']),
    pagePort: parsePort(env['BACKER_PAGE_PORT'])
  }
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port <= 65535) return port
  throw new BackerError('USAGE', `"${text}" in BACKER_PAGE_PORT is no port`, {
    hint: 'It is a number from 1 to 65535.'
  })
}

/** `host:port,host:port`; undefined for an empty text. Throws USAGE naming what is no address. */
export function parseBootstrap(text: string | undefined): readonly DhtAddress[] | undefined {
  const parts = (text ?? '').split(',').map(part => part.trim())
  const addresses = parts.filter(part => part !== '').map(parseAddress)
  return addresses.length === 0 ? undefined : addresses
}

function parseAddress(text: string): DhtAddress {
  const [, host = '', digits = ''] = /^([a-zA-Z0-9_.-]+):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (host === '' || port < 1 || port > 65535) {
    throw new BackerError('USAGE', `"${text}" in BACKER_BOOTSTRAP is no host:port`, {
      hint: 'Write it like BACKER_BOOTSTRAP=192.0.2.1:49737.'
    })
  }
  return { host, port }
}
