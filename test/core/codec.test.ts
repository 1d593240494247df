import test from 'brittle'
import fc from 'fast-check'
import { bounded, decodeWith, encodeWith, fixed, int64, list, text, uint } from '../../lib/core/codec.js'
import { isRefusedOrCanonical, mutationsOf, refusesTruncations } from '../make/mutation.js'
import { codeThrownBy } from '../make/thrown.js'

const edges = [0, 1, 0xfc, 0xfd, 0xffff, 0x10000, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER]
const numbers = fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat())

test('an integer has one form, and is whole or refused', t => {
  const encode = (value: number): Uint8Array => encodeWith(uint, value)
  const decode = (bytes: Uint8Array): number => decodeWith(uint, bytes, 'a number')
  fc.assert(fc.property(numbers, value => decode(encode(value)) === value))
  fc.assert(fc.property(numbers, value => refusesTruncations(decode, encode(value))))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 10 }), bytes => isRefusedOrCanonical(decode, encode, bytes)),
    { numRuns: 5000 }
  )
  for (const longer of ['fd0100', 'fdfc00', 'fe01000000', 'feffff0000', 'ff0100000000000000', 'ffffffffff00000000'])
    t.is(
      codeThrownBy(() => decode(Buffer.from(longer, 'hex'))),
      'MALFORMED',
      longer
    )
  t.is(
    codeThrownBy(() => decode(Buffer.from('ff0000000000002000', 'hex'))),
    'MALFORMED',
    '2^53'
  )
})

test('a time keeps its nanoseconds, before 1970 too', t => {
  const times = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  fc.assert(fc.property(times, value => decodeWith(int64, encodeWith(int64, value), 'a time') === value))
  t.pass()
})

test('a list is read whole or not at all, and never allocated beyond its bound', t => {
  const numbersList = list(uint, 5, 'numbers')
  const encode = (value: readonly number[]): Uint8Array => encodeWith(numbersList, value)
  const decode = (bytes: Uint8Array): readonly number[] => decodeWith(numbersList, bytes, 'numbers')
  const values = fc.array(numbers, { maxLength: 5 })
  fc.assert(fc.property(values, value => refusesTruncations(decode, encode(value))))
  fc.assert(
    fc.property(
      values.chain(value => mutationsOf(encode(value))),
      bytes => isRefusedOrCanonical(decode, encode, bytes)
    ),
    { numRuns: 2000 }
  )
  t.is(
    codeThrownBy(() => decode(encodeWith(uint, Number.MAX_SAFE_INTEGER))),
    'LIMIT'
  )
  t.is(
    codeThrownBy(() => encode([1, 2, 3, 4, 5, 6])),
    'LIMIT'
  )
})

test('a length beyond the bytes or the bound is refused before it is believed', t => {
  const short = bounded(4, 'bytes')
  t.is(
    codeThrownBy(() => decodeWith(short, Uint8Array.of(5, 1, 2, 3, 4, 5), 'bytes')),
    'LIMIT'
  )
  t.is(
    codeThrownBy(() => decodeWith(short, Uint8Array.of(4, 1, 2, 3), 'bytes')),
    'MALFORMED'
  )
  t.is(
    codeThrownBy(() => encodeWith(fixed(2), Uint8Array.of(1))),
    'MALFORMED'
  )
})

test('text is UTF-8 to the byte, a byte order mark included', t => {
  const words = text(100, 'a word')
  const decode = (bytes: Uint8Array): string => decodeWith(words, bytes, 'a word')
  for (const word of ['', 'a', '\ufeffa', 'é', '\u{1f600}']) t.is(decode(encodeWith(words, word)), word)
  t.is(
    codeThrownBy(() => decode(Uint8Array.of(1, 0xff))),
    'MALFORMED'
  )
})

test('bytes left over are refused', t => {
  t.is(
    codeThrownBy(() => decodeWith(uint, Uint8Array.of(1, 2), 'a number')),
    'MALFORMED'
  )
})
