import test from 'brittle'
import fc from 'fast-check'
import { conflictPath, conflictRecord, deservesCopy, isWrittenBy } from '../../../lib/core/engine/conflict.js'
import { mergeRecords, writeVersion } from '../../../lib/core/engine/merge.js'
import { reconcile, reconcileAsReader } from '../../../lib/core/engine/reconcile.js'
import { asHeld } from '../../../lib/core/engine/twin.js'
import { parsePath, whyNotPath } from '../../../lib/core/model/path.js'
import { payloadOf, sameContent, type Payload, type Record } from '../../../lib/core/model/record.js'
import { file, histories, known, play, replicaOf } from './history.js'

const settled = (): boolean => true
const path = parsePath('report.txt')
const deleted: Payload = { kind: 'deleted' }
const directory: Payload = { kind: 'directory', mode: 0o755 }

function write(device: number, payload: Payload, over?: Record): Record {
  return writeVersion(over, replicaOf(device), payload, settled)
}

test('what this device knows already needs nothing', t => {
  const a = write(1, file(1))
  const b = write(1, file(2), a)
  t.is(reconcile(b, a).kind, 'current')
  t.is(reconcile(b, b).kind, 'current')
})

test('a later version replaces the one on the disk, which becomes a revision', t => {
  const a = write(1, file(1))
  const outcome = reconcile(a, write(2, file(2), a))
  t.is(outcome.kind, 'apply')
  t.alike(outcome.kind === 'apply' && outcome.payload, file(2))
  t.is(outcome.kind === 'apply' && outcome.keep, undefined)
})

test('equal content that two devices had from the start is adopted without a conflict', t => {
  const outcome = reconcile(write(1, file(1)), write(2, file(1)))
  t.is(outcome.kind, 'adopt')
})

test('equal content with other times needs only the times', t => {
  const outcome = reconcile(write(1, file(1, 5n)), write(2, file(1, 9n)))
  t.alike(outcome.kind === 'apply' && outcome.payload, file(1, 9n))
  t.is(outcome.kind === 'apply' && outcome.keep, undefined)
})

test('of two concurrent versions the same one wins on both sides, and the loser is kept where it lies', t => {
  const older = write(1, file(1, 1n))
  const newer = write(2, file(2, 2n))
  const there = reconcile(newer, older)
  const here = reconcile(older, newer)
  t.is(there.kind, 'adopt', 'the winner stays as it is')
  t.is(here.kind, 'apply')
  t.alike(here.kind === 'apply' && here.keep?.payload, file(1, 1n), 'the loser is kept')
})

test('a concurrent edit beats a delete, on both sides', t => {
  const base = write(1, file(1))
  const edit = write(1, file(2), base)
  const gone = write(2, deleted, base)
  t.is(reconcile(edit, gone).kind, 'adopt')
  const outcome = reconcile(gone, edit)
  t.alike(outcome.kind === 'apply' && outcome.payload, file(2))
  t.is(outcome.kind === 'apply' && outcome.keep, undefined)
})

test('a directory keeps its name against a file, which is kept beside it', t => {
  const outcome = reconcile(write(1, file(1, 99n)), write(2, directory))
  t.alike(outcome.kind === 'apply' && outcome.payload, directory)
  t.alike(outcome.kind === 'apply' && outcome.keep?.payload, file(1, 99n))
  t.is(reconcile(write(2, directory), write(1, file(1, 99n))).kind, 'adopt')
})

test('a delete of what this device has not changed is carried out', t => {
  const base = write(1, file(1))
  const outcome = reconcile(base, write(2, deleted, base))
  t.alike(outcome.kind === 'apply' && outcome.payload, deleted)
})

test("a reader's own change gives way to a writer's and is kept beside it", t => {
  const base = write(1, file(1, 1n))
  const drift = write(9, file(3, 99n), base)
  const next = write(1, file(2, 2n), base)
  const isOwn = (version: Record['versions'][number]): boolean => version.dots.some(dot => dot.replica === replicaOf(9))
  t.is(reconcileAsReader(drift, base, isOwn).kind, 'current', 'as long as no writer changes it, it stays')
  const outcome = reconcileAsReader(drift, next, isOwn)
  t.alike(outcome.kind === 'apply' && outcome.payload, file(2, 2n))
  t.alike(outcome.kind === 'apply' && outcome.keep?.payload, file(3, 99n))
})

test('no version is lost: after everybody has heard everybody, each one stands at the path or lost to one who kept it', t => {
  fc.assert(
    fc.property(histories, ops => {
      const records = known(play(ops))
      const final = records.length === 0 ? undefined : records.reduce((a, b) => mergeRecords(a, b))
      if (final === undefined) return true
      return records.every(record => {
        const shown = record.versions[0]
        const survives = shown && final.versions.find(version => asHeld(shown, version) !== undefined)
        if (shown === undefined || survives === undefined || !deservesCopy(survives.payload, payloadOf(final)))
          return true
        const outcome = reconcile(record, final)
        return (
          outcome.kind === 'apply' && outcome.keep !== undefined && sameContent(outcome.keep.payload, shown.payload)
        )
      })
    }),
    { numRuns: 3000 }
  )
  t.pass()
})

test('the copies of a conflict have the same names and records on every device', t => {
  fc.assert(
    fc.property(histories, ops => {
      const records = known(play(ops))
      const finals = records.map(record => records.reduce((a, b) => mergeRecords(a, b), record))
      const copies = finals.map(final => {
        const losers = final.versions.filter(({ payload }) => deservesCopy(payload, payloadOf(final)))
        return losers.map(loser => [conflictPath(path, loser.payload), conflictRecord(loser)])
      })
      return copies.every(list => JSON.stringify(list, plain) === JSON.stringify(copies[0], plain))
    }),
    { numRuns: 1000 }
  )
  t.pass()
})

test('what a device writes at the path of a conflict copy is never taken for the copy', t => {
  const loser = { dots: [{ replica: replicaOf(1), counter: 7 }], payload: file(1) }
  const copy = conflictRecord(loser)
  for (const own of [file(2), { kind: 'symlink', target: 'there', mtimeNs: 5n } as const]) {
    const written = writeVersion(undefined, replicaOf(1), own, () => true, 7)
    t.alike(written.versions[0]?.dots, loser.dots, 'the two have come to one number')
    const merged = mergeRecords(copy, written)
    t.alike(new Set(merged.versions.map(({ payload }) => payload)), new Set([loser.payload, own]))
  }
  t.ok(isWrittenBy(loser, replicaOf(1)) && !isWrittenBy(loser, replicaOf(2)))
  const twice = conflictRecord(copy.versions[0] ?? loser)
  for (const { versions } of [copy, twice]) {
    t.ok(versions.every(version => isWrittenBy(version, replicaOf(1))))
    t.absent(versions.some(version => isWrittenBy(version, replicaOf(2))))
  }
})

test('what lost to another write of its own name is kept where it lies, as one and the same copy everywhere', t => {
  const base = write(1, file(9))
  const lesser = write(1, file(1, 1n), base)
  const others: readonly Payload[] = [file(2, 2n), directory]
  for (const payload of others) {
    const greater = write(1, payload, base)
    t.is(reconcile(greater, lesser).kind, 'adopt', 'the winner stays as it is')
    const both = mergeRecords(lesser, greater)
    const later = writeVersion(both, replicaOf(2), { kind: 'symlink', target: 'there', mtimeNs: 9n }, () => false)
    const copies = [greater, both, later].map(remote => {
      const outcome = reconcile(lesser, remote)
      return outcome.kind === 'apply' && outcome.keep !== undefined ? conflictRecord(outcome.keep) : undefined
    })
    t.alike(copies, [conflictRecord(lesser.versions[0]!), copies[0], copies[0]], 'whatever has become of the winner')
    const replaced = reconcile(lesser, write(2, file(5), both))
    t.ok(replaced.kind === 'apply' && replaced.keep === undefined, 'who saw both has replaced both')
  }
  const gone = write(1, deleted, base)
  t.is(reconcile(lesser, gone).kind, 'adopt')
  const back = reconcile(gone, lesser)
  t.ok(
    back.kind === 'apply' && back.keep === undefined && back.payload === lesser.versions[0]?.payload,
    'no delete wins'
  )
  const retouched = reconcile(lesser, write(1, file(1, 3n), base))
  t.ok(retouched.kind === 'apply' && retouched.keep === undefined, 'with the same bytes there is nothing to keep')
})

test('conflict copies are named by their content, keep their extension, and are never marked twice', t => {
  const copy = conflictPath(path, file(1))
  t.ok(/^report \(conflict [0-9a-f]{8}\)\.txt$/.test(copy), copy)
  t.is(conflictPath(parsePath('a/b/.profile'), file(1)).startsWith('a/b/.profile (conflict '), true)
  t.is(conflictPath(copy, file(1)), copy)
  t.is(conflictPath(parsePath('archive.tar.gz'), file(1)).endsWith('.gz'), true)
  const long = conflictPath(parsePath('ü'.repeat(127)), file(2))
  t.is(whyNotPath(long), undefined)
})

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
