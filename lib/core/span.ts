/** A stretch of bytes that may lie among others: looked at where it stands, it costs no object of its own. */
export interface Span {
  bytes: Uint8Array
  start: number
  end: number
}

/** All of `bytes`. */
export function spanOf(bytes: Uint8Array): Span {
  return { bytes, start: 0, end: bytes.byteLength }
}

/** The bytes of a span, in a buffer of their own. */
export function copyOf({ bytes, start, end }: Readonly<Span>): Buffer {
  return Buffer.from(bytes.subarray(start, end))
}
