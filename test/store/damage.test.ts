import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test, { type Test } from 'brittle'
import fc from 'fast-check'
import { hashBytes } from '../../lib/core/model/hash.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { identify } from '../../lib/store/note.js'
import { openIndex } from '../../lib/store/open-index.js'
import { commitRecords } from '../make/entry.js'
import { fileRecord, manyFiles } from '../make/record.js'
import { makeTemporary } from '../make/temporary.js'

const PAGE = 4096
const RUNS = Number(process.env.RUNS ?? 20)

interface Found {
  readonly fresh: boolean
  readonly replica: string
  readonly sum: string
}

/** What can happen to a file of `size` bytes; `at` is from 0 to 1. */
const damage = fc.oneof(
  fc.record({ kind: fc.constant('bit'), at: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.nat(7) }),
  fc.record({
    kind: fc.constant('garbage'),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    value: fc.integer({ min: 1, max: 3 * PAGE })
  }),
  fc.record({
    kind: fc.constant('zeros'),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    value: fc.integer({ min: 1, max: 3 * PAGE })
  }),
  fc.record({ kind: fc.constant('truncated'), at: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.constant(0) }),
  fc.record({
    kind: fc.constant('swapped pages'),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    value: fc.integer({ min: 1, max: 20 })
  })
)
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never

test(
  'an index that is damaged while it is closed is set aside, and never ends the process or lies',
  { timeout: 120_000 },
  async t => {
    const { place, whole, ask } = await makeIndex(t)
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async damages => {
        const copy = await copyOf(t, place)
        for (const one of damages) await inflict(join(copy, 'index', 'data.mdb'), one)
        const isDamaged = !(await sameFile(join(place, 'index', 'data.mdb'), join(copy, 'index', 'data.mdb')))
        const found = await ask(copy)
        assertOutcome(found, whole, isDamaged)
        if (found.fresh) await assertSetAside(copy)
        await rm(copy, { recursive: true })
      }),
      { numRuns: RUNS }
    )
    t.pass()
  }
)

test(
  'an index that is damaged after a crash is found out by reading it, and never ends the process or lies',
  { timeout: 120_000 },
  async t => {
    const { place, whole, ask } = await makeIndex(t)
    await fc.assert(
      fc.asyncProperty(damage, async one => {
        const copy = await copyOf(t, place, { sealed: false })
        await inflict(join(copy, 'index', 'data.mdb'), one)
        assertOutcome(await ask(copy), whole, false)
        await rm(copy, { recursive: true })
      }),
      { numRuns: RUNS / 2 }
    )
    t.pass()
  }
)

test('an index that was not closed is read through and goes on', async t => {
  const { place, whole, ask } = await makeIndex(t)
  t.alike(await ask(await copyOf(t, place, { sealed: false })), whole)
})

test('an older copy that is put back is not believed', async t => {
  const { place, whole, ask } = await makeIndex(t)
  const old = await readFile(join(place, 'index', 'data.mdb'))
  t.alike(await ask(place), whole)
  await writeFile(join(place, 'index', 'data.mdb'), old)
  const found = await ask(place)
  t.ok(found.fresh)
  t.not(found.replica, whole.replica)
})

test('an index without its note is not believed', async t => {
  const { place, ask } = await makeIndex(t)
  await rm(join(place, 'note'))
  t.ok((await ask(place)).fresh)
})

/** An index that was closed well, and a process that opens copies of it. */
async function makeIndex(t: Test): Promise<{ place: string; whole: Found; ask: (place: string) => Promise<Found> }> {
  const place = await makeTemporary(t)
  const runtime = realRuntime()
  const store = await openIndex({
    directory: join(place, 'index'),
    noteFile: join(place, 'note'),
    owner: 'device',
    ...runtime
  })
  const files = manyFiles(2000)
  await commitRecords(store, files)
  await commitRecords(
    store,
    new Map([...files.keys()].slice(0, 300).map(one => [one, fileRecord('2', { counter: 2 })]))
  )
  await store.collect([])
  await store.close()
  const ask = startOpener(t)
  return { place, whole: await ask(await copyOf(t, place)), ask }
}

function startOpener(t: Test): (place: string) => Promise<Found> {
  const program = fileURLToPath(new URL('./opener.js', import.meta.url))
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'), { order: -1 })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const died = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`opening the index ended the process: ${String(signal ?? code)}`)
  })
  died.catch(() => undefined)
  return async place => {
    child.stdin.write(`${place}\n`)
    const answer = await Promise.race([lines.next(), died])
    if (answer.done === true) throw new Error('opening the index ended the process')
    return JSON.parse(answer.value) as Found
  }
}

/** A copy with a note that fits it: it is another file. */
async function copyOf(t: Test, place: string, { sealed } = { sealed: true }): Promise<string> {
  const copy = await makeTemporary(t)
  await cp(place, copy, { recursive: true })
  const note = JSON.parse(await readFile(join(copy, 'note'), 'utf8')) as { seal?: string }
  const file = await identify(join(copy, 'index', 'data.mdb'))
  if (!sealed) delete note.seal
  await writeFile(join(copy, 'note'), JSON.stringify({ ...note, ...file }))
  return copy
}

async function inflict(file: string, { kind, at, value }: Damage): Promise<void> {
  const { size } = await stat(file)
  const offset = Math.floor(at * (size - 1))
  const handle = await open(file, 'r+')
  try {
    if (kind === 'truncated') await truncate(file, offset)
    else if (kind === 'swapped pages') await swapPages(file, Math.floor(offset / PAGE), value)
    else if (kind === 'bit') {
      const byte = Buffer.alloc(1)
      await handle.read(byte, 0, 1, offset)
      await handle.write(Buffer.of((byte[0] ?? 0) ^ (1 << value)), 0, 1, offset)
    } else {
      const bytes = Buffer.alloc(value)
      if (kind === 'garbage')
        for (let i = 0; i < value; i += 32)
          bytes.set(hashBytes(Buffer.from(`${offset} ${i}`)).subarray(0, value - i), i)
      await handle.write(bytes.subarray(0, size - offset), 0, Math.min(value, size - offset), offset)
    }
  } finally {
    await handle.close()
  }
}

async function swapPages(file: string, page: number, distance: number): Promise<void> {
  const bytes = await readFile(file)
  const pages = Math.floor(bytes.byteLength / PAGE)
  if (page < 0 || page >= pages) return
  const other = (page + distance) % pages
  const a = Buffer.from(bytes.subarray(page * PAGE, (page + 1) * PAGE))
  const b = Buffer.from(bytes.subarray(other * PAGE, (other + 1) * PAGE))
  bytes.set(b, page * PAGE)
  bytes.set(a, other * PAGE)
  await writeFile(file, bytes)
}

async function sameFile(a: string, b: string): Promise<boolean> {
  return (await readFile(a)).equals(await readFile(b))
}

function assertOutcome(found: Found, whole: Found, mustBeFresh: boolean): void {
  if (found.fresh && found.replica === whole.replica) throw new Error('a fresh index has an old replica id')
  if (mustBeFresh && !found.fresh) throw new Error('a damaged index was believed')
  if (!found.fresh && (found.sum !== whole.sum || found.replica !== whole.replica)) throw new Error('the index lied')
}

async function assertSetAside(place: string): Promise<void> {
  if (!(await readdir(place)).some(name => name.startsWith('index.damaged-'))) throw new Error('it was not kept')
}
