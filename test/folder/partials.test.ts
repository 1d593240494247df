import { randomBytes } from 'node:crypto'
import { appendFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import test from 'brittle'
import { parsePath } from '../../lib/core/model/path.js'
import type { Disk } from '../../lib/disk/disk.js'
import { Partials } from '../../lib/folder/partials.js'
import type { Backer } from '../../lib/index.js'
import { makeBacker, until, untilSame } from '../make/backers.js'

const FILE_BYTES = 6_000_000

/** Lets `bytes` bytes through and holds the rest back until it is opened. */
class Gate extends Transform {
  #left: number
  #held: (() => void) | undefined

  constructor(bytes: number) {
    super()
    this.#left = bytes
  }

  open(): void {
    this.#left = Infinity
    this.#held?.()
  }

  override _transform(data: Buffer, _encoding: BufferEncoding, done: (error: null, data: Buffer) => void): void {
    this.#left -= data.byteLength
    if (this.#left >= 0) done(null, data)
    else this.#held = () => done(null, data)
  }
}

/** What is put together in a device's `.backer/tmp`: the largest size, or 0. */
async function stagedBytes({ directory }: Backer): Promise<number> {
  const tmp = join(directory, '.backer/tmp')
  const names = (await readdir(tmp)).filter(name => /^[0-9a-f]{64}-/.test(name))
  const sizes = await Promise.all(names.map(async name => (await stat(join(tmp, name))).size))
  return Math.max(0, ...sizes)
}

for (const change of ['appended to', 'deleted'] as const)
  test(`a file is ${change} while it is on its way: nothing of it stays in .backer/tmp`, async t => {
    const a = await makeBacker(t)
    const file = join(a.directory, 'file')
    await writeFile(file, randomBytes(FILE_BYTES))
    await until('it is scanned', () => a.status().files === 1)
    const b = await makeBacker(t, { key: a.key })
    const gate = new Gate(FILE_BYTES / 3)
    const [left, right] = [a.createStream(), b.createStream()]
    t.teardown(() => left.destroy())
    left.pipe(gate).pipe(right).pipe(left)
    await until('some of it has come', async () => (await stagedBytes(b)) > 0)
    await (change === 'deleted' ? rm(file) : appendFile(file, 'more'))
    await until('that is noticed', () => a.status().bytes !== FILE_BYTES)
    gate.open()
    await untilSame([a, b])
    if (change === 'appended to')
      t.ok((await readFile(file)).equals(await readFile(join(b.directory, 'file'))), 'it is whole')
    else t.is(b.status().files, 0)
    await until('nothing is left', async () => (await stagedBytes(b)) === 0)
    t.pass('nothing is left')
  })

test('what has come of one version is the beginning of the next, and never has two writers', async t => {
  const calls: string[] = []
  const note = (...words: readonly string[]): Promise<void> => Promise.resolve(void calls.push(words.join(' ')))
  const disk: Pick<Disk, 'restage' | 'discard'> = {
    restage: (from, to) => note('restage', from, to),
    discard: names => note('discard', ...names)
  }
  const partials = new Partials({ disk, runtime: { trace: () => undefined } })
  const [x, y] = [parsePath('x'), parsePath('y')]
  const ends: (() => void)[] = []
  const work = (name: string) => async () => {
    calls.push(`begin ${name}`)
    await new Promise<void>(resolve => ends.push(resolve))
    calls.push(`end ${name}`)
    if (name === 'one') throw new Error('called off')
    return name
  }
  const first = partials.use(x, 'one', work('one')).catch((error: unknown) => error)
  const second = partials.use(x, 'two', work('two'))
  const other = partials.use(y, 'other', work('other'))
  await until('what may begin has begun', () => ends.length === 2)
  t.alike(calls.splice(0), ['begin one', 'begin other'])
  ends[0]?.()
  await until('the next has begun', () => ends.length === 3)
  t.alike(calls.splice(0), ['end one', 'restage one two', 'begin two'])
  t.ok((await first) instanceof Error)
  partials.forget(x)
  const third = partials.use(x, 'two', work('three'))
  t.alike(calls.splice(0), [], 'nothing goes under the hands of who works on it')
  ends[2]?.()
  t.is(await second, 'two')
  await until('the last has begun', () => ends.length === 4)
  t.alike(calls.splice(0), ['end two', 'discard two', 'begin three'])
  for (const end of ends) end()
  await Promise.all([third, other])
  partials.forget(x)
  partials.forget(parsePath('never-known'))
  await until('it is gone', () => calls.includes('discard two'))
  t.alike(calls, ['end other', 'end three', 'discard two'])
})
