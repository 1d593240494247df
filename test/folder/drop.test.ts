import test, { type Test } from 'brittle'
import { closeSync, openSync } from 'node:fs'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parsePath, type RelativePath } from '../../lib/core/model/path.js'
import type { DropReport } from '../../lib/folder/drop-report.js'
import type { Backer } from '../../lib/index.js'
import { connect, makeBacker, makeDevices, until, untilSame } from '../make/backers.js'
import { readTree, writeTree } from '../make/tree.js'

const path = (text: string): RelativePath => parsePath(text)
const LARGE = Array.from({ length: 120_000 }, (_, i) => `line ${i * i}\n`).join('')
const FILES = { small: 'small', empty: '', 'dir/large': LARGE, 'dir/other': 'other' }

/** Devices that hold the same files. */
async function makeHolders(t: Test, count: number): Promise<Backer[]> {
  const devices = await makeDevices(t, count)
  await writeTree(devices[0]!.directory, FILES)
  await until('all is found', () => devices[0]!.status().files === 4)
  await untilSame(devices)
  return devices
}

const drop = (device: Backer, names: readonly string[], copies = 1, isDryRun = false): Promise<DropReport> =>
  device.dropper.drop(names.map(path), { copies, isDryRun })
const has = (device: Backer, name: string): Promise<boolean> =>
  stat(join(device.directory, name)).then(
    () => true,
    () => false
  )

test('what enough other devices hold is dropped, stays a part of the folder, and comes back', async t => {
  const [a, b, c] = (await makeHolders(t, 3)) as [Backer, Backer, Backer]
  const before = await readTree(a.directory)
  const plan = await a.dropper.drop([undefined], { copies: 2, isDryRun: true })
  t.is(plan.dropped, 4)
  t.ok(plan.dryRun && (await has(a, 'dir/large')), 'a dry run drops nothing')
  const report = await a.dropper.drop([undefined], { copies: 2, isDryRun: false })
  t.alike([report.dropped, report.keptCount, report.bytes], [4, 0, LARGE.length + 10])
  t.alike((await readTree(a.directory)).length, 1, 'only the directory is left')
  t.is(a.status().files, 4)
  await untilSame([a, b, c])
  await until('others count with it', () => b.status().copies?.fewest === 2 && b.status().copies?.current === true)
  await until('it is counted', () => a.status().copies?.dropped.files === 4 && a.status().copies?.current === true)
  t.is(a.status().copies?.dropped.bytes, LARGE.length + 10)
  await a.rescan()
  await until('looked at', () => a.status().idle)
  t.is(a.status().files, 4, 'no look takes it for deleted')
  const again = await a.dropper.drop([undefined], { copies: 2, isDryRun: false })
  t.alike([again.dropped, again.unchanged], [0, 4])
  const got = await a.getter.get([undefined])
  t.alike([got.fetched, got.failedCount, got.bytes], [4, 0, LARGE.length + 10])
  t.alike(await readTree(a.directory), before, 'byte for byte, with its times')
  await untilSame([a, b, c])
  await until('all hold all', () => b.status().copies?.fewest === 3 && b.status().copies?.current === true)
  t.is((await a.getter.get([path('small')])).unchanged, 1)
})

test('what too few others hold stays', async t => {
  const [a, b] = (await makeHolders(t, 2)) as [Backer, Backer]
  const report = await drop(a, ['small', 'dir'], 2)
  t.alike([report.dropped, report.keptCount], [0, 3])
  t.is(report.kept[0]?.message, '1 of 2 other devices proved that they have it')
  t.ok(await has(a, 'small'))
  await t.exception(drop(a, ['nothing'], 1), /nothing at/)
  t.is((await drop(b, ['small'])).dropped, 1)
  t.is((await drop(a, ['small'])).dropped, 0, 'whoever has dropped it proves nothing')
  t.ok(await has(a, 'small'))
})

test('two devices that drop the same at once do not rely on each other', async t => {
  const [a, b] = (await makeHolders(t, 2)) as [Backer, Backer]
  for (let i = 0; i < 6; i++) {
    const reports = await Promise.all([drop(a, ['small', 'empty', 'dir']), drop(b, ['small', 'empty', 'dir'])])
    for (const name of Object.keys(FILES)) t.ok((await has(a, name)) || (await has(b, name)), `${name} is somewhere`)
    t.ok(reports[0].dropped + reports[1].dropped <= 4)
    await Promise.all([a.getter.get([undefined]), b.getter.get([undefined])])
    await untilSame([a, b])
  }
})

test('what others write at a path that was dropped is not fetched, what they delete goes', async t => {
  const [a, b] = (await makeHolders(t, 2)) as [Backer, Backer]
  await drop(a, ['small', 'dir'])
  await writeFile(join(b.directory, 'small'), 'edited')
  await rm(join(b.directory, 'dir/other'))
  await untilSame([a, b])
  await until('the delete has come', () => a.status().files === 3)
  t.absent(await has(a, 'small'))
  t.is((await a.getter.get([path('small')])).fetched, 1)
  t.is(await readFile(join(a.directory, 'small'), 'utf8'), 'edited')
  await rm(join(a.directory, 'small'))
  await until('a delete of what came back is one', async () => !(await has(b, 'small')))
  await untilSame([a, b])
})

test('what is written at a path that was dropped replaces nothing', async t => {
  const [a, b] = (await makeHolders(t, 2)) as [Backer, Backer]
  await drop(a, ['small', 'dir/other'])
  await writeFile(join(a.directory, 'small'), 'another')
  await writeFile(join(a.directory, 'dir/other'), 'other')
  await until('both stand there', async () => (await readTree(b.directory)).length === 6)
  await untilSame([a, b])
  t.is(await readFile(join(b.directory, 'small'), 'utf8'), 'another')
  const copy = (await readTree(b.directory))
    .find(line => line.includes('(conflict'))
    ?.match(/small \(conflict .{8}\)/)?.[0]
  for (const device of [a, b]) {
    await until('the copy is there', () => has(device, copy ?? ''))
    t.is(await readFile(join(device.directory, copy ?? ''), 'utf8'), 'small')
  }
  t.is(a.status().copies?.dropped.files ?? 0, 0, 'the same content is the file again')
})

test('what somebody has open, or has changed, stays', async t => {
  const [a] = (await makeHolders(t, 2)) as [Backer, Backer]
  const open = openSync(join(a.directory, 'small'), 'r+')
  const report = await drop(a, ['small'])
  closeSync(open)
  t.alike([report.dropped, report.kept[0]?.message], [0, 'Another program has it open.'])
  t.is(await readFile(join(a.directory, 'small'), 'utf8'), 'small')
  await until('settled', () => a.status().idle)
  t.is((await drop(a, ['small'])).dropped, 1)
})

test('it is known after a restart what was dropped, and a crash in the middle of it loses nothing', async t => {
  const [a, b] = (await makeHolders(t, 2)) as [Backer, Backer]
  await drop(a, ['dir'])
  await a.close()
  const again = await makeBacker(t, { directory: a.directory })
  await until('looked through', () => again.status().idle && again.status().scanned)
  t.is(again.status().files, 4)
  t.absent(await has(again, 'dir/large'))
  connect(again, b)
  await untilSame([again, b])
  t.is((await again.getter.get([path('dir')])).fetched, 2)
  t.is(await readFile(join(again.directory, 'dir/large'), 'utf8'), LARGE)
})
