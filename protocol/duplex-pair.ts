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
    const other = this.#other
    if (other === undefined || other.destroyed) {
      done(new Error('the other end is gone'))
      return
    }
    if (other.push(bytes)) {
      done()
      return
    }
    other.#taken = done
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
