import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { connect, makeBacker, makeDirectory, until, type Scope } from '../make/backers.js'
import { installPackages } from '../make/packages.js'
import { differences } from './machine.js'
import { Remote } from './remote.js'

installPackages({ rsync: 'rsync', faketime: 'faketime' })

const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'

async function makePlace(t: Scope) {
  const base = await makeDirectory(t)
  const directory = join(base, 'folder')
  mkdirSync(directory)
  return { here: await makeBacker(t), directory, home: join(base, 'home') }
}

test('F8: with few files that may be open at once everything is synced all the same', async t => {
  const { here, directory, home } = await makePlace(t)
  for (let i = 0; i < 400; i++) {
    mkdirSync(join(here.directory, `d${i % 40}`), { recursive: true })
    writeFileSync(join(here.directory, `d${i % 40}/${i}`), `${i}`)
  }
  const there = await new Remote(t, { directory, home, peer: here, under: ['prlimit', '--nofile=120:120'] }).ready()
  await there.untilSame(here)
  t.alike(differences(here.directory, directory), [])
})

test(
  'F9: where the system lets only few directories be watched, changes in the others are found all the same',
  { timeout: 200_000 },
  async t => {
    const { here, directory, home } = await makePlace(t)
    for (let i = 0; i < 12; i++) mkdirSync(join(directory, `d${i}`))
    const limited = [
      'unshare',
      '-Ur',
      'bash',
      '-c',
      'echo 4 > /proc/sys/user/max_inotify_watches; exec "$@"',
      'limited'
    ]
    const there = await new Remote(t, { directory, home, peer: here, under: limited }).ready()
    await there.untilSame(here)
    await there.until('it says so', ({ problems }) => problems.length > 0)
    for (let i = 0; i < 12; i++) writeFileSync(join(directory, `d${i}/new`), `${i}`)
    await until(
      'all arrived',
      () => Array.from({ length: 12 }, (_, i) => i).every(i => existsSync(join(here.directory, `d${i}/new`))),
      150_000
    )
    t.pass()
  }
)

test(
  'F10: a device whose clock is ten years off, and jumps, makes no conflict and loses nothing',
  { timeout: 200_000 },
  async t => {
    const { here, directory, home } = await makePlace(t)
    if (!existsSync(FAKETIME)) {
      t.comment('skipped: no libfaketime here')
      return
    }
    const clock = join(home, '..', 'clock')
    const setClock = (offset: string): void => writeFileSync(clock, offset)
    const env = {
      LD_PRELOAD: FAKETIME,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1'
    }
    setClock('+10y')
    const there = await new Remote(t, { directory, home, peer: here, env }).ready()
    for (const [i, offset] of ['+10y', '-10y', '+0', '+10y'].entries()) {
      setClock(offset)
      writeFileSync(join(here.directory, 'by turns'), `here ${i}`)
      await there.untilSame(here)
      await until('it came', () => differences(here.directory, directory).length === 0)
      writeFileSync(join(directory, 'by turns'), `there ${i}`)
      await until('it came back', () => differences(here.directory, directory).length === 0)
    }
    t.alike(
      readdirSync(here.directory).filter(name => name !== '.backer'),
      ['by turns']
    )
  }
)

test(
  'F13: a peer that is halted is given up within half a minute, holds up nobody, and gets all once it goes on',
  { timeout: 200_000 },
  async t => {
    const { here, directory, home } = await makePlace(t)
    const there = await new Remote(t, { directory, home, peer: here }).ready()
    await there.untilSame(here)
    const other = await makeBacker(t, { key: here.key })
    connect(here, other)
    there.signal('SIGSTOP')
    const begin = performance.now()
    writeFileSync(join(here.directory, 'meanwhile'), 'meanwhile')
    await until('another one is not held up', () => existsSync(join(other.directory, 'meanwhile')))
    await until('it is given up', () => here.status().peers.length === 1)
    const elapsedMs = performance.now() - begin
    t.ok(elapsedMs < 32_000, `${Math.round(elapsedMs)} ms`)
    t.absent(existsSync(join(directory, 'meanwhile')))
    there.signal('SIGCONT')
    // Its line was ended meanwhile: it is opened and connected anew.
    await there.end()
    const again = await new Remote(t, { directory, home, peer: here }).ready()
    await again.untilSame(here)
    t.alike(differences(here.directory, directory), [])
  }
)

test(
  'F20: an index that is gone, cut, damaged or old deletes nothing and brings nothing back',
  { timeout: 300_000 },
  async t => {
    const { here, directory, home } = await makePlace(t)
    for (let i = 0; i < 30; i++) writeFileSync(join(here.directory, `file ${i}`), `content ${i}`)
    const first = await new Remote(t, { directory, home, peer: here }).ready()
    await first.untilSame(here)
    await first.end()
    const index = join(directory, '.backer/index')
    const old = join(home, '..', 'old index')
    cpSync(index, old, { recursive: true })
    const files = (): string[] =>
      readdirSync(index, { recursive: true, encoding: 'utf8' }).filter(name => !name.endsWith('lock.mdb'))
    const damages: Readonly<Record<string, () => void>> = {
      gone: () => rmSync(index, { recursive: true }),
      cut: () => execFileSync('truncate', ['-s', '5000', join(index, files()[0] ?? '')]),
      damaged: () =>
        execFileSync('bash', [
          '-c',
          `printf 'damage!' | dd of="${join(index, files()[0] ?? '')}" bs=1 seek=9000 conv=notrunc status=none`
        ]),
      old: () => {
        rmSync(index, { recursive: true })
        cpSync(old, index, { recursive: true })
      }
    }
    for (const [what, damage] of Object.entries(damages)) {
      rmSync(join(here.directory, `file ${Object.keys(damages).indexOf(what)}`), { force: true })
      writeFileSync(join(here.directory, what), what)
      damage()
      writeFileSync(join(directory, `written while the index was ${what}`), what)
      const again = await new Remote(t, { directory, home, peer: here }).ready()
      await again.untilSame(here)
      t.alike(differences(here.directory, directory), [], what)
      t.ok(existsSync(join(here.directory, `written while the index was ${what}`)), what)
      t.ok(existsSync(join(here.directory, 'file 29')), what)
      await again.end()
    }
  }
)

test('F32: a second process on the same folder is refused, and the first goes on', async t => {
  const { here, directory, home } = await makePlace(t)
  const first = await new Remote(t, { directory, home, peer: here }).ready()
  const second = new Remote(t, { directory, home: `${home} 2`, peer: here })
  await t.exception(second.ready(), /LOCKED|running already/)
  writeFileSync(join(here.directory, 'after'), 'after')
  await until('it still syncs', () => existsSync(join(directory, 'after')))
  await first.untilSame(here)
})

test(
  'F33: a device that was away for twenty years brings back nothing that was deleted, and catches up with all that was done',
  { timeout: 300_000 },
  async t => {
    const { here, directory, home } = await makePlace(t)
    for (let i = 0; i < 60; i++) writeFileSync(join(here.directory, `file ${i}`), `content ${i}`)
    const first = await new Remote(t, { directory, home, peer: here }).ready()
    await first.untilSame(here)
    await first.end()
    // A few at a time: so many at once would be held.
    for (let i = 0; i < 40; i++) {
      rmSync(join(here.directory, `file ${i}`))
      if (i % 10 === 9) await until('it is seen', () => here.status().idle && here.status().files === 59 - i)
    }
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 100; i++) writeFileSync(join(here.directory, `file ${40 + (i % 20)}`), `round ${round} ${i}`)
      for (let i = 0; i < 40; i++) writeFileSync(join(here.directory, `new ${round} ${i}`), `${i}`)
      await until('it is seen', () => here.status().idle && here.status().files === 20 + (round + 1) * 40)
    }
    // It comes back with all that it had, and with something of its own.
    writeFileSync(join(directory, 'made in all those years'), 'made')
    const env = existsSync(FAKETIME) ? { LD_PRELOAD: FAKETIME, FAKETIME: '+20y', DONT_FAKE_MONOTONIC: '1' } : undefined
    if (env === undefined) t.comment('no libfaketime here: the clock stands')
    const back = await new Remote(t, { directory, home, peer: here, ...(env === undefined ? {} : { env }) }).ready()
    await back.untilSame(here)
    t.alike(differences(here.directory, directory), [])
    for (const at of [here.directory, directory]) {
      const names = readdirSync(at).filter(name => name !== '.backer')
      t.is(names.length, 20 + 20 * 40 + 1)
      t.absent(
        names.some(name => /^file [0-3]?[0-9]$/.test(name)),
        'nothing came back'
      )
      t.absent(
        names.some(name => name.includes('(conflict ')),
        'nor is anything in dispute'
      )
      t.ok(names.includes('made in all those years'))
    }
    await back.end()
    // The disk of that time, with a new index: what was deleted does come then, as nobody can know that it is old, but it replaces nothing.
    rmSync(join(directory, '.backer/index'), { recursive: true })
    writeFileSync(join(directory, 'file 45'), 'content 45')
    const renewed = await new Remote(t, { directory, home, peer: here }).ready()
    await renewed.untilSame(here)
    t.alike(differences(here.directory, directory), [])
    const copies = readdirSync(directory).filter(name => name.startsWith('file 45'))
    t.ok(copies.length === 2 && copies.includes('file 45'), copies.join())
  }
)
