import test from 'brittle'
import fc from 'fast-check'
import { CHUNK_BYTES_AVERAGE, CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, nextBoundary } from '../../../lib/core/chunk/fastcdc.js'
import { hashBytes } from '../../../lib/core/model/hash.js'

const MIB = 1024 * 1024

/** Bytes that look random and are the same for the same seed. Source: xorshift32, Marsaglia, 2003. */
function noise(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  let x = (seed + 1) * 2654435761
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    words[i] = x
  }
  return new Uint8Array(words.buffer, 0, length)
}

/** Where the chunks of `bytes` end, all of them at hand. */
function boundariesOf(bytes: Uint8Array): number[] {
  const ends: number[] = []
  for (let start = 0; start < bytes.length; start = ends.at(-1)!)
    ends.push(nextBoundary(bytes, start, bytes.length, true)!)
  return ends
}

/** The same, as one reads who has one buffer and gets `pieces` of these lengths, over and over. */
function boundariesAsRead(bytes: Uint8Array, pieces: readonly number[], bufferBytes: number): number[] {
  const buffer = new Uint8Array(bufferBytes)
  const ends: number[] = []
  let read = 0
  let filled = 0
  let offset = 0
  for (let i = 0; offset < bytes.length; i++) {
    const length = Math.min(pieces[i % pieces.length]!, bytes.length - read, buffer.length - filled)
    buffer.set(bytes.subarray(read, read + length), filled)
    read += length
    filled += length
    let start = 0
    for (;;) {
      const end = nextBoundary(buffer, start, filled, read === bytes.length)
      if (end === undefined) break
      ends.push((offset += end - start))
      start = end
    }
    buffer.copyWithin(0, start, filled)
    filled -= start
  }
  return ends
}

function lengthsOf(ends: readonly number[]): number[] {
  return ends.map((end, i) => end - (ends[i - 1] ?? 0))
}

/** The rule, byte by byte, with nothing skipped or unrolled. */
function boundariesByRule(bytes: Uint8Array): number[] {
  const gear: number[] = []
  for (let i = 0; i < 32; i++) {
    const view = new DataView(Uint8Array.from(hashBytes(Buffer.from(`backer gear table 1 ${i}`))).buffer)
    for (let j = 0; j < 8; j++) gear.push(view.getUint32(4 * j, true))
  }
  const ends: number[] = []
  let start = 0
  for (let i = 0; i < bytes.length; i++) {
    const length = i + 1 - start
    const window = length < 32768 ? [] : bytes.subarray(i + 1 - 31, i + 1)
    let hash = 0
    for (const byte of window) hash = (hash * 2 + gear[byte]!) % 2 ** 32
    const zeros = length <= 106 * 1024 ? 19 : 15
    const isCut = length >= 32768 && Math.floor((hash % 2 ** 31) / 2 ** (31 - zeros)) === 0
    if (!isCut && length < 524288) continue
    ends.push(i + 1)
    start = i + 1
  }
  return start < bytes.length ? [...ends, bytes.length] : ends
}

test('a file is cut as the rule says', t => {
  const bytes = noise(2 * MIB, 5)
  bytes.fill(0, 600_000, 1_300_000)
  t.alike(boundariesOf(bytes), boundariesByRule(bytes))
})

test('known bytes are cut where they always were', t => {
  t.alike(
    boundariesOf(noise(MIB, 1)),
    [175270, 215625, 350364, 426865, 542784, 637227, 747453, 829362, 939883, 1048576]
  )
})

test('where chunks end does not depend on how the bytes are read', t => {
  const bytes = noise(3 * MIB, 7)
  bytes.fill(1, 900_000, 2_000_000)
  const whole = boundariesOf(bytes)
  const pieces = fc.array(fc.integer({ min: 1, max: 700_000 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(pieces, fc.integer({ min: CHUNK_BYTES_MAX, max: 2 * MIB }), (lengths, bufferBytes) => {
      const steps = lengths.map(length => Math.max(length, 20_000))
      return JSON.stringify(boundariesAsRead(bytes, steps, bufferBytes)) === JSON.stringify(whole)
    }),
    { numRuns: 40 }
  )
  t.ok(whole.length > 10)
})

test('a boundary that shows in few bytes is the one that shows in many', t => {
  const bytes = noise(MIB, 9)
  const end = nextBoundary(bytes, 0, bytes.length, true)!
  t.is(nextBoundary(bytes, 0, end, false), end)
  t.is(nextBoundary(bytes, 0, end - 1, false), undefined)
  t.is(nextBoundary(bytes, 0, end - 1, true), end - 1)
  t.is(nextBoundary(bytes, 0, 0, true), undefined)
})

test('the bytes before a chunk play no part in where it ends', t => {
  const bytes = noise(MIB, 11)
  const alone = nextBoundary(bytes.slice(1000), 0, MIB - 1000, true)!
  t.is(nextBoundary(bytes, 1000, MIB, true), alone + 1000)
})

test('chunks have the lengths that they should', t => {
  const ends = boundariesOf(noise(64 * MIB, 13))
  const lengths = lengthsOf(ends)
  const inner = lengths.slice(0, -1)
  const average = inner.reduce((sum, length) => sum + length, 0) / inner.length
  t.ok(Math.min(...inner) >= CHUNK_BYTES_MIN)
  t.ok(Math.max(...lengths) <= CHUNK_BYTES_MAX)
  t.ok(Math.abs(average / CHUNK_BYTES_AVERAGE - 1) < 0.1, `${Math.round(average)} bytes on average`)
  const usual = inner.filter(length => length > CHUNK_BYTES_AVERAGE / 2 && length < CHUNK_BYTES_AVERAGE * 2).length
  t.ok(usual / inner.length > 0.85, `${usual} of ${inner.length} within half and twice the average`)
})

test('bytes without any change in them are cut into the longest chunks', t => {
  for (const byte of [0, 1, 255]) {
    const lengths = lengthsOf(boundariesOf(new Uint8Array(2 * MIB).fill(byte)))
    t.alike(lengths, [CHUNK_BYTES_MAX, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX])
  }
})

const edits = fc.record({
  at: fc.integer({ min: 0, max: 8 * MIB - 1 }),
  removed: fc.oneof(fc.constant(0), fc.constant(1), fc.nat(100_000)),
  inserted: fc.oneof(fc.constant(0), fc.constant(1), fc.nat(100_000)),
  seed: fc.nat()
})

test('an edit changes only the chunks round it', t => {
  const before = noise(8 * MIB, 17)
  const named = (bytes: Uint8Array): string[] =>
    boundariesOf(bytes).map((end, i, ends) =>
      Buffer.from(hashBytes(bytes.subarray(ends[i - 1] ?? 0, end))).toString('hex')
    )
  const known = new Set(named(before))
  let runs = 0
  let changed = 0
  fc.assert(
    fc.property(edits, ({ at, removed, inserted, seed }) => {
      const after = Buffer.concat([before.subarray(0, at), noise(inserted, seed), before.subarray(at + removed)])
      const fresh = named(after).filter(name => !known.has(name)).length
      runs++
      changed += fresh
      // The edit itself spans few chunks; a cut behind it falls on an old one again after a few more.
      return fresh <= 16
    }),
    { numRuns: 100 }
  )
  t.ok(changed / runs < 5, `${(changed / runs).toFixed(1)} chunks changed on average, of ${known.size}`)
})
