import test from 'brittle'
import { parsePath } from '../../lib/core/model/path.js'
import type { FilePayload } from '../../lib/core/model/record.js'
import { Gathering, isGathered, type Gathered } from '../../lib/folder/gathering.js'
import { Want } from '../../lib/folder/want.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { CHUNK_BYTES, CHUNKS_PER_REQUEST } from '../../protocol/limits.js'
import { hashOf } from '../make/record.js'

const { timers } = realRuntime()

test('small files that come up in one turn are asked for together, as far as one message takes them', async t => {
  const groups: (readonly Gathered[])[] = []
  const gathering = new Gathering(timers, group => groups.push(group))
  for (let i = 0; i < 150; i++) gathering.add(member(1000), '')
  for (let i = 0; i < 30; i++) gathering.add(member(60_000), 'others')
  t.ok(
    groups.every(group => group.length > 1),
    'those that are full are sent at once'
  )
  await timers.breathe()
  await timers.breathe()
  t.is(groups.flat().length, 180, 'and the rest in the next turn')
  t.ok(groups.every(group => group.length <= CHUNKS_PER_REQUEST && bytesOf(group) <= CHUNK_BYTES))
  t.ok(groups.length <= 3 + 10, `${groups.length} groups`)
  t.ok(
    groups.every(group => new Set(group.map(({ payload }) => payload.size)).size === 1),
    'by their sources'
  )
})

test('what comes up later is asked for later', async t => {
  const groups: (readonly Gathered[])[] = []
  const gathering = new Gathering(timers, group => groups.push(group))
  for (let i = 0; i < 3; i++) {
    gathering.add(member(10), '')
    t.is(groups.length, i)
    await timers.breathe()
    await timers.breathe()
    t.is(groups.length, i + 1)
  }
})

test('only small files of one chunk are asked for together', t => {
  t.ok(isGathered(payload(0)) && isGathered(payload(64 * 1024)))
  t.absent(isGathered(payload(64 * 1024 + 1)))
  t.absent(isGathered({ ...payload(10), content: { root: hashOf('x'), height: 1 } }))
})

function payload(size: number): FilePayload {
  return { kind: 'file', size, mtimeNs: 0n, mode: 0o644, content: { root: hashOf('x'), height: 0 } }
}

function member(size: number): Gathered {
  const file = payload(size)
  const want = new Want(parsePath('file'), {
    kind: 'apply',
    payload: file,
    keep: undefined,
    record: { context: [], versions: [{ dots: [], payload: file }] }
  })
  return { want, payload: file, state: want.state }
}

function bytesOf(group: readonly Gathered[]): number {
  return group.reduce((sum, { payload: { size } }) => sum + size, 0)
}
