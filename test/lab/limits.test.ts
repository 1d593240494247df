import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { LabDevice } from './device.js'
import { Lab } from './lab.js'

const MB = 1_000_000
const MEASURED_MS = 10_000
const MINUTE_MS = 60_000
/** In which what was under way by the old rate has arrived. */
const SETTLED_MS = 1500

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Two devices with public addresses, and many megabytes that only the first one has. */
async function makePair(t: Test, megabytes: number) {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const env = { BACKER_PORT: '49738' }
  const a = await LabDevice.make(t, lab.openHost(pub), env)
  const b = await LabDevice.make(t, lab.openHost(pub), env)
  await writeBytes(a, megabytes)
  return { a, b }
}

async function writeBytes({ folder }: LabDevice, megabytes: number): Promise<void> {
  for (let i = 0; i < megabytes; i += 10) await writeFile(join(folder, `${i}.bin`), randomBytes(10 * MB))
}

/** Bytes that a device has received so far. */
async function received(device: LabDevice): Promise<number> {
  return (await device.peers())[0]?.bytesReceived ?? 0
}

/** Bytes per second that come to a device over ten seconds. */
async function rateTo(device: LabDevice): Promise<number> {
  await device.untilPeers(peers => (peers[0]?.bytesReceived ?? 0) > 200_000, 20_000)
  await pause(SETTLED_MS)
  const [begin, before] = [performance.now(), await received(device)]
  await pause(MEASURED_MS)
  const after = await received(device)
  return ((after - before) * 1000) / (performance.now() - begin)
}

function isWithin5Percent(t: Test, rate: number, wanted: number): void {
  t.ok(Math.abs(rate / wanted - 1) < 0.05, `${(rate / MB).toFixed(3)} MB/s where ${wanted / MB} were allowed`)
}

test('what goes up and what comes down keep to their rates within 5 % over 10 s', { timeout: 180_000 }, async t => {
  const { a, b } = await makePair(t, 150)
  await a.run('limit', '--up', '2M')
  const key = await a.share()
  await b.join(key, '--peer', `${a.host.address}:49738`)
  isWithin5Percent(t, await rateTo(b), 2 * MB)
  await b.run('limit', '--down', '3M')
  await a.run('limit', '--up', 'off')
  isWithin5Percent(t, await rateTo(b), 3 * MB)
  await a.run('limit', '--up', '1M')
  isWithin5Percent(t, await rateTo(b), MB)
})

test('a timetable holds in place of them, from its minute on', { timeout: 240_000 }, async t => {
  const { a, b } = await makePair(t, 150)
  const timeOf = (ms: number): string => new Date(ms).toTimeString().slice(0, 5)
  const begin = Date.now()
  // Enough of this minute must be left for the first measurement.
  const change = Math.ceil((begin + 40_000) / MINUTE_MS) * MINUTE_MS
  await a.run('limit', '--up', '3M', '--schedule', `${timeOf(change)},2M ${timeOf(begin - MINUTE_MS)},1M`)
  await b.join(await a.share(), '--peer', `${a.host.address}:49738`)
  isWithin5Percent(t, await rateTo(b), MB)
  t.ok(Date.now() < change, 'the first was measured before the second began')
  await pause(change - Date.now() + SETTLED_MS)
  isWithin5Percent(t, await rateTo(b), 2 * MB)
  await a.run('limit', '--schedule', 'off')
  isWithin5Percent(t, await rateTo(b), 3 * MB)
})

test('within a LAN they hold only where that was asked for', { timeout: 120_000 }, async t => {
  const [first, second] = Lab.open(t).lan(2)
  const a = await LabDevice.make(t, first!)
  const b = await LabDevice.make(t, second!)
  await writeBytes(a, 10)
  await a.run('limit', '--up', '100k')
  await b.join(await a.share())
  const elapsedMs = await b.untilPeers(peers => peers[0]?.inSync === true, 60_000)
  t.ok(elapsedMs < 50_000, `10 MB within ${elapsedMs.toFixed(0)} ms, where the rate would have taken 100 s`)
  await a.run('limit', '--up', '500k', '--lan')
  await writeFile(join(a.folder, 'more.bin'), randomBytes(20 * MB))
  const before = await received(b)
  await b.untilPeers(peers => (peers[0]?.bytesReceived ?? 0) > before + 200_000, 20_000)
  isWithin5Percent(t, await rateTo(b), 500_000)
})
