declare module '@hyperswarm/secret-stream' {
  import type { Duplex } from 'node:stream'
  import type { KeyPair } from 'hypercore-crypto'

  export default class NoiseSecretStream extends Duplex {
    constructor(
      isInitiator: boolean,
      rawStream: Duplex,
      options: { readonly keyPair: KeyPair; readonly keepAlive?: number }
    )
    readonly noiseStream: NoiseSecretStream
    readonly isInitiator: boolean
    readonly publicKey: Uint8Array
    readonly remotePublicKey: Uint8Array
    readonly handshakeHash: Uint8Array | null
    /** True once the handshake is done. */
    readonly connected: boolean
    readonly opened: Promise<boolean>
    readonly rawStream: Duplex & {
      readonly remoteHost?: string
      readonly remotePort?: number
      readonly remoteAddress?: string
    }
    /** Set by hyperdht while the connection goes through a relay. */
    readonly relay: unknown
    readonly rawBytesWritten: number
    /** The announced length of the frame that is being received; 0 between frames. Private: not there in every version. */
    readonly _len?: number
    /** Milliseconds; 0: never. */
    readonly keepAlive: number
    readonly timeout: number
    setKeepAlive(ms: number): void
    setTimeout(ms: number): void
  }
}
