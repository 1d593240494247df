import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { DhtAddress } from 'hyperdht'
import type HyperDHT from 'hyperdht'
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
 * Nodes that run beside a bootstrap node, on the ports behind its own. A device finds out what its NAT does from how three nodes see it at
 * least: with fewer no hole is punched (hyperdht's nat.js), so that a DHT of one node would connect nobody behind a router.
 */
const HELPERS = 3

/** How often nodes of the same DHT that are not known are looked for. */
const MEET_EVERY_MS = 20_000

/**
 * Runs a bootstrap node that listens on `host` (0.0.0.0: all interfaces, known to others by this machine's first address) and `port` (0: any
 * that is free); `bootstrap` are other nodes of the same DHT. Throws USAGE where the address can't be used.
 */
export async function runDhtNode(options: {
  readonly host: string
  readonly port: number
  readonly bootstrap?: readonly DhtAddress[] | undefined
}): Promise<DhtNode> {
  const { default: DhtClass } = await import('hyperdht')
  const { host, bootstrap = [] } = options
  if (!isIPv4(host))
    throw new BackerError('USAGE', `${host} is no IPv4 address to listen on`, {
      hint: 'Give --host an IPv4 address of this machine.'
    })
  const port = await freePort(host, options.port)
  const known = host === '0.0.0.0' ? ownAddress() : host
  const nodes: HyperDHT[] = []
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map(node => node.destroy()))
  }
  // A node that nobody has told its address to answers nothing: a bootstrap node is the one that has to know it by itself.
  const start = async (at: number, others: readonly DhtAddress[]): Promise<void> => {
    const node = DhtClass.bootstrapper(at, known, { host, bootstrap: others })
    nodes.push(node)
    await node.fullyBootstrapped()
  }
  try {
    await start(port, [])
    for (let i = 1; i <= HELPERS && !isLoopback(host); i++)
      await start(await freePortNear(host, port + i), [{ host: known, port }])
  } catch (error) {
    await close()
    throw cantListen(host, port, error)
  }
  const others = bootstrap.filter(other => other.host !== known || other.port !== port)
  const meet = (): void => nodes.forEach(node => others.forEach(other => void meetNode(node, other)))
  meet()
  const meeting = setInterval(meet, MEET_EVERY_MS).unref()
  const stop = (): Promise<void> => {
    clearInterval(meeting)
    return close()
  }
  return { host: known, port, close: stop }
}

/** Makes two nodes of one DHT known to each other, if the other one is there. A node that waited for that at its start would answer nobody until then. */
async function meetNode(node: HyperDHT, { host, port }: DhtAddress): Promise<void> {
  try {
    const { address } = await lookup(host, 4)
    const isKnown = node.toArray().some(known => known.host === address && known.port === port)
    if (isKnown) return
    await node.ping({ host: address, port })
    node.addNode({ host: address, port })
    node.refresh()
  } catch {
    // Neither a name that can't be resolved nor a node that does not answer is the end: it is tried again.
  }
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

/** The port, if it is free, or else any that is. */
function freePortNear(host: string, port: number): Promise<number> {
  return freePort(host, port).catch(() => freePort(host, 0))
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
