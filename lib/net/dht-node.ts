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
 * Runs a bootstrap node that listens on `host` (0.0.0.0: all interfaces) and `port` (0: any that is free); `bootstrap` are other nodes
 * of the same DHT. Throws USAGE where the address can't be bound.
 */
export async function runDhtNode(options: {
  readonly host: string
  readonly port: number
  readonly bootstrap?: readonly DhtAddress[]
}): Promise<DhtNode> {
  const { default: HyperDHT } = await import('hyperdht')
  const { host, port, bootstrap = [] } = options
  const node = new HyperDHT({ ephemeral: false, firewalled: false, bootstrap, port, host })
  try {
    await node.fullyBootstrapped()
  } catch (error) {
    await node.destroy({ force: true })
    throw new BackerError('USAGE', `can't listen on ${host}:${port}: ${messageOf(error)}`, {
      hint: 'Choose another --host or --port.',
      cause: error
    })
  }
  const bound = node.address()
  if (port !== 0 && bound.port !== port) {
    await node.destroy({ force: true })
    throw new BackerError('USAGE', `can't listen on ${host}:${port}: the port is taken`, {
      hint: 'Choose another --port.'
    })
  }
  return { host, port: bound.port, close: () => node.destroy() }
}
