import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import type { Backer } from '../../lib/index.js'
import { makeDevices, makeDirectory, until, untilSame, type Scope } from '../make/backers.js'
import { installPackages } from '../make/packages.js'
import { differences } from './machine.js'

installPackages({ rsync: 'rsync' })

async function makePair(t: Scope): Promise<[Backer, Backer]> {
  return (await makeDevices(t, 2)) as [Backer, Backer]
}

async function differencesOf(pair: readonly [Backer, Backer]): Promise<string[]> {
  let found: string[] = []
  await until('both show the same', async () => {
    await untilSame(pair)
    found = differences(pair[0].directory, pair[1].directory)
    return found.length === 0
  })
  return found
}

test('F24: names of 255 bytes and paths as long as the system lets them be', async t => {
  const pair = await makePair(t)
  const long = 'n'.repeat(255)
  writeFileSync(join(pair[0].directory, long), 'long name')
  const deep = Array.from({ length: 15 }, (_, i) => `${i}`.padEnd(200, 'd')).join('/')
  mkdirSync(join(pair[0].directory, deep), { recursive: true })
  writeFileSync(join(pair[0].directory, deep, 'f'), 'deep')
  t.alike(await differencesOf(pair), [])
  writeFileSync(join(pair[0].directory, long), 'a')
  writeFileSync(join(pair[1].directory, long), 'b')
  await until(
    'there is a copy',
    () => readdirSync(pair[0].directory).filter(name => name.startsWith('nnn')).length === 2
  )
  t.alike(await differencesOf(pair), [])
  const names = readdirSync(pair[0].directory).filter(name => name.startsWith('nnn'))
  t.ok(names.every(name => Buffer.byteLength(name) <= 255))
})

test('F26: FIFOs, sockets and devices are told and left alone', async t => {
  const pair = await makePair(t)
  execFileSync('mkfifo', [join(pair[0].directory, 'fifo')])
  execFileSync('mknod', [join(pair[0].directory, 'zero'), 'c', '1', '5'])
  writeFileSync(join(pair[0].directory, 'plain'), 'plain')
  await until(
    'both are told',
    () => pair[0].status().problems.filter(({ code }) => code === 'special-file').length === 2
  )
  await until('the file came', () => readFileSync(join(pair[1].directory, 'plain'), 'utf8') === 'plain')
  t.alike(readdirSync(pair[1].directory).sort(), ['.backer', 'plain'])
  t.ok(lstatSync(join(pair[0].directory, 'fifo')).isFIFO())
})

test('F27: a file with a second name outside of the folder keeps there what it was', async t => {
  const pair = await makePair(t)
  const [a, b] = pair
  writeFileSync(join(a.directory, 'one'), 'first')
  linkSync(join(a.directory, 'one'), join(a.directory, 'two'))
  t.alike(await differencesOf(pair), [])
  const outside = await makeDirectory(t)
  linkSync(join(b.directory, 'one'), join(outside, 'other'))
  writeFileSync(join(a.directory, 'one.new'), 'second')
  execFileSync('mv', ['-T', join(a.directory, 'one.new'), join(a.directory, 'one')])
  t.alike(await differencesOf(pair), [])
  t.is(readFileSync(join(b.directory, 'one'), 'utf8'), 'second')
  t.is(readFileSync(join(b.directory, 'two'), 'utf8'), 'first')
  t.is(readFileSync(join(outside, 'other'), 'utf8'), 'first')
})

test('F28: files and directories that are closed even to their owner arrive with their modes', async t => {
  const pair = await makePair(t)
  mkdirSync(join(pair[0].directory, 'closed'))
  writeFileSync(join(pair[0].directory, 'closed/inner'), 'inner')
  writeFileSync(join(pair[0].directory, 'unreadable'), 'unreadable')
  chmodSync(join(pair[0].directory, 'unreadable'), 0o000)
  chmodSync(join(pair[0].directory, 'closed'), 0o555)
  t.alike(await differencesOf(pair), [])
})

test('F29: times far from now arrive as they are, and make no version by themselves', async t => {
  const pair = await makePair(t)
  const times = [
    '1902-01-01 00:00:00',
    '1969-12-31 23:59:59',
    '1970-01-01 00:00:00 UTC',
    '2038-01-20 03:14:08',
    '2100-01-01 00:00:00',
    '2200-01-01 00:00:00',
    '2020-02-02 02:02:02.999999999'
  ]
  times.forEach((time, i) => {
    writeFileSync(join(pair[0].directory, `${i}`), time)
    execFileSync('touch', ['-d', time, join(pair[0].directory, `${i}`)])
  })
  t.alike(await differencesOf(pair), [])
  const { root } = pair[0].status()
  for (const device of pair) await device.rescan()
  await untilSame(pair)
  t.is(pair[0].status().root, root)
  for (const [i] of times.entries())
    t.is(
      lstatSync(join(pair[1].directory, `${i}`), { bigint: true }).mtimeNs,
      lstatSync(join(pair[0].directory, `${i}`), { bigint: true }).mtimeNs
    )
})

test('F30: symlinks to anywhere are carried and never followed', async t => {
  const pair = await makePair(t)
  const targets = ['/', '..', '.', 'loop', 'nowhere', '/etc', 'x'.repeat(4000), '../../../../etc/passwd']
  targets.forEach((target, i) => symlinkSync(target, join(pair[0].directory, i === 3 ? 'loop' : `link ${i}`)))
  t.alike(await differencesOf(pair), [])
  targets.forEach((target, i) => t.is(readlinkSync(join(pair[1].directory, i === 3 ? 'loop' : `link ${i}`)), target))
})
