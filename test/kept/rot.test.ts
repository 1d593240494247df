import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { until } from '../make/backers.js'
import { documentOf, makeCliPair, shareDocs, type CliDevice } from '../make/cli.js'
import { RottingDisk } from '../make/rotting-disk.js'
import { SeededRandom } from '../sim/random.js'

const FILES = 60
const ROTTEN = 20
const SIZES = [100, 4096, 5000, 40_000, 150_000, 700_000]

/** Two real devices that hold the same files; the first one's lie on a disk that rots. */
async function makePair(
  t: Test
): Promise<{ a: CliDevice; b: CliDevice; disk: RottingDisk; names: string[]; key: string }> {
  const [a, b] = await makeCliPair(t)
  const disk = new RottingDisk(t, a.at(), new SeededRandom('rot'))
  const { key } = await shareDocs(b)
  const names = Array.from({ length: FILES }, (_, i) => (i % 3 === 0 ? `dir/${i}` : `${i}.bin`))
  mkdirSync(b.at('docs/dir'))
  names.forEach((name, i) => writeFileSync(b.at('docs', name), randomBytes(SIZES[i % SIZES.length] ?? 1)))
  a.start(['join', '--foreground', '-', 'disk/docs'], { input: key })
  await until('all came', () => names.every(name => existsSync(a.at('disk/docs', name))))
  t.is((await a.run(['wait', '--timeout', '60'])).code, 0)
  return { a, b, disk, names, key }
}

const contents = (device: CliDevice, directory: string, names: readonly string[]): Map<string, string> =>
  new Map(names.map(name => [name, readFileSync(device.at(directory, name)).toString('hex')]))
const stampOf = (path: string): string => {
  const { ino, size, mtimeMs, ctimeMs, mode } = lstatSync(path)
  return [ino, size, mtimeMs, ctimeMs, mode].join()
}
const putAside = (device: CliDevice): string[] =>
  readdirSync(device.at('disk/docs/.backer/damaged'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => readFileSync(join(entry.parentPath, entry.name)).toString('hex'))

/** What the first folder of the answer says. */
async function verified(device: CliDevice, code: number, t: Test): Promise<Record<string, unknown>> {
  const ended = await device.run(['verify', '--anew', '--json'])
  t.is(ended.code, code, ended.stderr)
  const summary = ended.stdout.trim().split('\n').at(-1) ?? '{}'
  return (JSON.parse(summary) as { folders: Record<string, unknown>[] }).folders[0] ?? {}
}

test(
  'one bit in each of 20 files on a real disk: all are found and mended, nothing else is touched',
  { timeout: 240_000 },
  async t => {
    const { a, disk, names } = await makePair(t)
    const before = contents(a, 'disk/docs', names)
    const rotten = names.filter((_, i) => i % 3 !== 1).slice(0, ROTTEN)
    const sound = names.filter(name => !rotten.includes(name))
    const stamps = new Map(names.map(name => [name, stampOf(a.at('disk/docs', name))]))
    disk.rot(rotten.map(name => a.at('disk/docs', name)))
    const report = await verified(a, 0, t)
    t.alike(
      [report['files'], report['damaged'], report['mended'], report['unmended'], report['edited']],
      [FILES + 1, ROTTEN, ROTTEN, 0, 0]
    )
    t.alike((report['sample'] as { path: string }[]).map(({ path }) => path).sort(), [...rotten].sort())
    t.alike(contents(a, 'disk/docs', names), before)
    t.alike(
      sound.filter(name => stampOf(a.at('disk/docs', name)) !== stamps.get(name)),
      [],
      'what is sound is left alone'
    )
    const aside = putAside(a)
    t.is(aside.length, ROTTEN)
    t.ok(
      aside.every(bytes => [...before.values()].every(text => text !== bytes)),
      'what was put aside is what had rotted'
    )
    t.is((await a.run(['wait', '--timeout', '60'])).code, 0, 'no version was made of it')
    const again = await verified(a, 0, t)
    t.alike([again['damaged'], again['files']], [0, FILES + 1])
  }
)

test(
  'without another device it says so and keeps what is there; all is mended when one comes',
  { timeout: 240_000 },
  async t => {
    const { a, b, disk, names } = await makePair(t)
    const before = contents(a, 'disk/docs', names)
    await documentOf(b, 'pause')
    await until('apart', async () => ((await documentOf(a, 'peers'))['peers'] as unknown[]).length === 0)
    const rotten = names.slice(0, ROTTEN)
    disk.rot(rotten.map(name => a.at('disk/docs', name)))
    const report = await verified(a, 3, t)
    t.alike([report['damaged'], report['mended'], report['unmended']], [ROTTEN, 0, ROTTEN])
    t.ok(
      (report['sample'] as { reason: string }[]).every(({ reason }) => reason === 'no connected device has its content')
    )
    const now = contents(a, 'disk/docs', names)
    t.alike(
      names.filter(name => now.get(name) !== before.get(name)).sort(),
      [...rotten].sort(),
      'what has rotted stands there'
    )
    t.ok((await a.run(['status'])).stdout.includes(`${ROTTEN} files damaged`))
    await documentOf(b, 'resume')
    await until('all are mended', () =>
      names.every(name => readFileSync(a.at('disk/docs', name)).toString('hex') === before.get(name))
    )
    await until('all were put aside', () => putAside(a).length === ROTTEN)
    t.alike(new Set(putAside(a)), new Set(rotten.map(name => now.get(name))), 'and the damaged ones are kept')
    t.is((await a.run(['wait', '--timeout', '60'])).code, 0)
    t.alike(contents(b, 'docs', names), before)
  }
)
