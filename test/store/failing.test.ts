import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import test, { type Test } from 'brittle'
import { isBackerError, type BackerError } from '../../lib/core/error.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { encodeEntry } from '../../lib/store/layout.js'
import { openIndex } from '../../lib/store/open-index.js'
import type { Store } from '../../lib/store/store.js'
import { commitRecords } from '../make/entry.js'
import { fileRecord, manyFiles, path } from '../make/record.js'
import { makeTemporary } from '../make/temporary.js'

const isWindows = process.platform === 'win32'
const KILLS = Number(process.env['RUNS'] ?? 1)

/** What the writer says: one of these a line. */
interface Said {
  readonly committed?: number
  readonly held?: number
  readonly told?: string
  readonly code?: string
  readonly message?: string
}

test('a value that is damaged while the index is open is an error, and the index is made anew', async t => {
  const place = await makeTemporary(t)
  const store = await openAt(place)
  const files = manyFiles(500)
  await commitRecords(store, files)
  const told: BackerError[] = []
  store.onfailure = error => told.push(error)
  const [victim] = [...files.keys()].slice(250)
  await flip(join(place, 'index', 'data.mdb'), encodeEntry(store.get(victim!)!))
  const error = await thrown(() => Promise.resolve(store.get(victim!)))
  t.is(error.code, 'STORE_CORRUPT')
  t.ok(error.hint)
  t.alike(told, [error])
  t.is((await thrown(() => Promise.resolve([...store.below(undefined)]))).code, 'STORE_CORRUPT')
  t.is((await thrown(() => commitRecords(store, new Map([[path('new'), fileRecord('new')]])))).code, 'STORE_CORRUPT')
  await store.close()
  const again = await openAt(place)
  t.ok(again.fresh)
  t.not(again.replica, store.replica)
  t.ok((await readdir(place)).some(name => name.startsWith('index.damaged-')))
  await again.close()
})

test(
  'an index that can not grow says so, keeps what it has, and goes on where it can',
  { skip: isWindows },
  async t => {
    const place = await makeTemporary(t)
    const { said } = await run(limited(700, [place, '100']))
    const committed = lastOf(said, 'committed')
    t.ok(committed > 0)
    t.is(lastOf(said, 'held'), committed)
    t.alike(
      said.flatMap(({ told, code }) => [told, code].filter(one => one !== undefined)),
      ['FILE_SYSTEM', 'FILE_SYSTEM']
    )
    const store = await openAt(place)
    t.absent(store.fresh)
    t.is([...store.below(undefined)].length, committed)
    await commitRecords(store, new Map([[path('more'), fileRecord('more')]]))
    t.is([...store.below(undefined)].length, committed + 1)
    await store.close()
  }
)

test('an index that can not be checked for want of space stays as it is', { skip: isWindows }, async t => {
  const place = await makeTemporary(t)
  const store = await openAt(place)
  await commitRecords(store, manyFiles(2000))
  await store.close()
  await writeNote(place, { seal: undefined })
  const before = await readFile(join(place, 'index', 'data.mdb'))
  const { said } = await run(limited(100, [place]))
  t.alike(
    said.map(({ code }) => code),
    ['FILE_SYSTEM'],
    said[0]?.message
  )
  t.ok(before.equals(await readFile(join(place, 'index', 'data.mdb'))))
  const again = await openAt(place)
  t.is(again.replica, store.replica)
  t.is([...again.below(undefined)].length, 2000)
  await again.close()
})

test('a check that is stopped says nothing of the index', { skip: process.platform !== 'linux' }, async t => {
  const place = await makeTemporary(t)
  const store = await openAt(place)
  await commitRecords(store, manyFiles(100))
  await store.close()
  await writeNote(place, { seal: undefined })
  const opening = thrown(() => openAt(place))
  process.kill(await onlyChild(), 'SIGTERM')
  t.is((await opening).code, 'TIMEOUT')
  const again = await openAt(place)
  t.is(again.replica, store.replica)
  await again.close()
})

test(
  'a process that is killed while it writes leaves whole commits, and all that it was told of',
  { timeout: 120_000 },
  async t => {
    const place = await makeTemporary(t)
    let before = 0
    for (let i = 0; i < KILLS; i++) {
      const child = start([process.execPath, WRITER, place, '5'])
      t.teardown(() => child.kill('SIGKILL'), { order: -1 })
      const { said } = await run(child, line => {
        if ((line.committed ?? 0) < before + 20 + 25 * i) return
        child.kill('SIGKILL')
      })
      const acknowledged = lastOf(said, 'committed')
      const store = await openAt(place)
      before = [...store.below(undefined)].length
      t.absent(store.fresh)
      t.ok(before >= acknowledged && before % 5 === 0, `${before} of ${acknowledged}`)
      if (i % 2 === 0) await store.close()
      else await crash(t, store, place)
    }
  }
)

test('an index that was moved with its folder is the same one', async t => {
  const place = await makeTemporary(t)
  const store = await openAt(place)
  await commitRecords(store, manyFiles(10))
  await store.close()
  const moved = await makeTemporary(t)
  await cp(place, moved, { recursive: true })
  const there = await openAt(moved)
  t.is(there.replica, store.replica)
  t.absent(there.fresh)
  await there.close()
})

test('another file in the place of an index that was not closed is not believed', async t => {
  const place = await makeTemporary(t)
  const store = await openAt(place)
  await commitRecords(store, manyFiles(10))
  await store.close()
  await writeNote(place, { seal: undefined })
  const moved = await makeTemporary(t)
  await cp(place, moved, { recursive: true })
  const there = await openAt(moved)
  t.ok(there.fresh)
  t.not(there.replica, store.replica)
  await there.close()
})

const WRITER = fileURLToPath(new URL('./writer.js', import.meta.url))

function openAt(place: string): Promise<Store> {
  const { random, trace } = realRuntime()
  return openIndex({ directory: join(place, 'index'), noteFile: join(place, 'note'), owner: 'device', random, trace })
}

/** As a crash leaves it: open as far as the note tells. */
async function crash(t: Test, store: Store, place: string): Promise<void> {
  await store.close()
  await writeNote(place, { seal: undefined })
  t.absent((JSON.parse(await readFile(join(place, 'note'), 'utf8')) as { seal?: string }).seal)
}

async function writeNote(place: string, changes: { readonly seal: undefined }): Promise<void> {
  const note = JSON.parse(await readFile(join(place, 'note'), 'utf8')) as object
  await writeFile(join(place, 'note'), JSON.stringify({ ...note, ...changes }))
}

/** The process that this one has started. */
async function onlyChild(): Promise<number> {
  for (;;) {
    const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8')
    if (children !== '') return Number(children.trim())
  }
}

/** Flips a bit of every copy of these bytes in a file, which whoever has it mapped sees at once. */
async function flip(file: string, value: Uint8Array): Promise<void> {
  const bytes = await readFile(file)
  const wanted = Buffer.from(value)
  let found = 0
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
    bytes[at + wanted.byteLength - 3]! ^= 4
    found++
  }
  if (found === 0) throw new Error('the file does not have it')
  await writeFile(file, bytes, { flag: 'r+' })
}

type Writer = ChildProcessByStdio<null, Readable, null>

function start([command, ...args]: readonly string[]): Writer {
  return spawn(command!, args, { stdio: ['ignore', 'pipe', 'ignore'] })
}

/** The writer, where no file can become larger than this many KiB: what a full disk does, without one. */
function limited(kibibytes: number, args: readonly string[]): Writer {
  return start(['bash', '-c', 'ulimit -f "$0"; exec "$@"', String(kibibytes), process.execPath, WRITER, ...args])
}

async function run(child: Writer, onsaid: (said: Said) => void = () => undefined): Promise<{ said: readonly Said[] }> {
  const said: Said[] = []
  createInterface(child.stdout).on('line', line => {
    said.push(JSON.parse(line) as Said)
    onsaid(said.at(-1)!)
  })
  await once(child, 'close')
  return { said }
}

function lastOf(said: readonly Said[], what: 'committed' | 'held'): number {
  return said.findLast(one => one[what] !== undefined)?.[what] ?? -1
}

async function thrown(act: () => Promise<unknown>): Promise<BackerError> {
  try {
    await act()
  } catch (error) {
    if (isBackerError(error)) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
