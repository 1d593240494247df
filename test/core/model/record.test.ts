import test from 'brittle'
import fc from 'fast-check'
import { decodeWith, encodeWith, type Codec } from '../../../lib/core/codec.js'
import { makeRecord } from '../../../lib/core/engine/merge.js'
import {
  comparePayloads,
  decodeWinner,
  hasRoom,
  payloadOf,
  RECORD_BYTES_MAX,
  recordCodec,
  samePayload,
  sameRecord,
  SYMLINK_BYTES_MAX,
  VERSIONS_MAX,
  type Record,
  type Version
} from '../../../lib/core/model/record.js'
import { hasSeen, joinVectors, vectorCodec } from '../../../lib/core/model/version.js'
import {
  arbitraryPayload,
  arbitraryRecord,
  arbitraryVector,
  deletedRecord,
  fileRecord,
  recordOf,
  replica
} from '../../make/record.js'
import { codeThrownBy } from '../../make/thrown.js'
import { isRefusedOrCanonical, mutationsOf, refusesTruncations } from '../../make/mutation.js'

function codecLaws<T>(codec: Codec<T>, values: fc.Arbitrary<T>, isSame: (a: T, b: T) => boolean): void {
  const encode = (value: T): Uint8Array => encodeWith(codec, value)
  const decode = (bytes: Uint8Array): T => decodeWith(codec, bytes, 'it')
  fc.assert(fc.property(values, value => isSame(decode(encode(value)), value)))
  fc.assert(fc.property(values, value => refusesTruncations(decode, encode(value))))
  const mutated = values.chain(value => mutationsOf(encode(value)))
  fc.assert(
    fc.property(mutated, bytes => isRefusedOrCanonical(decode, encode, bytes)),
    { numRuns: 3000 }
  )
}

test('a record has one form in bytes, and whatever is not that form is refused', t => {
  codecLaws(recordCodec, arbitraryRecord, sameRecord)
  t.pass()
})

test('a version vector has one form in bytes, and whatever is not that form is refused', t => {
  codecLaws(vectorCodec, arbitraryVector, (a, b) => JSON.stringify(a) === JSON.stringify(b))
  t.pass()
})

test("the winner can be read out of a record's bytes without the rest", t => {
  fc.assert(
    fc.property(arbitraryRecord, record =>
      samePayload(decodeWinner(encodeWith(recordCodec, record)), payloadOf(record))
    )
  )
  t.pass()
})

test('no bytes make reading the winner do anything but answer or throw', t => {
  const mutated = arbitraryRecord.chain(record => mutationsOf(encodeWith(recordCodec, record)))
  fc.assert(
    fc.property(mutated, bytes => {
      try {
        return ['file', 'directory', 'symlink', 'deleted'].includes(decodeWinner(bytes).kind)
      } catch (error) {
        return error instanceof Error
      }
    }),
    { numRuns: 1000 }
  )
  t.pass()
})

test('the order of payloads is total', t => {
  fc.assert(
    fc.property(arbitraryPayload, arbitraryPayload, arbitraryPayload, (a, b, c) => {
      const sorted = [a, b, c].sort(comparePayloads)
      return (
        Math.sign(comparePayloads(a, b)) === -Math.sign(comparePayloads(b, a)) &&
        comparePayloads(sorted[0]!, sorted[1]!) <= 0 &&
        comparePayloads(sorted[0]!, sorted[2]!) <= 0 &&
        comparePayloads(sorted[1]!, sorted[2]!) <= 0
      )
    }),
    { numRuns: 1000 }
  )
  t.pass()
})

test('joining vectors is commutative, associative and idempotent, and sees what either saw', t => {
  const text = JSON.stringify
  fc.assert(
    fc.property(arbitraryVector, arbitraryVector, arbitraryVector, (a, b, c) => {
      const joined = joinVectors(a, b)
      return (
        text(joined) === text(joinVectors(b, a)) &&
        text(joinVectors(joined, c)) === text(joinVectors(a, joinVectors(b, c))) &&
        text(joinVectors(a, a)) === text(a) &&
        [...a, ...b].every(dot => hasSeen(joined, dot))
      )
    })
  )
  t.pass()
})

const one = fileRecord('one')
const two = fileRecord('two', { replica: replica(2) })
const impossible: [string, string, Record][] = [
  ['no version', 'MALFORMED', { context: [], versions: [] }],
  ['a version that nobody wrote', 'MALFORMED', { ...one, versions: [{ ...one.versions[0]!, dots: [] }] }],
  ['a version that the context has not seen', 'MALFORMED', { ...one, context: two.context }],
  ['a context that is not sorted', 'MALFORMED', { ...one, context: [...two.context, ...one.context] }],
  ['a replica twice', 'MALFORMED', { ...one, context: [...one.context, ...one.context] }],
  ['a counter of 0', 'LIMIT', deletedRecord({ counter: 0 })],
  ['a counter out of range', 'LIMIT', deletedRecord({ counter: 2 ** 48 + 1 })],
  ['a version twice', 'MALFORMED', { ...one, versions: [...one.versions, ...one.versions] }],
  ['a mode with more than permissions', 'LIMIT', recordOf({ kind: 'directory', mode: 0o1777 })],
  ['a symlink to nowhere', 'MALFORMED', recordOf({ kind: 'symlink', target: '', mtimeNs: 0n })],
  ['a symlink with a NUL', 'MALFORMED', recordOf({ kind: 'symlink', target: 'a\0b', mtimeNs: 0n })]
]

test('a record that breaks its promises is refused', t => {
  for (const [what, code, record] of impossible) {
    const bytes = encodeWith(recordCodec, record)
    t.is(
      codeThrownBy(() => decodeWith(recordCodec, bytes, 'a record')),
      code,
      what
    )
  }
})

test('a record that has room leaves some, whatever its versions are', t => {
  for (let count = 1; count <= VERSIONS_MAX; count++)
    for (const bytes of [1, SYMLINK_BYTES_MAX]) {
      const versions = Array.from({ length: count }, (_, i): Version => {
        const target = `${i}`.padEnd(bytes, '.')
        return { dots: [{ replica: replica(i + 1), counter: 1 }], payload: { kind: 'symlink', target, mtimeNs: 0n } }
      })
      const record = makeRecord(
        versions.flatMap(({ dots }) => dots),
        versions
      )
      const fits = count <= VERSIONS_MAX - 16 && encodeWith(recordCodec, record).byteLength <= RECORD_BYTES_MAX - 8192
      if (hasRoom(record) !== fits) t.fail(`${count} versions of ${bytes} bytes`)
    }
  t.pass()
})
