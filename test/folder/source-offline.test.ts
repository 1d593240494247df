import { randomBytes } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import test from 'brittle'
import type { Backer } from '../../lib/index.js'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'
import type { Lacking } from '../../lib/folder/status.js'

const FILE_BYTES = 8 * 1024 * 1024
/** Enough for everything but the file's content. */
const PASSED_BYTES = 1024 * 1024

/** Pipes two devices together by a line that stands still after so many bytes from `a`; the function that comes back cuts it. */
function connectShortly(a: Backer, b: Backer): () => void {
  let passed = 0
  const gate = new Transform({
    transform(bytes: Uint8Array, _encoding, done) {
      passed += bytes.byteLength
      if (passed <= PASSED_BYTES) done(null, bytes)
    }
  })
  const [left, right] = [a.createStream(), b.createStream()]
  for (const stream of [left, right]) stream.on('error', () => undefined)
  left.pipe(gate).pipe(right).pipe(left)
  return () => {
    left.destroy()
    right.destroy()
  }
}

test('what did not come because its source has gone is named, with the source; it is over when that is there again', async t => {
  const a = await makeBacker(t, { deviceName: 'nas' })
  await writeFile(join(a.directory, 'big'), randomBytes(FILE_BYTES))
  await writeFile(join(a.directory, 'small'), 'small')
  await until('a has both', () => a.status().files === 2 && a.status().idle)
  const b = await makeBacker(t, { key: a.key })
  const told: string[] = []
  b.on('problem', ({ code }) => told.push(code))
  const cut = connectShortly(a, b)
  await until('it is under way', () => b.status().progress.bytesDone > 0)
  cut()
  await until('its source is gone', () => b.status().peers.length === 0)
  const [problem, ...more] = b.status().problems.filter(({ path }) => path === 'big')
  t.alike([problem?.code, problem?.message, more.length], ['no-source', 'source offline: nas', 0])
  t.absent(told.includes('no-source'), 'that the device has gone was told already')
  connect(a, b)
  await untilSame([a, b])
  t.alike(b.status().problems, [])
  t.is(b.status().files, 2)
})

/** What others do not have of this device's files, as pairs of path and reason. */
function lacksOf(device: Backer): readonly (readonly [string, string])[] {
  const items = (device.status().lacking ?? []).flatMap((lack: Lacking) => lack.items)
  return items.map(({ path, code }) => [path, code] as const)
}

test('it is still known after a restart what waits for a device that is not there, and is over when it comes', async t => {
  const a = await makeBacker(t, { deviceName: 'nas' })
  await writeFile(join(a.directory, 'big'), randomBytes(FILE_BYTES))
  await until('a has it', () => a.status().files === 1 && a.status().idle)
  const directory = await makeDirectory(t)
  const b = await makeBacker(t, { key: a.key, directory })
  const cut = connectShortly(a, b)
  await until('it is under way, and counted', () => {
    const { progress, copies } = b.status()
    return progress.bytesDone > 0 && copies?.devices === 2 && copies.current
  })
  cut()
  await until('its source is gone', () => b.status().peers.length === 0)
  await b.close()
  const again = await makeBacker(t, { key: a.key, directory })
  await until('it is told again', () => again.status().problems.some(({ path }) => path === 'big'))
  const [problem] = again.status().problems
  t.is(problem?.code, 'no-source')
  t.ok(problem?.message.startsWith('source offline: '))
  connect(a, again)
  await untilSame([a, again])
  t.alike(again.status().problems, [])
})

test('who has a file is told who does not have it, and why', async t => {
  const a = await makeBacker(t)
  const directory = await makeDirectory(t)
  const b = await makeBacker(t, { key: a.key, directory })
  connect(a, b)
  await writeFile(join(a.directory, 'both'), 'both')
  await untilSame([a, b])
  await until('they say so', () => a.status().state === 'in-sync')
  t.alike(lacksOf(a), [], 'nothing is lacking')
  t.is(spawnSync('mkfifo', [join(directory, 'taken')]).status, 0)
  await until('it is seen', () => b.status().problems.length > 0)
  t.alike(lacksOf(a), [], 'what is wrong with an item that only the other has is none of its business')
  await writeFile(join(a.directory, 'taken'), 'something')
  await until('the reason has come', () => lacksOf(a).some(([path, code]) => path === 'taken' && code !== 'waiting'))
  // Of a device that goes before its tree was counted no more is known than it had told before.
  await until('it is counted', () => a.status().copies?.current === true && a.status().lacking?.[0]?.files === 1)
  await b.close()
  await until('it is gone', () => a.status().peers.length === 0 && a.status().lacking?.[0]?.files === 1)
  t.alike(lacksOf(a), [['taken', 'offline']])
  t.is(a.status().lacking?.[0]?.bytes, 'something'.length)
})

test('a device that takes nothing over says so', async t => {
  const a = await makeBacker(t)
  const b = await makeBacker(t, { key: a.key, role: 'send-only' })
  connect(a, b)
  await writeFile(join(a.directory, 'mine'), 'mine')
  await until('the reason has come', () => lacksOf(a).some(([, code]) => code === 'send-only'))
  t.alike(lacksOf(a), [['mine', 'send-only']])
})
