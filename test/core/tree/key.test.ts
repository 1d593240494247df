import test from 'brittle'
import fc from 'fast-check'
import { comparePaths, isBelow } from '../../../lib/core/model/path.js'
import { asHash, leadingZeroGroups } from '../../../lib/core/model/hash.js'
import { compareKeys, isKeyBelow, keyOf, levelOf, pathOf } from '../../../lib/core/tree/key.js'
import { arbitraryPath, path } from '../../make/record.js'

test('keys are ordered, nested and read back as their paths are', t => {
  fc.assert(
    fc.property(
      arbitraryPath,
      arbitraryPath,
      (a, b) =>
        Math.sign(compareKeys(keyOf(a), keyOf(b))) === Math.sign(comparePaths(a, b)) &&
        isKeyBelow(keyOf(a), keyOf(b)) === isBelow(a, b) &&
        pathOf(keyOf(a)) === a
    ),
    { numRuns: 3000 }
  )
  t.ok(isKeyBelow(keyOf(path('a/b/c')), keyOf(path('a'))))
  t.absent(isKeyBelow(keyOf(path('ab/c')), keyOf(path('a'))))
})

test('a level counts the groups of zero bits at the beginning of a hash', t => {
  const hash = (hex: string): number => leadingZeroGroups(asHash(Buffer.from(hex.padEnd(64, 'f'), 'hex')), 5)
  t.is(hash('80'), 0)
  t.is(hash('08'), 0)
  t.is(hash('07'), 1)
  t.is(hash('0040'), 1)
  t.is(hash('003f'), 2)
  t.is(hash('00000000'), 6)
  t.is(hash('0'.repeat(64)), 51)
})

test('one path in 32 has a level of at least 1, one in 1,024 of at least 2', t => {
  const count = 60_000
  const levels = Array.from({ length: count }, (_, i) => levelOf(keyOf(path(`directory/file ${i}.txt`))))
  for (const level of [1, 2]) {
    const expected = count / 32 ** level
    const found = levels.filter(item => item >= level).length
    t.ok(Math.abs(found - expected) < 5 * Math.sqrt(expected), `${found} of ${count}, expected ${expected}`)
  }
})
