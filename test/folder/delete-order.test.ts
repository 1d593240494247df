import test from 'brittle'
import { parentOf, type RelativePath } from '../../lib/core/model/path.js'
import { inOrder } from '../../lib/folder/delete-order.js'
import type { Entry } from '../../lib/store/store.js'
import { STAMP } from '../make/entry.js'
import { fileRecord, path, recordOf } from '../make/record.js'

const ABSENT = { kind: 'absent' } as const
const DIRECTORY: Entry = {
  record: recordOf({ kind: 'directory', mode: 0o755 }),
  stamp: { ...STAMP, kind: 'directory' }
}
const FILE: Entry = { record: fileRecord('f'), stamp: STAMP }

/** What an index says of `d`, `d/e`, `d/e/f` and `d/g`, all of which are on the disk. */
function index() {
  const entries = new Map<RelativePath, Entry>([
    [path('d'), DIRECTORY],
    [path('d/e'), DIRECTORY],
    [path('d/e/f'), FILE],
    [path('d/g'), FILE]
  ])
  return {
    get: (at: RelativePath) => entries.get(at),
    children: (at: RelativePath | undefined) => [...entries].filter(([child]) => parentOf(child) === at)
  }
}

test('what is gone is committed children first, behind what is new', t => {
  const gone = ['d', 'd/e', 'd/e/f', 'd/g'].map(at => ({ path: path(at), observed: ABSENT }))
  const fresh = { path: path('n'), observed: { kind: 'directory', stamp: STAMP } } as const
  const { sure, early } = inOrder(index(), [...gone, fresh], () => false)
  t.alike(
    sure.map(one => one.path),
    ['n', 'd/g', 'd/e/f', 'd/e', 'd']
  )
  t.alike(early, [])
})

test('a directory waits until all that is taken to be in it is found gone', t => {
  const gone = ['d', 'd/e', 'd/g'].map(at => ({ path: path(at), observed: ABSENT }))
  const { sure, early } = inOrder(index(), gone, () => false)
  t.alike(
    sure.map(one => one.path),
    ['d/g']
  )
  t.alike(early, ['d/e', 'd'])
})

test('what is ignored keeps no directory', t => {
  const gone = ['d', 'd/e', 'd/g'].map(at => ({ path: path(at), observed: ABSENT }))
  t.alike(inOrder(index(), gone, at => at === 'd/e/f').early, [])
})
