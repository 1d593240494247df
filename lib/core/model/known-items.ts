import { type CodecState } from '../codec.js'
import { NAME_BYTES_MAX } from './path.js'
import type { Span } from '../span.js'
import type { Stamp } from './stamp.js'
import { stampCodec } from './stamp-codec.js'

/** One item of a directory as the index has it: its name in UTF-8, and the bytes of its stamp; no bytes where it is to be looked at in any case. */
export interface KnownItem {
  readonly name: Readonly<Span>
  readonly stamp: Readonly<Span>
}

/** What is told of an item that is to be looked at in any case. */
export const NO_STAMP: Readonly<Span> = { bytes: new Uint8Array(0), start: 0, end: 0 }

const FIRST_BYTES = 8192
/** More than any stamp takes. */
const STAMP_BYTES_MAX = 64

/**
 * The items of one directory, in bytes that cost nothing to hand from thread to thread: of each the length of its name, its name, the length of its
 * stamp, its stamp.
 */
export class KnownItems {
  #bytes = new Uint8Array(FIRST_BYTES)
  #end = 0

  add({ name, stamp }: KnownItem): void {
    if (this.#end + 2 + NAME_BYTES_MAX + STAMP_BYTES_MAX > this.#bytes.byteLength) this.#grow()
    this.#put(name)
    this.#put(stamp)
  }

  /** Byte by byte: for so few of them that beats a view of them, which `set` would need. */
  #put({ bytes, start, end }: Readonly<Span>): void {
    const into = this.#bytes
    let at = this.#end
    into[at++] = end - start
    for (let i = start; i < end; i++) into[at++] = bytes[i] ?? 0
    this.#end = at
  }

  #grow(): void {
    const more = new Uint8Array(this.#bytes.byteLength * 2)
    more.set(this.#bytes)
    this.#bytes = more
  }

  /** All that were added, in bytes of their own; the next ones are another directory's. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#end)
    this.#end = 0
    return taken
  }
}

const scratch: CodecState & { readonly buffer: Uint8Array } = {
  buffer: new Uint8Array(STAMP_BYTES_MAX),
  start: 0,
  end: 0
}

/** What `KnownItems` wrote, by name. Each item is taken off when it has been found. */
export class ExpectedItems {
  readonly #bytes: Buffer
  /** Where the length of each one's stamp stands. */
  readonly #places = new Map<string, number>()

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at < bytes.byteLength;) {
      const place = at + 1 + this.#byte(at)
      this.#places.set(this.#bytes.toString('utf8', at + 1, place), place)
      at = place + 1 + this.#byte(place)
    }
  }

  /** Takes an item off; true where its stamp is known, and is this one. */
  find(name: string, stamp: Stamp): boolean {
    const place = this.#places.get(name)
    if (place === undefined) return false
    this.#places.delete(name)
    const length = this.#byte(place)
    if (length === 0) return false
    scratch.start = 0
    stampCodec.encode(scratch, stamp)
    return (
      scratch.start === length && this.#bytes.compare(scratch.buffer, 0, length, place + 1, place + 1 + length) === 0
    )
  }

  /** Takes an item off that is there, and can't be told more of. */
  pass(name: string): void {
    this.#places.delete(name)
  }

  /** The names of those that were not found. */
  get missing(): readonly string[] {
    return [...this.#places.keys()]
  }

  #byte(at: number): number {
    return this.#bytes[at] ?? 0
  }
}
