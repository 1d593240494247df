declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events'
  import type NoiseSecretStream from '@hyperswarm/secret-stream'
  import type { KeyPair } from 'hypercore-crypto'
  export interface DhtAddress {
    readonly host: string
    readonly port: number
  }
  export interface DhtOptions {
    readonly bootstrap?: readonly (DhtAddress | string)[]
    /** Nodes that were known before. */
    readonly nodes?: readonly DhtAddress[]
    readonly host?: string
    readonly port?: number
    readonly ephemeral?: boolean
    readonly firewalled?: boolean
    /** Who it is to relays, and to others that `connect` is given no key pair for. */
    readonly keyPair?: KeyPair
  }
  export interface DhtServer extends EventEmitter {
    readonly publicKey: Uint8Array | null
    listen(keyPair: KeyPair): Promise<DhtServer>
    /** Announces it anew, within three seconds. */
    refresh(): void
    /** null while it does not listen. `relays`: the nodes that relay handshakes to it. */
    readonly _announcer: { readonly relays: readonly unknown[]; readonly _sleeper: { resume(): void } } | null
    close(): Promise<void>
  }
  /** Says who may not connect. `payload` is null where this side connects. */
  export type Firewall = (remotePublicKey: Uint8Array, payload: object | null) => boolean
  /** The same, of a server, which can wait for it. */
  export type ServerFirewall = (remotePublicKey: Uint8Array) => boolean | Promise<boolean>
  export default class HyperDHT extends EventEmitter {
    constructor(options?: DhtOptions)
    static bootstrapper(port: number, host: string, options?: DhtOptions): HyperDHT
    fullyBootstrapped(): Promise<void>
    address(): DhtAddress
    /** Where it is reached from outside; null where it is behind a NAT or does not know. */
    remoteAddress(): DhtAddress | null
    readonly host: string | null
    readonly port: number
    firewalled: boolean
    readonly io: { firewalled: boolean }
    /** Finds out whether the port is open, as dht-rpc does now and then by itself. Never rejects. */
    _updateNetworkState(onlyFirewall: boolean): Promise<boolean>
    /** Behind a NAT that gives each destination a port of its own. */
    readonly randomized: boolean
    readonly online: boolean
    readonly listening: ReadonlySet<DhtServer>
    /** `reset`: it is online, as far as is known. */
    readonly health: { reset(): void }
    /** Counted from the start. */
    readonly stats: { readonly requests: { readonly responses: number }; readonly queries: { readonly total: number } }
    readonly bootstrapped: boolean
    toArray(options?: { limit: number }): DhtAddress[]
    addNode(node: DhtAddress): void
    /** Rejects where nobody answers. */
    ping(node: DhtAddress): Promise<unknown>
    /** Asks other nodes for more of them. */
    refresh(): void
    connect(publicKey: Uint8Array, options?: object): NoiseSecretStream
    /** Who has announced themselves under a topic: nodes answer one after the other. */
    lookup(topic: Uint8Array): AsyncIterable<{ readonly peers: readonly { readonly publicKey: Uint8Array }[] }>
    announce(topic: Uint8Array, keyPair: KeyPair): { finished(): Promise<void> }
    createRawStream(options: object): object
    createServer(
      options: {
        readonly firewall?: ServerFirewall
        /** Makes the stream of what has come, of hyperdht's raw one. */
        readonly createSecretStream?: (isInitiator: boolean, rawStream: EventEmitter) => EventEmitter
      },
      onconnection: (stream: NoiseSecretStream) => void
    ): DhtServer
    destroy(options?: { force?: boolean }): Promise<void>
  }
}

declare module 'hyperswarm' {
  import type NoiseSecretStream from '@hyperswarm/secret-stream'
  import type { KeyPair } from 'hypercore-crypto'
  import type HyperDHT from 'hyperdht'
  import type { Firewall } from 'hyperdht'
  export interface PeerInfo {
    readonly publicKey: Uint8Array
    /** The topics under which this device found the peer; empty where the peer found this device. */
    readonly topics: readonly Uint8Array[]
    ban(isBanned: boolean): void
  }
  export interface Discovery {
    flushed(): Promise<boolean>
    refresh(options?: { client?: boolean; server?: boolean }): Promise<void>
    destroy(): Promise<void>
  }
  export default class Hyperswarm {
    constructor(options: {
      readonly keyPair: KeyPair
      readonly dht: HyperDHT
      readonly maxPeers?: number
      readonly maxServerConnections?: number
      readonly firewall?: Firewall
      /** Keys of relays to offer for a connection; null: none. `isForced`: hole punching has failed. */
      readonly relayThrough?: (isForced: boolean) => Uint8Array[] | null
    })
    /** The DHT's server. `firewall`: true where a handshake is to be left without an answer. */
    readonly server: {
      firewall: (
        publicKey: Uint8Array,
        payload: { relayThrough?: { readonly publicKey: Uint8Array } | null } | null,
        address: unknown
      ) => boolean | Promise<boolean>
      /** Asked with each handshake that the firewall lets in, before it is answered. */
      relayThrough: (() => Uint8Array[] | null) | null
      on(event: 'connection', listener: (connection: NoiseSecretStream) => void): unknown
      listeners(event: 'connection'): unknown[]
      removeAllListeners(event: 'connection'): unknown
    }
    /** What it connects to, and what it is connected to; at most one to each device. */
    readonly _allConnections: { has(publicKey: Uint8Array): boolean }
    on(event: 'connection', listener: (connection: NoiseSecretStream, info: PeerInfo) => void): this
    on(event: 'ban', listener: (info: PeerInfo) => void): this
    readonly connecting: number
    /** By their public keys in hexadecimal. */
    readonly peers: ReadonlyMap<string, PeerInfo>
    join(topic: Uint8Array, options: { readonly server: boolean; readonly client: boolean }): Discovery
    leave(topic: Uint8Array): Promise<void>
    flush(): Promise<boolean>
    destroy(): Promise<void>
  }
}
