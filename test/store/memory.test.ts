import test from 'brittle'
import { realRuntime } from '../../lib/real-runtime.js'
import { MemoryIndex, MemoryStore } from '../../lib/store/memory.js'
import { testStore } from '../conformance/store.js'
import { commitRecords } from '../make/entry.js'
import { fileRecord, path } from '../make/record.js'

testStore('the index in memory', () => {
  const index = new MemoryIndex()
  return Promise.resolve({ open: () => Promise.resolve(new MemoryStore(index, realRuntime())) })
})

test('a copy of an index in memory does not change with it', async t => {
  const index = new MemoryIndex()
  const store = new MemoryStore(index, realRuntime())
  await commitRecords(store, new Map([[path('a'), fileRecord('a')]]))
  const copy = index.copy()
  await commitRecords(store, new Map([[path('a'), undefined]]))
  const old = new MemoryStore(copy, realRuntime())
  t.is(old.replica, store.replica)
  t.ok(old.get(path('a')))
  t.absent(store.get(path('a')))
})

test('what was not carried out when a store is closed never is', async t => {
  const index = new MemoryIndex()
  const store = new MemoryStore(index, realRuntime())
  const late = commitRecords(store, new Map([[path('a'), fileRecord('a')]]))
  await store.close()
  await t.exception(() => late, /closed/)
  t.is(index.entries.size, 0)
})
