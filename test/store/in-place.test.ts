import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { copyOf } from '../../lib/core/span.js'
import { isBackerError } from '../../lib/core/error.js'
import { Batch } from '../../lib/store/rows.js'
import { openTables, type Tables } from '../../lib/store/tables.js'
import { makeTemporary } from '../make/temporary.js'

const START = new Uint8Array(0)

async function makeTables(t: Test): Promise<Tables> {
  const directory = join(await makeTemporary(t), 'index')
  mkdirSync(directory)
  const tables = openTables(directory, { readOnly: false })
  t.teardown(() => tables.env.close())
  return tables
}

async function put({ entries, state }: Tables, rows: readonly (readonly [string, Buffer])[]): Promise<void> {
  const batch = new Batch()
  for (const [key, value] of rows) batch.put(entries, Buffer.from(key), value)
  await batch.write(state)
}

test('rows that are left where they stand are those that are copied, whatever their size, also while others are read in between', async t => {
  const tables = await makeTables(t)
  const sizes = [0, 1, 7, 300, 767, 768, 769, 4000, 5000, 70_000, 2, 300_000, 0, 9]
  await put(
    tables,
    sizes.map((size, i) => [`key ${String.fromCharCode(97 + i).repeat(1 + i * 100)}`, Buffer.alloc(size, i + 1)])
  )
  const copied = [...tables.entries.range({ start: START })]
  t.is(copied.length, sizes.length)
  let i = 0
  for (const { key, value } of tables.entriesInPlace.range({ start: START })) {
    const expected = copied[i++]!
    t.is(Buffer.compare(copyOf(key), expected.key), 0)
    t.is(Buffer.compare(copyOf(value), expected.value), 0)
    t.is(tables.entries.get(copied[0]!.key)?.byteLength, 0)
    t.is([...tables.entriesInPlace.range({ start: Buffer.from('key n') })].length, 1)
  }
  t.is(i, sizes.length)
})

test('a range that is left where it stands has the bounds of one that is copied', async t => {
  const tables = await makeTables(t)
  await put(tables, [
    ['a', Buffer.from('1')],
    ['b', Buffer.from('2')],
    ['bc', Buffer.from('3')],
    ['c', Buffer.from('4')]
  ])
  const found = [...tables.entriesInPlace.range({ start: Buffer.from('b'), end: Buffer.from('c') })].length
  t.is(found, 2)
  t.is([...tables.entriesInPlace.range({ start: Buffer.from('d') })].length, 0)
})

test('a row that is not what was written stops whoever looks through the table', async t => {
  const tables = await makeTables(t)
  await put(tables, [['key', Buffer.from('value')]])
  // Past the checksums: as a disk would have it.
  const raw = tables.env.openDB<Buffer, Uint8Array>({ name: 'entries', encoding: 'binary', keyEncoding: 'binary' })
  for (const bytes of [Buffer.from('value and no checksum'), Buffer.from('short')]) {
    await raw.put(Buffer.from('key'), bytes)
    try {
      t.fail(`${[...tables.entriesInPlace.range({ start: START })].length} rows`)
    } catch (error) {
      t.ok(isBackerError(error, 'STORE_CORRUPT'))
    }
  }
  t.ok(isBackerError(tables.state.failure, 'STORE_CORRUPT'))
})
