import { isIP } from 'node:net'
import type { DhtAddress } from 'hyperdht'
import z32 from 'z32'
import { BackerError } from '../core/error.js'
import { LOG_LEVELS, type LogLevel } from './log-level.js'
import { homeDirectory } from '../home/place.js'

const KEY_BYTES = 32
/** Where the page is for other machines, unless a port is named. */
const REMOTE_PORT = 8750

/** What the environment says. */
export interface Config {
  /** The directory with all state. */
  readonly home: string
  /** The DHT to use; undefined: the public one. */
  readonly bootstrap: readonly DhtAddress[] | undefined
  /** The port of the page on the loopback interface; undefined: the usual one, or any where that is taken. */
  readonly pagePort?: number | undefined
  /** Where the page is for other machines; undefined: nowhere. */
  readonly pageListen?: ListenAddress | undefined
  /** PEM files with the certificate for that and its key; undefined: one of backer's own. */
  readonly pageCertificate?: string | undefined
  readonly pageKey?: string | undefined
  /** False: nobody is looked for on the LAN. */
  readonly lan?: boolean | undefined
  /** The TCP port to take connections at; undefined: the usual one, or any where that is taken. */
  readonly port?: number | undefined
  /** Public keys of relays. */
  readonly relays?: readonly Uint8Array[] | undefined
  /** What other devices call this one; undefined: the host's name. */
  readonly deviceName?: string | undefined
  /** How much is written to the log; undefined: `info`. */
  readonly logLevel?: LogLevel | undefined
  /** Hears one line for everything that happens; undefined: nobody listens. */
  readonly trace?: ((line: string) => void) | undefined
}

/** An IP address of this machine, or `0.0.0.0` or `::` for all of them, and a port. */
export interface ListenAddress {
  readonly address: string
  readonly port: number
}

/** Reads `BACKER_HOME`, `BACKER_BOOTSTRAP`, `BACKER_PAGE_PORT`, `BACKER_PAGE_LISTEN`, `BACKER_NO_LAN`, `BACKER_PORT`, `BACKER_RELAY` and `BACKER_LOG`. Throws USAGE where one is off. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  return {
    home: homeDirectory(env),
    bootstrap: parseBootstrap(env['BACKER_BOOTSTRAP']),
    pagePort: parsePort('BACKER_PAGE_PORT', env['BACKER_PAGE_PORT']),
    pageListen: parseListen('BACKER_PAGE_LISTEN', env['BACKER_PAGE_LISTEN']),
    lan: env['BACKER_NO_LAN'] === '1' ? false : undefined,
    port: parsePort('BACKER_PORT', env['BACKER_PORT']),
    relays: parseRelays(env['BACKER_RELAY']),
    logLevel: parseLevel(env['BACKER_LOG'])
  }
}

/** A port; undefined for an empty text. Throws USAGE, naming `name` as where it was found, as all here do. */
export function parsePort(name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (/^\d{1,5}$/.test(text) && Number(text) < 65536) return Number(text)
  throw new BackerError('USAGE', `"${text}" in ${name} is no port`, { hint: 'It is a number from 0 to 65535.' })
}

/** `192.0.2.1`, `192.0.2.1:8750`, `[2001:db8::1]:8750`; undefined for an empty text. */
export function parseListen(name: string, text: string | undefined): ListenAddress | undefined {
  if (text === undefined || text === '') return undefined
  const [, v6, v4, port] = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const address = isIP(text) === 0 ? (v6 ?? v4 ?? '') : text
  if (isIP(address) === 0 || Number(port ?? 1) < 1 || Number(port ?? 1) > 65535)
    throw new BackerError('USAGE', `"${text}" in ${name} is no address to listen at`, {
      hint: 'It is an IP address of this machine, or 0.0.0.0 for all, with a port if you like: 0.0.0.0:8750.'
    })
  if (address.startsWith('127.') || address === '::1')
    throw new BackerError('USAGE', `${address} is this machine alone, where the page is in any case`, {
      hint: 'page-listen is for other machines: see backer open for the page here.'
    })
  return { address, port: port === undefined ? REMOTE_PORT : Number(port) }
}

/** A level of the log; undefined for an empty text. */
export function parseLevel(text: string | undefined, name = 'BACKER_LOG'): LogLevel | undefined {
  if (text === undefined || text === '') return undefined
  const level = LOG_LEVELS.find(one => one === text)
  if (level !== undefined) return level
  throw new BackerError('USAGE', `"${text}" in ${name} is no level`, { hint: `It is one of ${LOG_LEVELS.join(', ')}.` })
}

/** Public keys in z-base-32, with commas between them; undefined for an empty text. */
export function parseRelays(text: string | undefined, name = 'BACKER_RELAY'): readonly Uint8Array[] | undefined {
  const parts = (text ?? '').split(',').map(part => part.trim())
  const keys = parts.filter(part => part !== '').map(part => parseRelay(part, name))
  return keys.length === 0 ? undefined : keys
}

function parseRelay(text: string, name: string): Uint8Array {
  if (/^[a-z0-9]{52}$/.test(text)) {
    const key = decodeKey(text)
    if (key?.byteLength === KEY_BYTES) return key
  }
  throw new BackerError('USAGE', `"${text}" in ${name} is no public key of a relay`, {
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
export function parseBootstrap(text: string | undefined, name = 'BACKER_BOOTSTRAP'): readonly DhtAddress[] | undefined {
  const parts = (text ?? '').split(',').map(part => part.trim())
  const addresses = parts.filter(part => part !== '').map(part => parseAddress(part, name))
  return addresses.length === 0 ? undefined : addresses
}

function parseAddress(text: string, name: string): DhtAddress {
  const [, host = '', digits = ''] = /^([a-zA-Z0-9_.-]+):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (host === '' || port < 1 || port > 65535) {
    throw new BackerError('USAGE', `"${text}" in ${name} is no host:port`, {
      hint: `Write it like ${name}=192.0.2.1:49737.`
    })
  }
  return { host, port }
}
