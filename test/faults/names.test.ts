import { mkdirSync, readdirSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { Mounts } from '../crash/mounts.js'
import { makeBacker, makeDirectory, until } from '../make/backers.js'
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
