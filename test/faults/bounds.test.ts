import { execFileSync } from 'node:child_process'
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import type { Backer } from '../../lib/index.js'
import { makeBacker, makeDevices, makeDirectory, until, untilSame } from '../make/backers.js'
import { installPackages } from '../make/packages.js'
import { differences, mountTmpfs } from './machine.js'
import { Remote } from './remote.js'

installPackages({ rsync: 'rsync' })

/** Entries of the one large directory, and GiB of the sparse file. A million takes about ten minutes. */
const { ENTRIES = '50000', SPARSE_GIB = '8' } = process.env

test(
  `F22: a directory of ${ENTRIES} entries arrives whole, and memory stays bounded`,
  { timeout: 880_000 },
  async t => {
    const count = Number(ENTRIES)
    const root = await makeDirectory(t)
    for (const name of ['here', 'there']) mountTmpfs(t, join(root, name), `size=8g,nr_inodes=${count * 3 + 1000}`)
    for (const name of ['here/folder', 'there/folder']) mkdirSync(join(root, name))
    const here = await makeBacker(t, { directory: join(root, 'here/folder') })
    const [directory, home] = [join(root, 'there/folder'), join(root, 'there/home')]
    const there = await new Remote(t, { directory, home, peer: here }).ready()
    await there.untilSame(here)
    mkdirSync(join(here.directory, 'many'))
    for (let i = 0; i < count; i++) writeFileSync(join(here.directory, `many/${i}`), i % 100 === 0 ? `${i}` : '')
    await until('all are known here', () => here.status().idle && here.status().files === count, 400_000)
    await until('all came', async () => (await there.status()).files === count, 800_000)
    await there.untilSame(here)
    t.alike(differences(here.directory, directory), [])
    const peak = there.peakBytes()
    t.ok(peak < 1024 ** 3, `at most ${Math.round(peak / 1024 ** 2)} MiB`)
  }
)

/** How much of the disk a file takes, in bytes. */
const takenBy = (path: string): number => lstatSync(path).blocks * 512

test(
  `F23: a sparse file of ${SPARSE_GIB} GiB holds up nothing else, next to none of it travels, and it takes no more of the other disk`,
  { timeout: 880_000 },
  async t => {
    const size = Number(SPARSE_GIB) * 1024 ** 3
    const [a, b] = (await makeDevices(t, 2)) as [Backer, Backer]
    const [here, there] = [join(a.directory, 'sparse'), join(b.directory, 'sparse')]
    const islands = Array.from({ length: 40 }, (_, i) => Math.floor((size / 41) * i))
    const file = openSync(here, 'w')
    for (const at of islands) writeSync(file, `data at ${at}`.padEnd(8192, '.'), at)
    ftruncateSync(file, size)
    closeSync(file)
    for (const length of [0, 1]) writeFileSync(join(a.directory, `${length} bytes`), 'x'.repeat(length))
    await until(
      'the others are there',
      () => readdirSync(b.directory).filter(name => name.endsWith('bytes')).length === 2
    )
    await until('it has its size', () => lstatSync(there, { throwIfNoEntry: false })?.size === size, 850_000)
    await untilSame([a, b], 850_000)
    const received = b.status().peers.reduce((sum, peer) => sum + peer.bytesReceived, 0)
    t.ok(received < 0.01 * size + islands.length * 1024 ** 2, `${received} bytes travelled`)
    t.ok(takenBy(there) <= takenBy(here) + islands.length * 128 * 1024, `${takenBy(there)} bytes are taken there`)

    const again = openSync(here, 'r+')
    writeSync(again, 'edited', islands[20])
    closeSync(again)
    const begin = (): string =>
      execFileSync('dd', [`if=${there}`, 'bs=6', 'count=1', 'iflag=skip_bytes', `skip=${islands[20]}`, 'status=none'], {
        encoding: 'utf8'
      })
    await until('the edit came', () => begin() === 'edited', 850_000)
    await untilSame([a, b], 850_000)
    t.ok(takenBy(there) <= takenBy(here) + islands.length * 128 * 1024, `${takenBy(there)} after an edit`)
    t.is(execFileSync('cmp', [here, there], { encoding: 'utf8' }), '')
  }
)

/** A chain of directories, made and removed step by step: no path of the system's is long enough to name the last one. */
const DIG = `
  const [root, name, depth] = process.argv.slice(1)
  process.chdir(root)
  for (let i = 0; i < Number(depth); i++) {
    require('node:fs').mkdirSync(name, { recursive: true })
    process.chdir(name)
    require('node:fs').writeFileSync('file', 'at ' + i)
  }`

test('F24: a tree that is deeper than any path is told, and nothing of it is lost, deleted or in the way', async t => {
  const [a, b] = (await makeDevices(t, 2)) as [Backer, Backer]
  const name = 'd'.repeat(200)
  t.teardown(() => execFileSync('rm', ['-rf', join(a.directory, name), join(b.directory, name)]), { order: 50 })
  execFileSync(process.execPath, ['-e', DIG, a.directory, name, '60'])
  const countOf = (directory: string): number =>
    execFileSync('find', [directory, '-path', join(directory, '.backer'), '-prune', '-o', '-name', 'file', '-print'], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 ** 2
    }).split('/file\n').length - 1
  t.is(countOf(a.directory), 60)
  await until('it is told', () => a.status().idle && a.status().problemCount > 0)
  const problem = a.status().problems.at(0)
  t.ok((problem?.message ?? '').length > 0, problem?.message)
  writeFileSync(join(a.directory, 'other'), 'other')
  await until('other things come', () => readdirSync(b.directory).includes('other'))
  await untilSame([a, b])
  const arrived = countOf(b.directory)
  t.ok(arrived >= 19 && arrived < 60, `${arrived} of 60 levels arrived`)
  await a.rescan()
  await untilSame([a, b])
  t.is(countOf(a.directory), 60, 'all of it is still there')
  t.is(countOf(b.directory), arrived)
  execFileSync('rm', ['-rf', join(a.directory, name)])
  await until('it goes', () => a.status().problemCount === 0 && !readdirSync(b.directory).includes(name))
})
