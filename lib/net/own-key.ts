import type { NoiseStream } from '../../protocol/handshake.js'
import type { Runtime, Timer } from '../runtime.js'

/** How long the other end of a loop may take to be there: both are in this process. */
const LOOP_MS = 2000

/**
 * Streams at whose far end there is this device's own key. Where this process has both ends (they share one handshake), it has connected to itself; where it has
 * one, another machine has the key. Source: The Noise Protocol Framework, revision 34, section 11.2 (channel binding).
 */
export class OwnKey {
  readonly #runtime: Runtime
  readonly #onclone: (host: string | undefined) => void
  readonly #ends = new Map<string, { readonly stream: NoiseStream; readonly timer: Timer }>()

  /** `onclone`: another machine has the key, at this address. */
  constructor(runtime: Runtime, onclone: (host: string | undefined) => void) {
    this.#runtime = runtime
    this.#onclone = onclone
  }

  /** Takes a stream over; it is ended in any case. */
  meet(stream: NoiseStream, host: string | undefined): void {
    stream.on('error', () => undefined)
    const name = Buffer.from(stream.handshakeHash ?? []).toString('hex')
    const other = this.#ends.get(name)
    if (other !== undefined) {
      this.#forget(name)
      other.stream.destroy()
      stream.destroy()
      return
    }
    const timer = this.#runtime.timers.after(LOOP_MS, () => {
      this.#forget(name)
      stream.destroy()
      this.#onclone(host)
    })
    this.#ends.set(name, { stream, timer })
    // Whoever goes at once shows nothing.
    stream.once('close', () => {
      if (this.#ends.get(name)?.stream === stream) this.#forget(name)
    })
  }

  close(): void {
    for (const [name, { stream }] of [...this.#ends]) {
      this.#forget(name)
      stream.destroy()
    }
  }

  #forget(name: string): void {
    this.#ends.get(name)?.timer.cancel()
    this.#ends.delete(name)
  }
}
