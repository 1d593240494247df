import { isIP, isIPv4 } from 'node:net'
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'

/** Where something listens. */
export interface Address {
  /** An IP address, or a name. IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/** `host:port`, or `[host]:port` for IPv6; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([a-zA-Z0-9._-]{1,253})):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port < 1 || port > 65535) return undefined
  if (match?.[1] !== undefined && isIP(host) !== 6) return undefined
  return { host, port }
}

export function formatAddress({ host, port }: Address): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

/** An address as sockets give it, with an IPv4 address that was dressed as IPv6 as what it is. Source: RFC 4291, section 2.5.5.2. */
export function plainHost(host: string): string {
  const inner = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1]
  return inner ?? host
}

/** Addresses of this machine and of local networks. Source: RFC 1918, RFC 3927, RFC 4193, RFC 4291, RFC 6890. */
export function isPrivate(host: string): boolean {
  return /^(127\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|::1$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i.test(
    host
  )
}

/** This machine's addresses that other machines may reach: IPv4, then IPv6 that is neither link-local nor internal. */
export function ownAddresses(): readonly NetworkInterfaceInfo[] {
  const all = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  const reachable = all.filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
  return [
    ...reachable.filter(({ family }) => family === 'IPv4'),
    ...reachable.filter(({ family }) => family !== 'IPv4')
  ]
}

/** True for an IPv4 address in a network that this machine has an interface in. */
export function isNeighbour(host: string, own: readonly NetworkInterfaceInfo[] = ownAddresses()): boolean {
  if (!isIPv4(host)) return false
  return own.some(
    ({ family, address, netmask }) =>
      family === 'IPv4' && ((numberOf(address) ^ numberOf(host)) & numberOf(netmask)) === 0
  )
}

function numberOf(host: string): number {
  return host.split('.').reduce((number, part) => (number << 8) | Number(part), 0)
}
