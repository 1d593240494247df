import type { Road } from '../../protocol/line.js'
import { isPrivate } from './address.js'

/**
 * What decides between two roads to one device. TCP is the faster one on short and clean ways, UDX on long or lossy ones (measured: 114 against
 * 67 MB/s on 1 Gbit/s; 1.9 against 10.3 MB/s on 100 Mbit/s with 50 ms and 0.1 % loss, with cubic), and anything is better than a relay.
 */
export const RANK = { relayed: 10, farTcp: 20, udx: 30, nearTcp: 40 } as const

/**
 * Up to this round trip TCP is the faster road, in milliseconds: within a LAN, where what makes it long is how busy the machines are, and elsewhere.
 */
const NEAR_LAN_MS = 25
export const NEAR_MS = 10

/** True where TCP to `host` is worth more than UDX. `roundTripMs`: the least that was measured; undefined: not yet. */
export function isNear(host: string | undefined, roundTripMs: number | undefined): boolean {
  const isLocal = host !== undefined && isPrivate(host)
  if (roundTripMs === undefined) return isLocal
  return roundTripMs <= (isLocal ? NEAR_LAN_MS : NEAR_MS)
}

export function tcpRoad(host: string | undefined, roundTripMs: number | undefined): Road {
  return { transport: 'tcp', rank: isNear(host, roundTripMs) ? RANK.nearTcp : RANK.farTcp, isRelayed: false, host }
}

export function udxRoad(host: string | undefined, isRelayed: boolean): Road {
  return { transport: 'udx', rank: isRelayed ? RANK.relayed : RANK.udx, isRelayed, host }
}
