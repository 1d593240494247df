import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { PAYLOADS } from '../hostile/paths.js'
import type { Backer } from '../../lib/index.js'
import { Mounts } from '../crash/mounts.js'
import { makeBacker, makeDevices, makeDirectory, until, untilSame } from '../make/backers.js'
import { installPackages } from '../make/packages.js'
import { Remote } from './remote.js'

installPackages({ 'mount.exfat-fuse': 'exfat-fuse', 'mkfs.exfat': 'exfatprogs' })

const visible = (directory: string): string[] =>
  readdirSync(directory)
    .filter(name => name !== '.backer')
    .sort()

test('E4 S16: names that a file system takes for the same are held back and told, and nothing is overwritten, merged or deleted', async t => {
  const base = await makeDirectory(t)
  const mounts = new Mounts(base)
  t.teardown(() => mounts.close(), { order: 50 })
  const disk = mounts.make('disk', 'exfat')
  const here = await makeBacker(t)
  const write = (path: string, text: string): Promise<void> => writeFile(join(here.directory, path), text)
  for (const directory of ['DIR', 'dir', 'straße']) mkdirSync(join(here.directory, directory))
  await write('README', 'upper')
  await write('readme', 'lower')
  await write('DIR/x', 'in the upper one')
  await write('dir/x', 'in the lower one')
  await write('dir/y', 'only in the lower one')
  await write('plain', 'plain')
  mkdirSync(join(disk, 'folder'))
  const there = await new Remote(t, { directory: join(disk, 'folder'), home: join(base, 'home'), peer: here }).ready()
  const { problems } = await there.until(
    'all that can stand there stands there',
    ({ idle, files }) => idle && files >= 3
  )
  const held = problems.filter(({ code }) => code === 'collision').map(({ path }) => path)
  t.ok(
    held.some(path => path === 'README' || path === 'readme') && held.some(path => path === 'DIR' || path === 'dir'),
    held.join()
  )
  const folder = join(disk, 'folder')
  t.is(visible(folder).length, 4, visible(folder).join())
  for (const name of visible(folder).filter(one => one.toLowerCase() === 'readme'))
    t.is(await readFile(join(folder, name), 'utf8'), name === 'README' ? 'upper' : 'lower')
  for (const name of visible(folder).filter(one => one.toLowerCase() === 'dir')) {
    t.alike(visible(join(folder, name)), visible(join(here.directory, name)))
    t.is(await readFile(join(folder, name, 'x'), 'utf8'), `in the ${name === 'DIR' ? 'upper' : 'lower'} one`)
  }
  await write('plain', 'goes on')
  await until('others are not held up', async () => (await readFile(join(folder, 'plain'), 'utf8')) === 'goes on')
  t.alike(
    visible(here.directory),
    ['DIR', 'README', 'dir', 'plain', 'readme', 'straße'],
    'nobody deleted what is held back'
  )
  await rename(join(here.directory, 'readme'), join(here.directory, 'other'))
  await rm(join(here.directory, 'dir'), { recursive: true })
  await there.untilSame(here)
  await until(
    'what was held back comes once its name is free',
    () => visible(folder).join() === visible(here.directory).join()
  )
  t.is(await readFile(join(folder, 'DIR/x'), 'utf8'), 'in the upper one')
})

test('F25: names that mean something elsewhere, look alike or are no text: the first two arrive byte for byte, the last are told and left alone', async t => {
  const [a, b] = (await makeDevices(t, 2)) as [Backer, Backer]
  const names = [...PAYLOADS, 'README', 'readme', 'ß', 'SS', 'K', '\u212a', '👩‍👩‍👧', 'n'.repeat(255)]
  // One of two names that only differ in how they are composed stands: NFC has the same bytes as another device's.
  for (const name of names) writeFileSync(join(a.directory, name), `content of ${name}`)
  const raw = [Buffer.from([0xff, 0xfe]), Buffer.from([0x61, 0xed, 0xa0, 0x80]), Buffer.from('é', 'latin1')]
  for (const name of raw) writeFileSync(Buffer.concat([Buffer.from(`${a.directory}/`), name]), 'no text')
  writeFileSync(join(a.directory, 'é'), 'composed')
  await until('all came', async () => (await untilSame([a, b]), b.status().files === names.length + 1))
  await until('the others are told', () => a.status().problemCount === raw.length)
  const bytesOf = (directory: string): string[] =>
    readdirSync(directory, { encoding: 'buffer' })
      .map(name => name.toString('hex'))
      .filter(name => name !== Buffer.from('.backer').toString('hex'))
      .sort()
  const shown = bytesOf(b.directory)
  t.alike(
    bytesOf(a.directory).filter(name => !shown.includes(name)),
    raw.map(name => name.toString('hex')).sort()
  )
  for (const name of names)
    t.is(await readFile(join(b.directory, name), 'utf8'), `content of ${name}`, JSON.stringify(name))
  for (const name of raw) t.is(await readFile(Buffer.concat([Buffer.from(`${a.directory}/`), name]), 'utf8'), 'no text')
})
