import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { readFile, readdir, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import type { Backer } from '../../lib/index.js'
import { makeBacker, makeDirectory, until, type Scope } from '../make/backers.js'
import { documentOf, makeCliPair, shareDocs, type CliDevice } from '../make/cli.js'
import { installPackages } from '../make/packages.js'
import { differences, mountTmpfs, unmount } from './machine.js'
import { Remote } from './remote.js'

const MIB = 1024 ** 2
installPackages({ strace: 'strace', rsync: 'rsync' })

/** A device here, and a place for another one on a file system of its own. */
async function makePair(t: Scope, options: string): Promise<{ here: Backer; directory: string; home: string }> {
  const root = await makeDirectory(t)
  mountTmpfs(t, join(root, 'disk'), options)
  mkdirSync(join(root, 'disk/folder'))
  return { here: await makeBacker(t), directory: join(root, 'disk/folder'), home: join(root, 'home') }
}

function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}

/** Leaves not a byte free. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (;;) writeSync(file, Buffer.alloc(4096))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  } finally {
    closeSync(file)
  }
}

function isFull({ problems }: { readonly problems: readonly { readonly code: string }[] }): boolean {
  return problems.some(({ code }) => code === 'DISK_FLOOR')
}

test('F5 G7: a full disk keeps its floor, deletes go on, and what waits comes when there is room', async t => {
  const { here, directory, home } = await makePair(t, 'size=64m')
  writeFileSync(join(directory, '../filler'), randomBytes(30 * MIB))
  await writeFile(join(here.directory, 'goes'), randomBytes(MIB))
  const there = await new Remote(t, { directory, home, peer: here }).ready()
  await there.untilSame(here)
  for (let i = 0; i < 20; i++) await writeFile(join(here.directory, `large ${i}`), randomBytes(2 * MIB))
  for (let i = 0; i < 20; i++) await writeFile(join(here.directory, `small ${i}`), randomBytes(4000))
  await there.until('it is full', status => isFull(status) && status.idle)
  t.ok(freeBytes(directory) > 0.0099 * 64 * MIB, `${freeBytes(directory)} bytes are free`)
  await unlink(join(here.directory, 'goes'))
  await until('deletes go on', () => !existsSync(join(directory, 'goes')))
  t.ok(isFull(await there.status()))
  t.ok(
    here.status().peers.every(peer => !peer.inSync),
    'nobody takes it for in sync'
  )
  rmSync(join(directory, '../filler'))
  await there.untilSame(here)
  t.alike(differences(here.directory, directory), [])
  t.is((await there.status()).problemCount, 0)
})

test('F5: one file that is larger than the disk holds up no other', async t => {
  const { here, directory, home } = await makePair(t, 'size=24m')
  await writeFile(join(here.directory, 'a large one'), randomBytes(40 * MIB))
  await writeFile(join(here.directory, 'z'), 'small')
  const there = await new Remote(t, { directory, home, peer: here }).ready()
  await there.until('the small one came', ({ files }) => files === 1)
  await there.until('the large one waits', isFull)
  t.alike((await readdir(directory)).sort(), ['.backer', 'z'])
  t.ok(freeBytes(directory) > 20 * MIB, 'and nothing of it takes space')
  await unlink(join(here.directory, 'a large one'))
  await there.untilSame(here)
  t.is((await there.status()).problemCount, 0)
})

test('F5: a disk without inodes stops nobody for good', async t => {
  const { here, directory, home } = await makePair(t, 'size=64m,nr_inodes=200')
  mkdirSync(join(directory, '../filler'))
  const there = await new Remote(t, { directory, home, peer: here }).ready()
  await there.untilSame(here)
  for (let i = 0; i < 100; i++) writeFileSync(join(directory, `../filler/${i}`), '')
  for (let i = 0; i < 120; i++) await writeFile(join(here.directory, `file ${i}`), `content ${i}`)
  await there.until('no inode is left', isFull)
  rmSync(join(directory, '../filler'), { recursive: true })
  await there.untilSame(here)
  t.alike(differences(here.directory, directory), [])
})

/** Two devices in processes of their own that hold `docs`; the other one's `mirror` lies on a small disk. */
async function makeSmallMirror(
  t: Test
): Promise<{ here: CliDevice; there: CliDevice; states: () => Promise<State[]> }> {
  const [here, there] = await makeCliPair(t)
  mountTmpfs(t, there.at('disk'), 'size=32m')
  const { key } = await shareDocs(here)
  await writeFile(here.at('docs', 'goes'), 'goes')
  there.start(['join', '--foreground', '-', 'disk/mirror'], { input: key })
  const states = async (): Promise<State[]> => (await documentOf(there, 'status'))['folders'] as State[]
  await until(
    'all came',
    () => existsSync(there.at('disk/mirror/goes')) && existsSync(there.at('disk/mirror/hello.txt'))
  )
  t.is((await there.run(['wait', '--timeout', '60'])).code, 0)
  return { here, there, states }
}

interface State {
  readonly state: string
  readonly error?: { readonly code: string }
  readonly problems: readonly { readonly code: string }[]
}

test('F5: a disk that is full to the last byte ends no process, and all goes on by itself when there is room', async t => {
  const { here, there, states } = await makeSmallMirror(t)
  fill(there.at('disk/filler'))
  t.is(freeBytes(there.at('disk')), 0)
  await writeFile(here.at('docs', 'comes'), randomBytes(300_000))
  await until('it waits', async () => (await states()).some(isFull))
  // Not even the index takes it.
  await unlink(here.at('docs', 'goes'))
  await until('it stops', async () => (await states()).some(({ error }) => error?.code === 'DISK_FLOOR'))
  rmSync(there.at('disk/filler'))
  await until(
    'it goes on',
    () => existsSync(there.at('disk/mirror/comes')) && !existsSync(there.at('disk/mirror/goes'))
  )
  t.is((await there.run(['wait', '--timeout', '60'])).code, 0)
  t.alike(differences(here.at('docs'), there.at('disk/mirror')), [])
  t.is((await states())[0]?.problems.length, 0)
})

test('F5: what is edited on a disk that is full to the last byte reaches the others when there is room', async t => {
  const { here, there, states } = await makeSmallMirror(t)
  fill(there.at('disk/filler'))
  writeFileSync(there.at('disk/mirror/hello.txt'), 'HELLO\n')
  writeFileSync(there.at('disk/mirror/empty'), '')
  await unlink(there.at('disk/mirror/goes'))
  await until('it stops', async () => (await states()).some(({ error }) => error?.code === 'DISK_FLOOR'))
  t.is(await readFile(there.at('disk/mirror/hello.txt'), 'utf8'), 'HELLO\n')
  rmSync(there.at('disk/filler'))
  await until(
    'it reaches the other',
    () => existsSync(here.at('docs', 'empty')) && !existsSync(here.at('docs', 'goes'))
  )
  t.is((await there.run(['wait', '--timeout', '60'])).code, 0)
  t.is(await readFile(here.at('docs', 'hello.txt'), 'utf8'), 'HELLO\n')
  t.alike(differences(here.at('docs'), there.at('disk/mirror')), [])
})

test('F5: wait ends with 12 where the disk is full', async t => {
  const [here, there] = await makeCliPair(t)
  mountTmpfs(t, there.at('mirror'), 'size=24m')
  const { running, key } = await shareDocs(here)
  await writeFile(here.at('docs', 'large'), randomBytes(30 * MIB))
  const joining = there.start(['join', '--foreground', '-', 'mirror'], { input: key })
  await until('the small one came', async () => (await readFile(there.at('mirror/hello.txt'), 'utf8')) === 'hello\n')
  const waited = await there.run(['wait', '--timeout', '60', '--json'])
  t.is(waited.code, 12)
  t.is((JSON.parse(waited.stderr) as { name: string }).name, 'DISK_FLOOR')
  await Promise.all([running.stop(), joining.stop()])
})

test('F6: a disk that fails to sync is not trusted again, and nothing is lost', async t => {
  const { here, directory, home } = await makePair(t, 'size=64m')
  await writeFile(join(here.directory, 'first'), 'first')
  const strace = ['strace', '-f', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync,syncfs']
  const inject = ['-e', 'inject=fsync,fdatasync,syncfs:error=EIO:when=40+']
  const failing = await new Remote(t, { directory, home, peer: here, under: [...strace, ...inject] }).ready()
  let i = 0
  const writing = setInterval(() => writeFileSync(join(here.directory, `file ${i}`), `content ${i++}`), 20)
  t.teardown(() => clearInterval(writing))
  const { error } = await failing.until('it stops', ({ state }) => state === 'stopped')
  clearInterval(writing)
  t.is(error?.code, 'FILE_SYSTEM', error?.message)
  await failing.kill()
  const again = await new Remote(t, { directory, home, peer: here }).ready()
  await again.untilSame(here)
  t.alike(differences(here.directory, directory), [])
  t.ok(readdirSync(here.directory).length > 1, 'and nothing was deleted')
})

test('F6 F7: what can’t be listed or read is told, and nobody deletes it', async t => {
  const { here, directory, home } = await makePair(t, 'size=64m')
  for (const path of ['closed/inner', 'open/inner']) {
    mkdirSync(join(directory, path, '..'), { recursive: true })
    writeFileSync(join(directory, path), path)
  }
  const paths = ['-P', join(directory, 'closed')]
  const strace = ['strace', '-f', '-o', '/dev/null', ...paths, '-e', 'trace=getdents64', '-e']
  const first = await new Remote(t, { directory, home, peer: here }).ready()
  await first.untilSame(here)
  await first.end()
  const under = [...strace, 'inject=getdents64:error=EIO']
  const failing = await new Remote(t, { directory, home, peer: here, under }).ready()
  await failing.until('it is told', ({ problems }) => problems.some(({ path }) => path === 'closed'))
  writeFileSync(join(directory, 'open/more'), 'more')
  await until('the rest goes on', () => existsSync(join(here.directory, 'open/more')))
  await until('at rest', () => here.status().idle)
  t.is(await readFile(join(here.directory, 'closed/inner'), 'utf8'), 'closed/inner')
})

test('F6: a file that can’t be read for an error of the disk is told, keeps its last version, and comes once it can', async t => {
  const { here, directory, home } = await makePair(t, 'size=64m')
  writeFileSync(join(directory, 'failing'), 'first')
  const first = await new Remote(t, { directory, home, peer: here }).ready()
  await first.untilSame(here)
  await first.end()
  writeFileSync(join(directory, 'failing'), randomBytes(300_000))
  const reads = 'read,pread64,preadv,readv'
  const strace = ['strace', '-f', '-o', '/dev/null', '-P', join(directory, 'failing')]
  const under = [...strace, '-e', `trace=${reads}`, '-e', `inject=${reads}:error=EIO`]
  const failing = await new Remote(t, { directory, home, peer: here, under }).ready()
  await failing.until('it is told', ({ problems }) => problems.some(({ path }) => path === 'failing'))
  writeFileSync(join(directory, 'more'), 'more')
  await until('the rest goes on', () => existsSync(join(here.directory, 'more')))
  t.is(await readFile(join(here.directory, 'failing'), 'utf8'), 'first')
  await failing.kill()
  const again = await new Remote(t, { directory, home, peer: here }).ready()
  await again.untilSame(here)
  t.alike(differences(here.directory, directory), [])
})

test('F6: a disk that fails to take what is written stops the folder, which goes on when it is opened again', async t => {
  const { here, directory, home } = await makePair(t, 'size=64m')
  const first = await new Remote(t, { directory, home, peer: here }).ready()
  await first.untilSame(here)
  await first.end()
  await writeFile(join(here.directory, 'large'), randomBytes(24 * MIB))
  // Of each thread: the one that puts files together is the first that gets so far.
  const under = ['strace', '-f', '-o', '/dev/null', '-e', 'trace=pwrite64', '-e', 'inject=pwrite64:error=EIO:when=20+']
  const failing = await new Remote(t, { directory, home, peer: here, under }).ready()
  const { error } = await failing.until('it stops', ({ state }) => state === 'stopped')
  t.is(error?.code, 'FILE_SYSTEM', error?.message)
  await failing.kill()
  const again = await new Remote(t, { directory, home, peer: here }).ready()
  await again.untilSame(here)
  t.alike(differences(here.directory, directory), [])
})

test('F7: what another file system holds inside the folder stays there', async t => {
  const { here, directory, home } = await makePair(t, 'size=64m')
  mountTmpfs(t, join(directory, 'mounted'), 'size=8m')
  writeFileSync(join(directory, 'mounted/theirs'), 'on another disk')
  const there = await new Remote(t, { directory, home, peer: here }).ready()
  await there.until('scanned', ({ scanned, idle }) => scanned && idle)
  await writeFile(join(here.directory, 'mine'), 'mine')
  await until('others come', () => existsSync(join(directory, 'mine')))
  t.is(await readFile(join(directory, 'mounted/theirs'), 'utf8'), 'on another disk')
  unmount(join(directory, 'mounted'))
  await there.untilSame(here)
  await rm(join(here.directory, 'mine'))
  await there.untilSame(here)
})

test('F21: a root that is unmounted stops the folder, and goes on when it is back', { timeout: 200_000 }, async t => {
  const root = await makeDirectory(t)
  const [disk, directory] = [join(root, 'disk'), join(root, 'mounted')]
  mkdirSync(disk)
  mkdirSync(directory)
  const bind = (): unknown => execFileSync('mount', ['--bind', disk, directory])
  t.teardown(() => unmount(directory), { order: 50 })
  bind()
  const here = await makeBacker(t)
  for (let i = 0; i < 30; i++) writeFileSync(join(here.directory, `file ${i}`), `content ${i}`)
  const there = await new Remote(t, { directory, home: join(root, 'home'), peer: here }).ready()
  await there.untilSame(here)
  unmount(directory)
  writeFileSync(join(here.directory, 'meanwhile'), 'meanwhile')
  const { error } = await there.until('it stops', ({ state }) => state === 'stopped')
  t.is(error?.code, 'MARKER')
  t.alike(readdirSync(directory), [], 'nothing is made in the mount point')
  t.is(here.status().files, 31, 'and nothing is deleted')
  bind()
  await there.untilSame(here)
  t.alike(differences(here.directory, directory), [], 'it goes on by itself')
})

test('F21: a start while the root is unmounted makes nothing in the mount point', async t => {
  const [here, there] = await makeCliPair(t)
  mkdirSync(there.at('disk'))
  mkdirSync(there.at('mirror'))
  const bind = (): unknown => execFileSync('mount', ['--bind', there.at('disk'), there.at('mirror')])
  t.teardown(() => unmount(there.at('mirror')), { order: 50 })
  bind()
  const { running, key } = await shareDocs(here)
  const joining = there.start(['join', '--foreground', '-', 'mirror'], { input: key })
  t.is((await there.run(['wait', '--timeout', '60'])).code, 0)
  await joining.stop()
  unmount(there.at('mirror'))
  for (const words of [
    ['join', '--foreground', '-', 'mirror'],
    ['share', '--foreground', 'mirror'],
    ['join', '--once', '-', 'mirror']
  ]) {
    const ended = await there.run([...words, '--json'], { input: key })
    t.is(ended.code, 1, words.join(' '))
    t.ok(ended.stderr.includes('"MARKER"'), ended.stderr)
  }
  t.alike(readdirSync(there.at('mirror')), [])
  bind()
  const again = there.start(['join', '--foreground', '-', 'mirror'], { input: key })
  t.is((await there.run(['wait', '--timeout', '60'])).code, 0)
  t.is(await readFile(here.at('docs/hello.txt'), 'utf8'), 'hello\n')
  await Promise.all([running.stop(), again.stop()])
})
