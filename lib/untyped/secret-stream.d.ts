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
    /** Private, as are the steps below, which protocol/lean-stream.ts adds to. The frame that is being put together. */
    _message: Uint8Array | null
    /** The inside of the frame that `alloc` made last, until it is written. */
    readonly _outgoingPlain: Uint8Array | null
    _onrawdata(bytes: Uint8Array): void
    _incoming(): void
    _onrawdrain(): void
    _write(bytes: Uint8Array, done: unknown): void
    /** Milliseconds; 0: never. */
    readonly keepAlive: number
    readonly timeout: number
    /** The inside of a new frame, for the next `write`. */
    alloc(bytes: number): Uint8Array
    setKeepAlive(ms: number): void
    setTimeout(ms: number): void
  }
}
