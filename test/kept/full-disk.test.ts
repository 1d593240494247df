import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import type { Backer } from '../../lib/index.js'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'

/** A file system of its own, which can be full without harm to others. Needs root. */
async function mountSmall(t: Test, options: string): Promise<string> {
  if (process.getuid?.() !== 0) throw new Error('this suite needs root: it mounts file systems')
  const at = await makeDirectory(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'backer-kept', at])
  t.teardown(() => execFileSync('umount', ['--lazy', at]), { order: 90 })
  return at
}

/** A device, and one beside it whose folder lies on a small disk; both hold `d/kept` and `other`. */
async function makePair(t: Test, options: string, size: number): Promise<{ a: Backer; b: Backer; disk: string }> {
  const disk = await mountSmall(t, options)
  const a = await makeBacker(t)
  await mkdir(join(a.directory, 'd'))
  await writeFile(join(a.directory, 'd/kept'), versionOf('first', size))
  await writeFile(join(a.directory, 'other'), 'other')
  const directory = join(disk, 'folder')
  mkdirSync(directory)
  mkdirSync(join(disk, 'filling'))
  const b = await makeBacker(t, { key: a.key, directory, home: await makeDirectory(t) })
  connect(a, b)
  await until('all is there', () => b.status().files === 2)
  await untilSame([a, b])
  return { a, b, disk }
}

function versionOf(name: string, size: number): string {
  return `${name} `.repeat(Math.ceil(size / (name.length + 1)))
}

/** All versions that lie whole among the revisions that are not packed. */
function keptWhole(b: Backer): string[] {
  const revisions = join(b.directory, '.backer', 'revisions')
  return readdirSync(revisions, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
}

test(
  'where no revision can be kept the item stays as it is, with a reason, and all else goes on',
  { timeout: 120_000 },
  async t => {
    const { a, b, disk } = await makePair(t, 'size=64m,nr_inodes=400', 20)
    // One inode is left: the new version can be put together, and the directory for the old one can't be made.
    for (let i = 0; statfsSync(disk).ffree > 1; i++) writeFileSync(join(disk, 'filling', String(i)), '')
    await writeFile(join(a.directory, 'd/kept'), versionOf('second', 20))
    const problem = (): string | undefined => b.status().problems.find(({ path }) => path === 'd/kept')?.message
    await until('it is told', () => problem() !== undefined)
    t.ok(/space|full|inode/i.test(problem() ?? ''), problem())
    t.is(await readFile(join(b.directory, 'd/kept'), 'utf8'), versionOf('first', 20))
    t.alike(keptWhole(b), [])
    await rm(join(a.directory, 'other'))
    await until('a delete goes on', () => b.status().files === 1)
    t.alike(keptWhole(b), ['other'])
    rmSync(join(disk, 'filling'), { recursive: true })
    await untilSame([a, b])
    t.is(await readFile(join(b.directory, 'd/kept'), 'utf8'), versionOf('second', 20))
    t.alike(keptWhole(b).sort(), [versionOf('first', 20), 'other'].sort())
    t.is(b.status().problemCount, 0)
  }
)

test(
  'where there is no room for a new version the old one stays, with a reason, and all else goes on',
  { timeout: 120_000 },
  async t => {
    const size = 3_000_000
    const { a, b, disk } = await makePair(t, 'size=40m', size)
    const filling = join(disk, 'filling', 'all')
    const { bavail, bsize } = statfsSync(disk)
    writeFileSync(filling, Buffer.alloc(bavail * bsize - size / 2))
    await writeFile(join(a.directory, 'd/kept'), versionOf('second', size))
    await until('it is told', () => b.status().problems.some(({ path }) => path === 'd/kept'))
    t.is(await readFile(join(b.directory, 'd/kept'), 'utf8'), versionOf('first', size), 'what stood there stands')
    rmSync(filling)
    await untilSame([a, b])
    t.is(await readFile(join(b.directory, 'd/kept'), 'utf8'), versionOf('second', size))
    t.alike(keptWhole(b), [versionOf('first', size)], 'and what it replaced is kept')
    const { damaged } = await b.history.tidy()
    t.alike(damaged, [])
    t.is(keptWhole(b).length, 1, 'it is not packed where that would leave the disk too full')
  }
)
