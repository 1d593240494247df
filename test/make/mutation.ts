import fc from 'fast-check'
import { isBackerError } from '../../lib/core/error.js'

/** Bytes with a few of them changed, removed or put in. */
export function mutationsOf(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const position = fc.nat(Math.max(0, bytes.length - 1))
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x2f, 0xfc, 0xfd, 0xfe, 0xff))
  const change = fc.record({ kind: fc.constantFrom('set', 'flip', 'insert', 'remove'), position, byte })
  return fc.array(change, { minLength: 1, maxLength: 4 }).map(changes => {
    const mutated = [...bytes]
    for (const { kind, position: at, byte: value } of changes) {
      if (kind === 'set') mutated[at] = value
      else if (kind === 'flip') mutated[at] = (mutated[at] ?? 0) ^ (1 << (value % 8))
      else mutated.splice(at, kind === 'remove' ? 1 : 0, ...(kind === 'insert' ? [value] : []))
    }
    return Uint8Array.from(mutated)
  })
}

/**
 * True where `decode` either refuses `bytes` with a BackerError or takes them as the one form of what they mean, so that
 * `encode` gives the very same bytes back. Any other error passes through.
 */
export function isRefusedOrCanonical<T>(
  decode: (bytes: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
  bytes: Uint8Array
): boolean {
  let value: T
  try {
    value = decode(bytes)
  } catch (error) {
    if (isBackerError(error)) return true
    throw error
  }
  return Buffer.compare(encode(value), bytes) === 0
}

/** True where every beginning of `bytes` but all of them is refused with a BackerError. */
export function refusesTruncations(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean {
  for (let length = 0; length < bytes.length; length++) {
    try {
      decode(bytes.slice(0, length))
      return false
    } catch (error) {
      if (!isBackerError(error)) throw error
    }
  }
  return true
}
