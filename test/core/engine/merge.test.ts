import test from 'brittle'
import fc from 'fast-check'
import { decodeWith, encodeWith } from '../../../lib/core/codec.js'
import { mergeRecords, noteLoss, writeVersion } from '../../../lib/core/engine/merge.js'
import { payloadOf, recordCodec, sameRecord, type Record } from '../../../lib/core/model/record.js'
import { file, histories, known, play, replicaOf } from './history.js'

const same = (a: Record, b: Record): boolean => sameRecord(a, b)

test('merging is commutative, associative and idempotent over any history', t => {
  fc.assert(
    fc.property(histories, ops => {
      const records = known(play(ops))
      for (const a of records) {
        if (!same(mergeRecords(a, a), a)) return false
        for (const b of records) {
          const ab = mergeRecords(a, b)
          if (!same(ab, mergeRecords(b, a)) || !same(mergeRecords(ab, b), ab)) return false
          for (const c of records) if (!same(mergeRecords(ab, c), mergeRecords(a, mergeRecords(b, c)))) return false
        }
      }
      return true
    }),
    { numRuns: 3000 }
  )
  t.pass()
})

test('every order of hearing ends in the same record', t => {
  fc.assert(
    fc.property(histories, fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }), (ops, picks) => {
      const records = known(play(ops))
      if (records.length === 0) return true
      const fold = (list: Record[]): Record => list.reduce((a, b) => mergeRecords(a, b))
      const shuffled = [...records].sort((a, b) => (picks[records.indexOf(a)] ?? 0) - (picks[records.indexOf(b)] ?? 0))
      return same(fold(records), fold(shuffled))
    }),
    { numRuns: 3000 }
  )
  t.pass()
})

test('whatever merging makes is a record that its codec takes back', t => {
  fc.assert(
    fc.property(histories, ops => {
      const records = known(play(ops))
      const merged = records.length === 0 ? [] : [...records, records.reduce((a, b) => mergeRecords(a, b))]
      return merged.every(record => same(decodeWith(recordCodec, encodeWith(recordCodec, record), 'a record'), record))
    }),
    { numRuns: 2000 }
  )
  t.pass()
})

test('a version that somebody saw and replaced is gone, one that nobody saw is kept', t => {
  const a1 = writeVersion(undefined, replicaOf(1), file(1), () => true)
  const b1 = writeVersion(undefined, replicaOf(2), file(2), () => true)
  const both = mergeRecords(a1, b1)
  t.is(both.versions.length, 2)
  const a2 = writeVersion(a1, replicaOf(1), file(3), () => true)
  const merged = mergeRecords(both, a2)
  t.alike(
    merged.versions.map(version => payloadOf({ context: [], versions: [version] })),
    [file(3), file(2)]
  )
})

test('a write leaves a loser alone whose copy nobody could see yet', t => {
  const a1 = writeVersion(undefined, replicaOf(1), file(1), () => true)
  const b1 = writeVersion(undefined, replicaOf(2), file(2), () => true)
  const both = mergeRecords(a1, b1)
  t.is(writeVersion(both, replicaOf(3), file(4), () => false).versions.length, 2, 'the loser stays')
  t.is(writeVersion(both, replicaOf(3), file(4), () => true).versions.length, 1, 'the loser is settled')
})

test('equal writes of two devices are one version, and an edit of it replaces both', t => {
  const a1 = writeVersion(undefined, replicaOf(1), file(1), () => true)
  const b1 = writeVersion(undefined, replicaOf(2), file(1), () => true)
  const both = mergeRecords(a1, b1)
  t.is(both.versions.length, 1)
  t.is(both.versions[0]?.dots.length, 2)
  const a2 = writeVersion(both, replicaOf(1), file(2), () => true)
  t.alike(mergeRecords(b1, a2), a2)
})

test('what was written is what the record shows, whatever lost before', t => {
  const late = writeVersion(undefined, replicaOf(1), file(1, 9n), () => true)
  const both = mergeRecords(
    late,
    writeVersion(undefined, replicaOf(2), file(2, 10n), () => true)
  )
  const older = writeVersion(both, replicaOf(2), file(3, 1n), () => false)
  t.alike(payloadOf(older), file(3, 1n), 'a time that is older than that of the loser')
  t.is(older.versions.length, 2, 'which is not dropped')
  t.alike(payloadOf(mergeRecords(older, late)), file(3, 1n))
})

test('a version that stands beside its path as a copy does not win again', t => {
  const [first, second] = [1, 2].map(n => writeVersion(undefined, replicaOf(n), file(n, BigInt(n)), () => true))
  const noted = noteLoss(mergeRecords(first!, second!), first!.versions[0]!)
  const unaware = writeVersion(second, replicaOf(3), file(3, 0n), () => true)
  t.alike(payloadOf(mergeRecords(first!, unaware)), file(1, 1n), 'nobody knows of the copy')
  t.alike(payloadOf(mergeRecords(noted, unaware)), file(3, 0n))
  t.alike(payloadOf(mergeRecords(mergeRecords(first!, unaware), noted)), file(3, 0n), 'in any order')
})

test('of two writes with one name the greater stands at the path, and both stay until somebody replaces them', t => {
  const base = writeVersion(undefined, replicaOf(1), file(9), () => true)
  const [lesser, greater] = [1, 2].map(n => writeVersion(base, replicaOf(1), file(n, BigInt(n)), () => true))
  t.alike(lesser!.context, greater!.context)
  const both = mergeRecords(lesser!, greater!)
  t.alike(both, mergeRecords(greater!, lesser!))
  t.alike(
    both.versions.map(({ payload }) => payload),
    [file(2, 2n), file(1, 1n)]
  )
  const noted = noteLoss(both, both.versions[1]!)
  t.alike(mergeRecords(noted, both), noted, 'the loser has lost, not what bears its name')
  t.alike(mergeRecords(both, base), both)
  const later = writeVersion(both, replicaOf(2), file(3), () => true)
  for (const before of [lesser!, greater!, both, noted]) t.alike(mergeRecords(before, later), later)
})

test('who replaces one of two writes with one name does not replace the other', t => {
  const [lesser, greater] = [1, 2].map(n => writeVersion(undefined, replicaOf(1), file(n, BigInt(n)), () => true))
  const both = mergeRecords(lesser!, greater!)
  const later = writeVersion(both, replicaOf(2), file(3, 0n), () => false)
  for (const before of [lesser!, greater!, both]) {
    const merged = mergeRecords(before, later)
    t.alike(merged, later)
    t.alike(mergeRecords(later, before), later)
    t.alike(
      merged.versions.map(({ payload, hasLost }) => [payload, hasLost]),
      [
        [file(3, 0n), undefined],
        [file(1, 1n), true]
      ]
    )
  }
})

test('of a write and a delete with one name the write stays', t => {
  const base = writeVersion(undefined, replicaOf(1), file(9), () => true)
  const gone = writeVersion(base, replicaOf(1), { kind: 'deleted' }, () => true)
  const written = writeVersion(base, replicaOf(1), file(1), () => true)
  t.alike(payloadOf(mergeRecords(gone, written)), file(1))
  t.alike(mergeRecords(gone, written), mergeRecords(written, gone))
})
