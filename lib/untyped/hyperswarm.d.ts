declare module 'hyperdht' {
  import type NoiseSecretStream from '@hyperswarm/secret-stream'
  import type { KeyPair } from 'hypercore-crypto'
  export interface DhtAddress {
    readonly host: string
    readonly port: number
  }
  export interface DhtOptions {
    readonly bootstrap?: readonly (DhtAddress | string)[]
    readonly host?: string
    readonly port?: number
    readonly ephemeral?: boolean
    readonly firewalled?: boolean
    readonly keyPair?: KeyPair
  }
  export default class HyperDHT {
    constructor(options?: DhtOptions)
    static bootstrapper(port: number, host: string, options?: DhtOptions): HyperDHT
    fullyBootstrapped(): Promise<void>
    connect(publicKey: Uint8Array, options?: { keyPair?: KeyPair; relayThrough?: Uint8Array }): NoiseSecretStream
    address(): DhtAddress
    destroy(options?: { force?: boolean }): Promise<void>
  }
}

declare module 'hyperswarm' {
  import type NoiseSecretStream from '@hyperswarm/secret-stream'
  import type { KeyPair } from 'hypercore-crypto'
  import type HyperDHT from 'hyperdht'
  export interface PeerInfo {
    readonly publicKey: Uint8Array
    /** The topics under which this device found the peer; empty where the peer found this device. */
    readonly topics: readonly Uint8Array[]
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
    })
    /** The DHT's server. `firewall`: true where a handshake is to be left without an answer. */
    readonly server: {
      firewall: (
        publicKey: Uint8Array,
        payload: { relayThrough?: unknown } | null,
        address: unknown
      ) => boolean | Promise<boolean>
    }
    on(event: 'connection', listener: (connection: NoiseSecretStream, info: PeerInfo) => void): this
    join(topic: Uint8Array, options: { readonly server: boolean; readonly client: boolean }): Discovery
    leave(topic: Uint8Array): Promise<void>
    flush(): Promise<boolean>
    destroy(): Promise<void>
  }
}
