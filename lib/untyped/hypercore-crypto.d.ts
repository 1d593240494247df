declare module 'hypercore-crypto' {
  export interface KeyPair {
    readonly publicKey: Uint8Array
    readonly secretKey: Uint8Array
  }
  const crypto: {
    keyPair(seed?: Uint8Array): KeyPair
    sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array
    verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean
    discoveryKey(publicKey: Uint8Array): Uint8Array
    randomBytes(length: number): Uint8Array
  }
  export default crypto
}
