import c from 'compact-encoding'
import { BackerError } from './error.js'

/** The cursor that compact-encoding's codecs share: `start` moves, `end` bounds. */
export interface CodecState {
  buffer: Uint8Array | null
  start: number
  end: number
}

/** A compact-encoding codec: sizes first, then bytes. `decode` throws on anything malformed. */
export interface Codec<T> {
  readonly preencode: (state: CodecState, value: T) => void
  readonly encode: (state: CodecState, value: T) => void
  readonly decode: (state: CodecState) => T
}

/** The bytes of a value: one exact allocation. */
export function encodeWith<T>(codec: Codec<T>, value: T): Uint8Array {
  const state: CodecState = { buffer: null, start: 0, end: 0 }
  codec.preencode(state, value)
  state.buffer = new Uint8Array(state.end)
  codec.encode(state, value)
  return state.buffer
}

/** As `encodeWith`, for short bytes that are soon copied elsewhere or forgotten: they are cut from a buffer that others share, which they would hold on to. */
export function encodeShort<T>(codec: Codec<T>, value: T): Uint8Array {
  const state: CodecState = { buffer: null, start: 0, end: 0 }
  codec.preencode(state, value)
  const bytes = Buffer.allocUnsafe(state.end)
  state.buffer = bytes
  codec.encode(state, value)
  return bytes
}

/**
 * The value in `bytes`, all of which must be used up.
 * Throws MALFORMED (or the codec's own BackerError, such as LIMIT or BAD_PATH) naming `what` it should have been.
 */
export function decodeWith<T>(codec: Pick<Codec<T>, 'decode'>, bytes: Uint8Array, what: string): T {
  const state: CodecState = { buffer: bytes, start: 0, end: bytes.byteLength }
  let value: T
  try {
    value = codec.decode(state)
  } catch (error) {
    if (error instanceof BackerError) throw error
    throw new BackerError('MALFORMED', `${what} is not well formed`, { cause: error })
  }
  if (state.start !== state.end) throw new BackerError('MALFORMED', `${what} has bytes left over`)
  return value
}

/** An unsigned integer up to 2^53 - 1. Throws MALFORMED on larger ones and on longer forms than needed. */
export const uint: Codec<number> = {
  preencode: (state, value) => c.uint.preencode(state, value),
  encode: (state, value) => c.uint.encode(state, value),
  decode(state) {
    const start = state.start
    const value = c.uint.decode(state)
    const size = state.start - start
    const shortest = value <= 0xfc ? 1 : value <= 0xffff ? 3 : value <= 0xffffffff ? 5 : 9
    if (!Number.isSafeInteger(value) || size !== shortest)
      throw new BackerError('MALFORMED', 'an integer is not canonical')
    return value
  }
}

/** A signed 64-bit integer, eight bytes, little-endian. */
export const int64: Codec<bigint> = {
  preencode(state) {
    state.end += 8
  },
  encode(state, value) {
    word.setBigInt64(0, value, true)
    bytesOf(state).set(wordBytes, state.start)
    state.start += 8
  },
  decode(state) {
    need(state, 8)
    const bytes = bytesOf(state)
    for (let i = 0; i < 8; i++) wordBytes[i] = bytes[state.start++] ?? 0
    return word.getBigInt64(0, true)
  }
}

/** `length` bytes as they are. The decoded value is a view, not a copy. */
export function fixed(length: number): Codec<Uint8Array> {
  return {
    preencode(state) {
      state.end += length
    },
    encode(state, value) {
      if (value.byteLength !== length)
        throw new BackerError('MALFORMED', `expected ${length} bytes, got ${value.byteLength}`)
      bytesOf(state).set(value, state.start)
      state.start += length
    },
    decode(state) {
      need(state, length)
      const value = bytesOf(state).subarray(state.start, state.start + length)
      state.start += length
      return value
    }
  }
}

/** Bytes with their length in front, at most `maximum` of them. The decoded value is a view. Throws LIMIT. */
export function bounded(maximum: number, what: string): Codec<Uint8Array> {
  return {
    preencode(state, value) {
      uint.preencode(state, value.byteLength)
      state.end += value.byteLength
    },
    encode(state, value) {
      if (value.byteLength > maximum) throw new BackerError('LIMIT', `${what} is over ${maximum} bytes`)
      uint.encode(state, value.byteLength)
      bytesOf(state).set(value, state.start)
      state.start += value.byteLength
    },
    decode(state) {
      const length = uint.decode(state)
      if (length > maximum) throw new BackerError('LIMIT', `${what} is over ${maximum} bytes`)
      need(state, length)
      const value = bytesOf(state).subarray(state.start, state.start + length)
      state.start += length
      return value
    }
  }
}

/** A list with its length in front, at most `maximum` items. Throws LIMIT before anything is allocated. */
export function list<T>(item: Codec<T>, maximum: number, what: string): Codec<readonly T[]> {
  return {
    preencode(state, values) {
      uint.preencode(state, values.length)
      // By index, here and below: an iterator makes an object for each item until V8 has compiled it away.
      for (let i = 0; i < values.length; i++) item.preencode(state, values[i] as T)
    },
    encode(state, values) {
      if (values.length > maximum) throw new BackerError('LIMIT', `${what}: more than ${maximum} items`)
      uint.encode(state, values.length)
      for (let i = 0; i < values.length; i++) item.encode(state, values[i] as T)
    },
    decode(state) {
      const length = uint.decode(state)
      if (length > maximum) throw new BackerError('LIMIT', `${what}: more than ${maximum} items`)
      const values: T[] = []
      for (let i = 0; i < length; i++) values.push(item.decode(state))
      return values
    }
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const utf8 = new TextEncoder()

/** Text as UTF-8 with its length in front, at most `maximum` bytes. Throws LIMIT, or MALFORMED where it is not UTF-8. */
export function text(maximum: number, what: string): Codec<string> {
  const bytes = bounded(maximum, what)
  return {
    preencode: (state, value) => bytes.preencode(state, utf8.encode(value)),
    encode: (state, value) => bytes.encode(state, utf8.encode(value)),
    decode: state => decodeUtf8(bytes.decode(state), what)
  }
}

/** The text in `bytes`. Throws MALFORMED where they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return strictUtf8.decode(bytes)
  } catch (error) {
    throw new BackerError('MALFORMED', `${what} is not UTF-8`, { cause: error })
  }
}

/** The bytes that a codec reads or writes; codecs never run without them. */
export function bytesOf(state: CodecState): Uint8Array {
  if (state.buffer === null) throw new BackerError('MALFORMED', 'no buffer')
  return state.buffer
}

/** Throws MALFORMED unless `length` more bytes are there. */
export function need(state: CodecState, length: number): void {
  if (state.start + length > state.end) throw new BackerError('MALFORMED', 'cut short')
}

/** Through here go the bytes of such integers: to make a view of each record's own bytes costs more than to read or write all four of a stamp's. */
const wordBytes = new Uint8Array(8)
const word = new DataView(wordBytes.buffer)
