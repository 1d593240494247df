import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import test from 'brittle'
import { isBackerError } from '../../lib/core/error.js'
import { lockHolder, takeLock } from '../../lib/home/lock.js'
import { until } from '../make/backers.js'
import { makeTemporary } from '../make/temporary.js'

const TAKER = fileURLToPath(new URL('take-lock.js', import.meta.url))

test('a lock that is held is refused, and names its process', async t => {
  const file = join(await makeTemporary(t), 'lock')
  const lock = await takeLock(file)
  t.is((await stat(file)).mode & 0o777, 0o600)
  const error: unknown = await takeLock(file).catch((thrown: unknown) => thrown)
  t.ok(isBackerError(error, 'LOCKED') && error.message.includes(String(process.pid)))
  t.is(await lockHolder(file), process.pid)
  await lock.release()
  t.is(await lockHolder(file), undefined)
  await (await takeLock(file)).release()
})

test('a lock that nobody holds is taken over, whatever is in it', async t => {
  const dead = await deadProcess()
  const stale = [
    JSON.stringify({ pid: dead, started: '', token: 'a' }),
    JSON.stringify({ pid: process.pid, started: 'another boot:1', token: 'a' }),
    '{"pid":',
    '',
    'null',
    '[]',
    '{"pid":-1,"started":"","token":""}'
  ]
  for (const content of stale) {
    const file = join(await makeTemporary(t), 'lock')
    await writeFile(file, content)
    t.is(await lockHolder(file), undefined, content)
    const lock = await takeLock(file)
    t.is(await lockHolder(file), process.pid)
    await lock.release()
  }
})

const onLinux = { skip: process.platform !== 'linux' }

test('a process that has ended holds nothing, even if its parent never asks how it ended', onLinux, async t => {
  const file = join(await makeTemporary(t), 'lock')
  // The shell becomes a program that knows nothing of the child that it began.
  // What a shell runs beside itself has no stdin by itself, and would end at once.
  const script = `exec 3<&0; "${process.execPath}" "${TAKER}" "${file}" <&3 & exec sleep 60`
  const parent = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => parent.kill('SIGKILL'))
  t.is(String(((await once(parent.stdout, 'data')) as unknown[])[0]).trim(), 'taken')
  const pid = await lockHolder(file)
  t.ok(pid !== undefined && pid !== parent.pid)
  process.kill(pid ?? 0, 'SIGKILL')
  await until('it holds nothing', async () => (await lockHolder(file)) === undefined)
  t.ok(process.kill(pid ?? 0, 0), 'its number is still taken')
  await (await takeLock(file)).release()
})

test("a process that crashed while it took a stale lock over is in nobody's way", async t => {
  const file = join(await makeTemporary(t), 'lock')
  const stale = JSON.stringify({ pid: await deadProcess(), started: '', token: 'a' })
  await writeFile(file, stale)
  await writeFile(`${file}.takeover`, stale)
  const lock = await takeLock(file)
  t.is(await lockHolder(file), process.pid)
  await lock.release()
  t.absent(existsSync(`${file}.takeover`))
})

test('a lock that another took meanwhile is not given up for them', async t => {
  const file = join(await makeTemporary(t), 'lock')
  const lock = await takeLock(file)
  await writeFile(file, 'of another')
  await lock.release()
  t.ok(await stat(file))
})

test('of many processes that find a stale lock, one takes it', async t => {
  const file = join(await makeTemporary(t), 'lock')
  await writeFile(file, JSON.stringify({ pid: await deadProcess(), started: '', token: 'a' }))
  const takers = Array.from({ length: 6 }, () => {
    const child = spawn(process.execPath, [TAKER, file], { stdio: ['pipe', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'), { order: -1 })
    return child
  })
  const answers = takers.map(taker => once(taker.stdout, 'data').then(([chunk]) => String(chunk).trim()))
  const outcomes = await Promise.all(answers)
  t.is(outcomes.filter(outcome => outcome === 'taken').length, 1)
  t.is(outcomes.filter(outcome => outcome === 'LOCKED').length, 5)
})

/** The number of a process that has ended. */
async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'console.log(process.pid)'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = Number(await text(child.stdout))
  if (child.exitCode === null) await once(child, 'exit')
  return pid
}
