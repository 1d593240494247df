import type { Database, RootDatabase } from 'lmdb'
import type { Span } from '../core/span.js'
import { SUM_BYTES } from './checksum.js'
import { damagedRow, isSealed, readEach, type IndexState, type Range } from './rows.js'

/** A row where it stands, in LMDB's own buffers. */
export interface RowInPlace {
  readonly key: Readonly<Span>
  readonly value: Readonly<Span>
}

/**
 * A table for being looked through: each row is told by where it stands. By the common way it is copied, twice, into buffers that the garbage collector must
 * hear of, which is more than half of what it takes to look through the index. Source: lmdb's read.js (`getRange`) and keys.js, which hand their own buffers
 * to an encoder.
 */
export class RowsInPlace {
  readonly #rows: Database<Span, Uint8Array>
  readonly #name: string
  readonly #state: IndexState
  readonly #key: Span = { bytes: new Uint8Array(0), start: 0, end: 0 }
  readonly #value: Span = { bytes: new Uint8Array(0), start: 0, end: 0 }

  constructor(env: RootDatabase<Buffer, Uint8Array>, name: string, state: IndexState) {
    const options = { name, encoder: this.#encoder(), keyEncoder: this.#keyEncoder() }
    this.#rows = env.openDB<Span, Uint8Array>(options)
    this.#name = name
    this.#state = state
  }

  /** The rows of a range, each of which holds until anything else is read from the index. Throws as `Rows.get` does. */
  *range(range: Range & { readonly start: Uint8Array }): Generator<RowInPlace, void, undefined> {
    const key = this.#key
    for (const { value } of readEach(this.#state, () => this.#rows.getRange(range))) {
      value.end -= SUM_BYTES
      if (value.end < 0 || !isSealed(key, value, value.bytes)) throw damagedRow(this.#state, this.#name)
      yield { key, value }
    }
  }

  #encoder(): object {
    const value = this.#value
    return {
      encode: (bytes: Uint8Array) => bytes,
      decode(bytes: Uint8Array, length: number): Span {
        value.bytes = bytes
        value.end = length
        return value
      }
    }
  }

  #keyEncoder(): object {
    const key = this.#key
    return {
      writeKey(bytes: Uint8Array, target: Uint8Array, position: number): number {
        target.set(bytes, position)
        return position + bytes.byteLength
      },
      readKey(bytes: Uint8Array, start: number, end: number): undefined {
        key.bytes = bytes
        key.start = start
        key.end = end
      }
    }
  }
}
