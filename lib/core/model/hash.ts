import { blake3, Blake3Hasher } from '@napi-rs/blake-hash'
import b4a from 'b4a'
import { fixed, type Codec } from '../codec.js'
import { BackerError } from '../error.js'

declare const hashBrand: unique symbol
/** A 32-byte BLAKE3 hash. Source: O'Connor et al., "BLAKE3: one function, fast everywhere", 2020. */
export type Hash = Uint8Array & { readonly [hashBrand]: true }

declare const hashKeyBrand: unique symbol
/** A hash in lower-case hexadecimal: the form that maps and logs use. */
export type HashKey = string & { readonly [hashKeyBrand]: true }

export const HASH_BYTES = 32

/** The hash of `bytes`. */
export function hashBytes(bytes: Uint8Array): Hash {
  // It takes any bytes: wrapping them costs a tenth of hashing a short name.
  return blake3(bytes as Buffer) as Uint8Array as Hash
}

/** The hash of several pieces, as if they stood in one row. */
export function hashAll(pieces: readonly Uint8Array[]): Hash {
  const hasher = new Blake3Hasher()
  for (const piece of pieces) hasher.update(bufferOf(piece))
  return hasher.digestBuffer() as Uint8Array as Hash
}

/** The keyed hash (a MAC) of several pieces under a 32-byte key. */
export function hashKeyed(key: Uint8Array, pieces: readonly Uint8Array[]): Hash {
  const hasher = Blake3Hasher.newKeyed(bufferOf(key))
  for (const piece of pieces) hasher.update(bufferOf(piece))
  return hasher.digestBuffer() as Uint8Array as Hash
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** 32 bytes taken as a hash: the border where bytes become one. The result is a copy that holds on to nothing else. Throws MALFORMED. */
export function asHash(bytes: Uint8Array): Hash {
  if (bytes.byteLength < HASH_BYTES) throw new BackerError('MALFORMED', 'a hash is cut short')
  return Uint8Array.prototype.slice.call(bytes, 0, HASH_BYTES) as Hash
}

export function hashKey(hash: Hash): HashKey {
  return b4a.toString(hash, 'hex') as HashKey
}

export function hashFromKey(key: HashKey): Hash {
  return b4a.from(key, 'hex') as Hash
}

export function hashesEqual(a: Hash, b: Hash): boolean {
  // A comparison of 32 bytes is done before a native call has begun.
  for (let i = 0; i < HASH_BYTES; i++) if (a[i] !== b[i]) return false
  return true
}

/** How many groups of `groupBits` bits at the beginning of `hash` are zero: the level that it gives in a tree shaped by hashes. */
export function leadingZeroGroups(hash: Hash, groupBits: number): number {
  let bits = 0
  for (const byte of hash) {
    if (byte !== 0) return Math.floor((bits + Math.clz32(byte) - 24) / groupBits)
    bits += 8
  }
  return Math.floor(bits / groupBits)
}

const raw = fixed(HASH_BYTES)
/** 32 bytes as they are. */
export const hashCodec: Codec<Hash> = {
  preencode: raw.preencode,
  encode: raw.encode,
  decode: state => asHash(raw.decode(state))
}
