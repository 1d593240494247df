import { createSocket } from 'node:dgram'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { DhtAddress } from 'hyperdht'
import { BackerError, messageOf } from '../core/error.js'

/** A running bootstrap node of a DHT of one's own. */
export interface DhtNode {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.startsWith('127.')
}

/**
 * Runs a bootstrap node that listens on `host` (0.0.0.0: all interfaces, known to others by this machine's first address) and `port` (0: any
 * that is free); `bootstrap` are other nodes of the same DHT. Throws USAGE where the address can't be used.
 */
export async function runDhtNode(options: {
  readonly host: string
  readonly port: number
  readonly bootstrap?: readonly DhtAddress[]
}): Promise<DhtNode> {
  const { default: HyperDHT } = await import('hyperdht')
  const { host, bootstrap = [] } = options
  if (!isIPv4(host))
    throw new BackerError('USAGE', `${host} is no IPv4 address to listen on`, {
      hint: 'Give --host an IPv4 address of this machine.'
    })
  const port = await freePort(host, options.port)
  const known = host === '0.0.0.0' ? ownAddress() : host
  // A node that nobody has told its address to answers nothing: a bootstrap node is the one that has to know it by itself.
  const node = HyperDHT.bootstrapper(port, known, { host, bootstrap })
  try {
    await node.fullyBootstrapped()
  } catch (error) {
    await node.destroy({ force: true })
    throw cantListen(host, port, error)
  }
  return { host: known, port, close: () => node.destroy() }
}

/** The port, if it is free; for 0 one that is. Throws USAGE. */
async function freePort(host: string, port: number): Promise<number> {
  const socket = createSocket('udp4')
  try {
    return await new Promise<number>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(port, host, () => resolve(socket.address().port))
    })
  } catch (error) {
    throw cantListen(host, port, error)
  } finally {
    socket.close()
  }
}

function cantListen(host: string, port: number, error: unknown): BackerError {
  return new BackerError('USAGE', `can't listen on ${host}:${port}: ${messageOf(error)}`, {
    hint: 'Choose another --host or --port.',
    cause: error
  })
}

/** This machine's first IPv4 address that others can reach. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1'
}
