import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { parsePath } from '../../lib/core/model/path.js'
import type { Backer } from '../../lib/index.js'
import { codeRejectedBy } from '../make/thrown.js'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'

/** Two connected devices, of which the second has deleted `d/a.txt` and edited `b.txt`: the first keeps what they were. */
async function makePair(t: Test): Promise<{ a: Backer; b: Backer }> {
  const a = await makeBacker(t)
  await mkdir(join(a.directory, 'd'))
  await writeFile(join(a.directory, 'd/a.txt'), LARGE)
  await utimes(join(a.directory, 'd/a.txt'), 1_600_000_000, 1_600_000_000)
  await writeFile(join(a.directory, 'b.txt'), 'first')
  const b = await makeBacker(t, { key: a.key })
  connect(a, b)
  await until('all is there', () => b.status().files === 2)
  await untilSame([a, b])
  await rm(join(b.directory, 'd'), { recursive: true })
  await writeFile(join(b.directory, 'b.txt'), 'second')
  await until('it has arrived', async () => (await readFile(join(a.directory, 'b.txt'), 'utf8')) === 'second')
  await until('the delete too', () => a.status().files === 1)
  await untilSame([a, b])
  return { a, b }
}

const LARGE = Array.from({ length: 60_000 }, (_, i) => `line ${i * 7919}`).join('\n')
const DELETED = parsePath('d/a.txt')
const EDITED = parsePath('b.txt')

test('what another device deleted comes back on both, with its time, and stays', { timeout: 60_000 }, async t => {
  const { a, b } = await makePair(t)
  t.alike(
    (await a.history.revisions(parsePath('d'))).map(({ path, size }) => [path, size]),
    [[DELETED, LARGE.length]],
    'the directory tells what stood in it'
  )
  const item = await a.history.itemOf(DELETED, {})
  const report = { bytes: LARGE.length, unchanged: 0, failedCount: 0, failed: [] }
  const plan = a.history.planOf([item])
  t.alike(await a.history.restore(plan), { ...report, restored: 1, sample: [DELETED] })
  t.is(a.status().files, 2, 'it is a part of the folder at once')
  const dropped = await a.dropper.drop([DELETED], { copies: 2, isDryRun: true })
  t.alike([dropped.dropped, dropped.keptCount], [0, 1], 'which can be named to other commands')
  await until('it reaches the other', async () => (await readFile(join(b.directory, DELETED), 'utf8')) === LARGE)
  await untilSame([a, b])
  for (const { directory } of [a, b]) t.is((await stat(join(directory, DELETED))).mtimeMs, 1_600_000_000_000)
  t.is(await readFile(join(a.directory, DELETED), 'utf8'), LARGE)
  const again = { ...report, bytes: 0, restored: 0, unchanged: 1, sample: [] }
  t.alike(await a.history.restore(plan), again, 'a second time does nothing')
})

test('an older version takes its place, and the one that stood there is kept', { timeout: 60_000 }, async t => {
  const { a, b } = await makePair(t)
  const first = await a.history.itemOf(EDITED, {})
  await a.history.restore(a.history.planOf([first]))
  await until('it reaches the other', async () => (await readFile(join(b.directory, EDITED), 'utf8')) === 'first')
  const all = await a.history.revisions(EDITED)
  t.ok(
    all.some(({ device, size }) => device !== undefined && size === 'second'.length),
    'what the other device replaced is known too'
  )
  const kept = all.filter(({ device }) => device === undefined)
  t.is(kept.length, 2)
  const second = kept.find(({ size }) => size === 'second'.length)
  await a.history.restore(a.history.planOf([await a.history.itemOf(EDITED, { id: second?.id })]))
  t.is(await readFile(join(a.directory, EDITED), 'utf8'), 'second')
  await untilSame([a, b])
  t.is(await codeRejectedBy(() => a.history.itemOf(EDITED, { id: 'none' })), 'NO_VERSION')
  t.is(await codeRejectedBy(() => a.history.itemOf(EDITED, { atMs: Date.now() + 60_000 })), 'NO_VERSION')
  t.alike(
    (await a.history.itemOf(EDITED, { atMs: 0 })).payload,
    first.payload,
    'the first that was replaced after then'
  )
})

test('a restore to another directory leaves the folder as it is, and replaces nothing there', async t => {
  const { a } = await makePair(t)
  const before = a.status().root
  const to = await makeDirectory(t)
  const item = await a.history.itemOf(DELETED, {})
  const plan = a.history.planOf([item])
  t.is((await a.restoreTo(to, plan)).restored, 1)
  t.is(await readFile(join(to, DELETED), 'utf8'), LARGE)
  t.is((await stat(join(to, DELETED))).mtimeMs, 1_600_000_000_000)
  await writeFile(join(to, DELETED), 'mine')
  const [failure] = (await a.restoreTo(to, plan)).failed
  t.is(failure?.message, 'something stands there already')
  t.is(await readFile(join(to, DELETED), 'utf8'), 'mine')
  t.is(a.status().root, before)
})

test('a tidy lets go of nothing that is young, and says what is kept', async t => {
  const { a } = await makePair(t)
  const { revisions, bytes, bytesMax, thinned, evicted, damaged } = await a.history.tidy()
  t.alike([revisions, thinned, evicted, damaged], [2, 0, 0, []])
  t.ok(bytes > 0 && bytes < LARGE.length / 2 && bytesMax > bytes, `${bytes} of ${bytesMax}`)
})
