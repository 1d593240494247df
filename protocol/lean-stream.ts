import type { Duplex } from 'node:stream'
import NoiseSecretStream from '@hyperswarm/secret-stream'
import type { KeyPair } from 'hypercore-crypto'
import { letGo, own, ownIfAlone } from '../lib/core/own-bytes.js'

/** From how many bytes on a buffer is let go of as soon as it has served. */
const LARGE_BYTES = 16 * 1024

export interface LeanOptions {
  readonly keyPair: KeyPair
  /** The raw stream is a socket that nobody else listens or writes to: what it reads and what it has sent may be let go of. */
  readonly isOwnSocket: boolean
}

/**
 * A Noise stream that lets go of large buffers by itself (see own-bytes.ts): of what its socket has read, once it is taken apart, and of frames,
 * once they have left. The frames that it puts together it notes as owned, so that whoever takes one can do the same. It adds only to steps
 * of secret-stream that are not part of its API: with a version that lacks them it is an ordinary Noise stream.
 */
export class LeanNoiseStream extends NoiseSecretStream {
  readonly #isOwnSocket: boolean
  /** What is being taken apart. */
  #raw: Uint8Array | undefined
  /** Frames that may not have left yet. */
  readonly #leaving: Uint8Array[] = []

  constructor(isInitiator: boolean, raw: Duplex, { keyPair, isOwnSocket }: LeanOptions) {
    super(isInitiator, raw, { keyPair })
    this.#isOwnSocket = isOwnSocket
  }

  override _onrawdata(bytes: Uint8Array): void {
    if (this.#isOwnSocket) ownIfAlone(bytes)
    this.#raw = bytes
    super._onrawdata(bytes)
    this.#raw = undefined
    // Others listen to the socket as well, to count.
    if (this.#isOwnSocket && bytes.byteLength >= LARGE_BYTES) queueMicrotask(() => letGo(bytes))
  }

  override _incoming(): void {
    const message = this._message
    const isView = message?.buffer === this.#raw?.buffer
    if (message !== null && isView && this.#isOwnSocket) this._message = Buffer.from(message)
    else if (message !== null && !isView && message.byteLength >= LARGE_BYTES) ownIfAlone(message)
    super._incoming()
  }

  override _write(bytes: Uint8Array, done: unknown): void {
    const isOwnFrame = this.#isOwnSocket && bytes.byteLength >= LARGE_BYTES && bytes === this._outgoingPlain
    if (isOwnFrame) this.#leaving.push(own(bytes))
    super._write(bytes, done)
    this.#haveLeft()
  }

  override _onrawdrain(): void {
    this.#haveLeft()
    super._onrawdrain()
  }

  #haveLeft(): void {
    if (this.#leaving.length === 0 || this.rawStream.writableLength > 0) return
    for (const frame of this.#leaving.splice(0)) letGo(frame)
  }
}
