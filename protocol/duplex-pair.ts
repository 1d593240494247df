import { Duplex } from 'node:stream'

/** Two streams, each of which reads what the other one is given, with back-pressure. Ending or destroying one does so to the other. */
export function duplexPair(): [Duplex, Duplex] {
  const a = new PairEnd()
  const b = new PairEnd()
  a.join(b)
  b.join(a)
  return [a, b]
}

class PairEnd extends Duplex {
  #other: PairEnd | undefined
  #taken: (() => void) | undefined

  join(other: PairEnd): void {
    this.#other = other
  }

  override _read(): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // Never within the call that writes, as no real stream does: the Noise stream does not expect an answer before its write is over.
    queueMicrotask(() => this.#deliver(bytes, done))
  }

  override _writev(
    chunks: readonly { readonly chunk: Uint8Array; readonly encoding: BufferEncoding }[],
    done: (error?: Error | null) => void
  ): void {
    queueMicrotask(() => this.#deliver(Buffer.concat(chunks.map(({ chunk }) => chunk)), done))
  }

  #deliver(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    const other = this.#other
    if (other !== undefined && !other.destroyed && !other.push(bytes)) {
      other.#taken = done
      return
    }
    // Where the other end is gone, this one is about to follow it.
    done()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#other?.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const other = this.#other
    this.#other = undefined
    const taken = this.#taken
    this.#taken = undefined
    done(error)
    taken?.()
    if (other !== undefined && !other.destroyed) queueMicrotask(() => other.destroy())
  }
}
