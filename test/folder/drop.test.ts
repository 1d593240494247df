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

test(
  'what enough other devices hold is dropped, stays a part of the folder, and comes back',
  { timeout: 120_000 },
  async t => {
    const [a, b, c] = (await makeHolders(t, 3)) as [Backer, Backer, Backer]
    const before = await readTree(a.directory)
    const few = await drop(a, ['small', 'dir'], 3)
    t.alike([few.dropped, few.keptCount], [0, 3])
    t.is(few.kept[0]?.message, '2 of 3 other devices proved that they have it')
    await t.exception(drop(a, ['nothing'], 1), /nothing at/)
    const plan = await a.dropper.drop([undefined], { copies: 2, isDryRun: true })
    t.is(plan.dropped, 4)
    t.ok(plan.dryRun && (await has(a, 'dir/large')), 'a dry run drops nothing')
    const report = await a.dropper.drop([undefined], { copies: 2, isDryRun: false })
    t.alike([report.dropped, report.keptCount, report.bytes], [4, 0, LARGE.length + 10])
    t.alike((await readTree(a.directory)).length, 1, 'only the directory is left')
    await untilSame([a, b, c])
    await until('others count with it', () => b.status().copies?.fewest === 2 && b.status().copies?.current === true)
    await until('it is counted', () => a.status().copies?.dropped.files === 4 && a.status().copies?.current === true)
    t.is(a.status().copies?.dropped.bytes, LARGE.length + 10)
    t.is((await drop(b, ['small'], 2)).dropped, 0, 'whoever has dropped it proves nothing')
    await a.close()
    const again = await makeBacker(t, { directory: a.directory })
    await until('looked through', () => again.status().idle && again.status().scanned)
    t.is(again.status().files, 4, 'no look takes it for deleted')
    for (const other of [b, c]) connect(again, other)
    await until('connected', () => again.status().peers.length === 2)
    await untilSame([again, b, c])
    t.is((await again.dropper.drop([undefined], { copies: 2, isDryRun: false })).unchanged, 4)
    const got = await again.getter.get([undefined])
    t.alike([got.fetched, got.failedCount, got.bytes], [4, 0, LARGE.length + 10])
    t.alike(await readTree(again.directory), before, 'byte for byte, with its times')
    await untilSame([again, b, c])
    await until('all hold all', () => b.status().copies?.fewest === 3 && b.status().copies?.current === true)
    t.is((await again.getter.get([path('small')])).unchanged, 1)
  }
)

test(
  'what was dropped follows the others; what is written in its place replaces nothing; what is in use stays',
  { timeout: 120_000 },
  async t => {
    const [a, b] = (await makeHolders(t, 2)) as [Backer, Backer]
    const open = openSync(join(a.directory, 'small'), 'r+')
    const used = await drop(a, ['small'])
    closeSync(open)
    t.alike([used.dropped, used.kept[0]?.message], [0, 'Another program has it open.'])
    t.is(await readFile(join(a.directory, 'small'), 'utf8'), 'small')
    await until('settled', () => a.status().idle)
    t.is((await drop(a, ['small', 'empty', 'dir'])).dropped, 4)

    await writeFile(join(b.directory, 'empty'), 'edited')
    await rm(join(b.directory, 'dir/large'))
    await until('it was heard of', () => b.status().files === 3 && a.status().files === 3)
    await untilSame([a, b])
    t.absent(await has(a, 'empty'), 'what others write is not fetched')
    t.is((await a.getter.get([path('empty')])).fetched, 1)
    t.is(await readFile(join(a.directory, 'empty'), 'utf8'), 'edited')
    await rm(join(a.directory, 'empty'))
    await until('a delete of what came back is one', async () => !(await has(b, 'empty')))

    await writeFile(join(a.directory, 'small'), 'another')
    await writeFile(join(a.directory, 'dir/other'), 'other')
    const copyOf = async (device: Backer): Promise<string | undefined> =>
      (await readTree(device.directory)).find(line => line.includes('(conflict'))?.match(/small \(conflict .{8}\)/)?.[0]
    for (const device of [b, a]) {
      await until('both stand there', async () => (await copyOf(device)) !== undefined)
      t.is(await readFile(join(device.directory, (await copyOf(device)) ?? ''), 'utf8'), 'small')
    }
    await untilSame([a, b])
    t.is(await readFile(join(b.directory, 'small'), 'utf8'), 'another')
    await until('counted', () => a.status().copies?.current === true)
    t.is(a.status().copies?.dropped.files, 0, 'the same content is the file again')
  }
)
