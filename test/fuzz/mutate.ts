import type { SeededRandom } from '../sim/random.js'

/** Numbers at which things change: lengths, counts and versions that lie. */
const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff] as const
const RUNS: readonly Uint8Array[] = [
  Uint8Array.of(0xfd, 0xff, 0xff),
  Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0x00),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  Buffer.from('../'),
  Buffer.from('\0'),
  Buffer.from('é'),
  Uint8Array.of(0xed, 0xa0, 0x80)
]
const GROWTH_MAX = 256

/** Some bytes made of examples: one of them, changed here and there, cut, or joined with another one. Now and then, bytes of no meaning. */
export function mutate(examples: readonly Uint8Array[], random: SeededRandom): Uint8Array {
  if (examples.length === 0 || random.oneIn(50)) return random.bytes(random.below(200))
  let bytes = Uint8Array.from(random.pick(examples))
  for (let i = random.between(1, 4); i > 0; i--) bytes = changed(bytes, examples, random)
  return bytes
}

function changed(bytes: Uint8Array, examples: readonly Uint8Array[], random: SeededRandom): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes)
  const at = random.below(copy.byteLength + 1)
  switch (random.below(7)) {
    case 0:
      if (at < copy.byteLength) copy[at]! ^= 1 << random.below(8)
      return copy
    case 1:
      if (at < copy.byteLength) copy[at] = random.pick(BYTES)
      return copy
    case 2:
      return copy.slice(0, at)
    case 3:
      return joined(copy.subarray(0, at), random.bytes(random.between(1, 8)), copy.subarray(at))
    case 4:
      return joined(
        copy.subarray(0, at),
        random.pick(RUNS),
        copy.subarray(Math.min(copy.byteLength, at + random.below(9)))
      )
    case 5: {
      const length = Math.min(GROWTH_MAX, random.below(copy.byteLength - at + 1))
      return joined(copy.subarray(0, at + length), copy.subarray(at))
    }
    default: {
      const other = random.pick(examples)
      return joined(copy.subarray(0, at), other.subarray(random.below(other.byteLength + 1)))
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(parts))
}
