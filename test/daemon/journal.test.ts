import { appendFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import type { JournalRow } from '../../lib/daemon/document.js'
import { Journal, type JournalQuestion } from '../../lib/daemon/journal.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { makeTemporary } from '../make/temporary.js'

const ALL: JournalQuestion = { path: undefined, sinceMs: undefined, limit: 1000 }

function rowAt(second: number, path: string, more: Partial<JournalRow> = {}): JournalRow {
  const time = new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString()
  return { time, path, action: 'changed', kind: 'file', origin: 'local', ...more }
}

test('what happened is there after a restart, the latest first', async t => {
  const file = join(await makeTemporary(t), 'home', 'history.jsonl')
  const journal = new Journal(file, realRuntime())
  for (let i = 0; i < 5; i++) journal.note(rowAt(i, `file-${i}`))
  await journal.flush()
  t.is((await stat(file)).mode & 0o777, 0o600)
  const rows = await new Journal(file, realRuntime()).read(ALL)
  t.alike(
    rows.map(({ path }) => path),
    ['file-4', 'file-3', 'file-2', 'file-1', 'file-0']
  )
})

test('a question is about an item, a directory, where something came from, or a time', async t => {
  const file = join(await makeTemporary(t), 'history.jsonl')
  const journal = new Journal(file, realRuntime())
  journal.note(rowAt(1, 'docs/a'))
  journal.note(rowAt(2, 'docs2/a'))
  journal.note(rowAt(3, 'b', { action: 'moved', from: 'docs/b' }))
  journal.note(rowAt(4, 'c', { action: 'conflict', copy: 'docs/c copy' }))
  const pathsFor = async (question: Partial<JournalQuestion>): Promise<string[]> =>
    (await journal.read({ ...ALL, ...question })).map(({ path }) => path)
  t.alike(await pathsFor({ path: 'docs' }), ['c', 'b', 'docs/a'])
  t.alike(await pathsFor({ path: 'docs/a' }), ['docs/a'])
  t.alike(await pathsFor({ sinceMs: Date.UTC(2026, 0, 1, 0, 0, 3) }), ['c', 'b'])
  t.alike(await pathsFor({ limit: 1 }), ['c'])
})

test('it is bounded, and a line that a crash has cut is passed over', async t => {
  const directory = await makeTemporary(t)
  const file = join(directory, 'history.jsonl')
  const journal = new Journal(file, realRuntime(), { bytesMax: 1000 })
  for (let i = 0; i < 200; i++) {
    journal.note(rowAt(i % 60, `file-${i}`))
    await journal.flush()
  }
  await appendFile(file, '{"time":"2026-01-01T00:00')
  const names = await readdir(directory)
  t.is(names.length, 4)
  for (const name of names) t.ok((await stat(join(directory, name))).size <= 1100)
  const rows = await journal.read(ALL)
  t.is(rows[0]?.path, 'file-199')
  t.ok(rows.length > 20 && rows.length < 60, `${rows.length} rows are kept`)
  await journal.remove()
  t.alike(await readdir(directory), [])
})
