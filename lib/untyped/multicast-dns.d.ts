declare module 'multicast-dns' {
  import type { EventEmitter } from 'node:events'
  import type { RemoteInfo } from 'node:dgram'

  export interface DnsRecord {
    readonly name: string
    readonly type: string
    readonly ttl?: number
    readonly data?: unknown
  }
  export interface DnsPacket {
    readonly questions?: readonly { readonly name: string; readonly type: string }[]
    readonly answers?: readonly DnsRecord[]
    readonly additionals?: readonly DnsRecord[]
  }
  export interface MulticastDns extends EventEmitter {
    on(event: 'query' | 'response', listener: (packet: DnsPacket, from: RemoteInfo) => void): this
    on(event: 'error' | 'warning', listener: (error: Error) => void): this
    query(packet: DnsPacket): void
    respond(packet: DnsPacket): void
    destroy(callback?: () => void): void
  }
  export default function multicastDns(options: {
    /** The address of the interface to use. */
    readonly interface: string
    readonly bind: string
    readonly loopback?: boolean
    readonly ttl?: number
  }): MulticastDns
}
