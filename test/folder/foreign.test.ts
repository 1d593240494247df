import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import type { Backer } from '../../lib/index.js'
import { intrude, recordsAt } from '../make/intruder.js'
import { connect, makeBacker, makeDirectory, until, untilSame, type Scope } from '../make/backers.js'

/** Two devices whose folders have the same rules from the beginning. */
async function makePair(t: Scope): Promise<[Backer, Backer]> {
  const directories = [await makeDirectory(t), await makeDirectory(t)] as const
  for (const directory of directories) writeFileSync(join(directory, '.backerignore'), 'private*\n')
  const a = await makeBacker(t, { directory: directories[0] })
  const b = await makeBacker(t, { directory: directories[1], key: a.key })
  connect(a, b)
  await untilSame([a, b])
  return [a, b]
}

function shown({ directory }: Backer): string {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return names
    .filter(name => !name.startsWith('.backer'))
    .sort()
    .join()
}

const isTold = ({ idle, problems }: ReturnType<Backer['status']>, code: string): boolean =>
  idle && problems.length === 1 && problems[0]?.code === code

test('a directory that others delete stays where something ignored or special lies in it, and nobody waits for it', async t => {
  const [a, b] = await makePair(t)
  mkdirSync(join(a.directory, 'd/inner'), { recursive: true })
  writeFileSync(join(a.directory, 'd/file'), 'file')
  await until('it came', () => shown(b) === 'd,d/file,d/inner')
  await untilSame([a, b])
  writeFileSync(join(a.directory, 'd/inner/private'), 'private')
  execFileSync('mkfifo', [join(a.directory, 'd/fifo')])
  await until('the FIFO is told', () => isTold(a.status(), 'special-file'))
  rmSync(join(b.directory, 'd'), { recursive: true })
  await until('all that is the folder’s goes', () => shown(a) === 'd,d/fifo,d/inner,d/inner/private')
  await untilSame([a, b])
  await until('both say so', () => [a, b].every(device => device.status().state === 'in-sync'))
  t.is(shown(b), '')
  const { root } = a.status()
  await a.rescan()
  await untilSame([a, b])
  t.is(a.status().root, root, 'another look brings nothing back')

  await writeFile(join(a.directory, 'd/inner/new'), 'new')
  await until('with something new in it it is the folder’s again', () => shown(b) === 'd,d/inner,d/inner/new')
  await rm(join(b.directory, 'd'), { recursive: true })
  await until('and goes again', () => shown(a) === 'd,d/fifo,d/inner,d/inner/private')
  await untilSame([a, b])
  t.is(await readFile(join(a.directory, 'd/inner/private'), 'utf8'), 'private')
})

test('what is ignored is not replaced by what others have in its place: it is told, and stays once it is ignored no more', async t => {
  const directory = await makeDirectory(t)
  writeFileSync(join(directory, '.backerignore'), 'private*\n')
  writeFileSync(join(directory, 'private'), 'of this device')
  const device = await makeBacker(t, { directory })
  // Whoever made it did not know the rules.
  const other = await intrude(t, device, device.key)
  other.showRecords(recordsAt({ private: other.file('of another device') }))
  await until('it is told', () => isTold(device.status(), 'ignored'))
  t.is(await readFile(join(directory, 'private'), 'utf8'), 'of this device')
  await rm(join(directory, '.backerignore'))
  await until('it is in the folder', () => device.status().idle && device.status().files > 0)
  await until('nothing is left to be told', () => device.status().problemCount === 0)
  // Which of both stands at the path is no matter here: the other one's copy is made by the device that has it.
  const names = shown(device).split(',')
  const texts = await Promise.all(names.map(name => readFile(join(directory, name), 'utf8')))
  t.ok(texts.includes('of this device'), names.join())
})

test('what an append-only device keeps in a directory that others have replaced by a file is told, and the file waits for it', async t => {
  const a = await makeBacker(t)
  const b = await makeBacker(t, { key: a.key, role: 'append-only' })
  connect(a, b)
  mkdirSync(join(a.directory, 'd/inner'), { recursive: true })
  writeFileSync(join(a.directory, 'd/inner/one'), 'one')
  await until('it came', () => shown(b) === 'd,d/inner,d/inner/one')
  await untilSame([a, b])
  rmSync(join(a.directory, 'd'), { recursive: true })
  writeFileSync(join(a.directory, 'd'), 'a file now')
  await until('it is told', () => isTold(b.status(), 'kept'))
  t.is(b.status().problems[0]?.path, 'd')
  t.ok(b.status().problems[0]?.message.startsWith('d/inner, which others have deleted and this device keeps'))
  t.not(b.status().state, 'syncing')
  t.is(shown(b), 'd,d/inner,d/inner/one')
  await until('a is told why b has not got it', () => {
    const [lacking] = a.status().lacking ?? []
    return lacking?.items.some(({ path, code }) => path === 'd' && code === 'kept') === true
  })

  await rename(join(b.directory, 'd/inner'), join(b.directory, 'kept'))
  await until('the file has its place', async () => (await readFile(join(b.directory, 'd'), 'utf8')) === 'a file now')
  await untilSame([a, b])
  t.is(shown(b), 'd,kept,kept/one')
  t.is(await readFile(join(a.directory, 'kept/one'), 'utf8'), 'one', 'what was moved is in the folder again')
  t.is(b.status().problemCount, 0)
})
