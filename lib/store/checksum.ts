import type { Span } from '../core/span.js'

/** How many bytes a checksum has. */
export const SUM_BYTES = 8
/** Of what is longer, only so many bytes are mixed in plain JavaScript, which beats a call of the native hash for short values alone. */
export const SHORT_BYTES_MAX = 768

/**
 * Writes a checksum of `key` and `value` to `into` at `offset`: two lanes of 32 bits over all words of both. Against damage, not against anybody who
 * means it. Source: the mixing steps of Austin Appleby's MurmurHash3 (x86_32), with a second lane that is fed from the first.
 */
export function putChecksum(into: Uint8Array, offset: number, key: Readonly<Span>, value: Readonly<Span>): void {
  const lanes: Lanes = { a: 0x9e3779b9 ^ (key.end - key.start), b: 0x7f4a7c15 ^ (value.end - value.start) }
  mix(lanes, key)
  mix(lanes, value)
  putWord(into, offset, finish(lanes.a ^ Math.imul(lanes.b, 0x27d4eb2f)))
  putWord(into, offset + 4, finish(lanes.b + lanes.a))
}

interface Lanes {
  a: number
  b: number
}

function mix(lanes: Lanes, { bytes, start, end }: Readonly<Span>): void {
  const whole = start + ((end - start) & ~3)
  let { a, b } = lanes
  for (let i = start; i < end; i += 4) {
    let word = 0
    if (i < whole) word = at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24)
    else for (let j = i; j < end; j++) word |= at(bytes, j) << (8 * (j - i))
    word = Math.imul(word, 0xcc9e2d51)
    word = Math.imul((word << 15) | (word >>> 17), 0x1b873593)
    a ^= word
    a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0
    b = Math.imul(b ^ word ^ (a >>> 7), 0x85ebca6b)
    b = (b << 17) | (b >>> 15)
  }
  lanes.a = a
  lanes.b = b
}

function at(bytes: Uint8Array, i: number): number {
  return bytes[i] ?? 0
}

function finish(lane: number): number {
  let h = lane ^ (lane >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

function putWord(into: Uint8Array, offset: number, word: number): void {
  for (let i = 0; i < 4; i++) into[offset + i] = word >>> (8 * i)
}
