import type { DhtAddress } from 'hyperdht'
import z32 from 'z32'
import { BackerError } from '../core/error.js'
import { homeDirectory } from '../home/place.js'

const KEY_BYTES = 32

/** What the environment says. */
export interface Config {
  /** The directory with all state. */
  readonly home: string
  /** The DHT to use; undefined: the public one. */
  readonly bootstrap: readonly DhtAddress[] | undefined
  /** The port of the page on the loopback interface; undefined: the usual one, or any where that is taken. */
  readonly pagePort?: number | undefined
  /** False: nobody is looked for on the LAN. */
  readonly lan?: boolean | undefined
  /** The TCP port to take connections at; undefined: the usual one, or any where that is taken. */
  readonly port?: number | undefined
  /** Public keys of relays. */
  readonly relays?: readonly Uint8Array[] | undefined
  /** Hears one line for everything that happens; undefined: nobody listens. */
  readonly trace?: ((line: string) => void) | undefined
}

/** Reads `BACKER_HOME`, `BACKER_BOOTSTRAP`, `BACKER_PAGE_PORT`, `BACKER_NO_LAN`, `BACKER_PORT` and `BACKER_RELAY`. Throws USAGE where one is off. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  return {
    home: homeDirectory(env),
    bootstrap: parseBootstrap(env['BACKER_BOOTSTRAP']),
    pagePort: parsePort('BACKER_PAGE_PORT', env),
    lan: env['BACKER_NO_LAN'] !== '1',
    port: parsePort('BACKER_PORT', env),
    relays: parseRelays(env['BACKER_RELAY'])
  }
}

function parsePort(name: string, env: Readonly<Record<string, string | undefined>>): number | undefined {
  const text = env[name]
  if (text === undefined || text === '') return undefined
  if (/^\d{1,5}$/.test(text) && Number(text) < 65536) return Number(text)
  throw new BackerError('USAGE', `"${text}" in ${name} is no port`, { hint: 'It is a number from 0 to 65535.' })
}

/** Public keys in z-base-32, with commas between them. */
function parseRelays(text: string | undefined): readonly Uint8Array[] {
  const parts = (text ?? '').split(',').map(part => part.trim())
  return parts.filter(part => part !== '').map(parseRelay)
}

function parseRelay(text: string): Uint8Array {
  if (/^[a-z0-9]{52}$/.test(text)) {
    const key = decodeKey(text)
    if (key?.byteLength === KEY_BYTES) return key
  }
  throw new BackerError('USAGE', `"${text}" in BACKER_RELAY is no public key of a relay`, {
    hint: 'It is what backer relay prints: 52 letters.'
  })
}

function decodeKey(text: string): Uint8Array | undefined {
  try {
    return z32.decode(text)
  } catch {
    return undefined
  }
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
