import { randomBytes } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { LabDevice, startDht } from './device.js'
import { Lab, type LabHost, type LinkQuality } from './lab.js'

const MB = 1_000_000
const NAME = 'some.bin'
const LOOK_MS = 50

interface Run {
  /** Bytes per second, from the moment in which both devices know each other until the file stands in its place, or until `mostMs` are over. */
  readonly rate: number
  readonly transport: string | undefined
}

interface RunOptions {
  readonly megabytes: number
  /** The only road that there is; without it all are there, and the devices choose. */
  readonly only?: 'tcp' | 'udx'
  readonly mostMs: number
}

/** One file of random bytes on its way between two hosts that were made for it. */
async function transfer(t: Test, hosts: readonly [LabHost, LabHost], options: RunOptions): Promise<Run> {
  const { megabytes, only, mostMs } = options
  const [first, second] = hosts
  for (const host of hosts) {
    if (only === 'udx') host.dropTcp()
    if (only === 'tcp') host.dropUdp()
  }
  // Without a LAN, and with no DHT but one on the loopback, a device would stay on the loopback.
  const env = { BACKER_BOOTSTRAP: only === 'tcp' ? `${first.address}:9` : await startDht(t, first) }
  const a = await LabDevice.make(t, first, { ...env, BACKER_PORT: '49738', BACKER_NO_LAN: '1' })
  const b = await LabDevice.make(t, second, { ...env, BACKER_NO_LAN: '1' })
  await fill(join(a.folder, NAME), megabytes)
  const key = await a.share()
  await a.run('wait', '--peers', '0')
  await b.join(key, ...(only === 'udx' ? [] : ['--peer', `${first.address}:49738`]))
  await b.says(/Connected to/)
  const begin = performance.now()
  const isThere = (): Promise<boolean> => stat(join(b.folder, NAME)).then(Boolean, () => false)
  while (!(await isThere()) && performance.now() - begin < mostMs) await new Promise(go => setTimeout(go, LOOK_MS))
  const elapsedMs = performance.now() - begin
  const [peer] = await b.peers()
  const bytes = (await isThere()) ? megabytes * MB : (peer?.bytesReceived ?? 0)
  for (const device of [a, b]) await device.stop()
  return { rate: (bytes * 1000) / elapsedMs, transport: peer?.transport }
}

async function fill(path: string, megabytes: number): Promise<void> {
  const file = await open(path, 'w')
  for (let i = 0; i < megabytes; i++) await file.write(randomBytes(MB))
  await file.close()
}

/** All three runs over one kind of link: what the devices choose, and each road alone. */
async function compare(t: Test, quality: LinkQuality, megabytes: number, mostMs = 90_000) {
  const run = async (only?: 'tcp' | 'udx', part = 1): Promise<Run> => {
    const lab = Lab.open(t, { inMemory: true })
    const ran = await transfer(t, await lab.link(quality), {
      megabytes: Math.round(megabytes * part),
      mostMs: mostMs * part,
      ...(only === undefined ? {} : { only })
    })
    await lab.close()
    return ran
  }
  const chosen = await run()
  const [tcp, udx] = [await run('tcp', 0.3), await run('udx', 0.3)]
  const share = (chosen.rate * 8) / (quality.rateMbit * 1_000_000)
  const told = ({ rate, transport }: Run): string => `${(rate / MB).toFixed(2)} MB/s (${transport ?? 'none'})`
  t.comment(`chosen ${told(chosen)}, ${(share * 100).toFixed(0)} % of the link; tcp ${told(tcp)}; udx ${told(udx)}`)
  return { chosen, share, faster: tcp.rate > udx.rate ? 'tcp' : 'udx' }
}

test('F11: 100 Mbit/s, a round trip of 50 ms, 0.1 % loss: over 80 % of the link', { timeout: 300_000 }, async t => {
  const { chosen, share, faster } = await compare(t, { rateMbit: 100, delayMs: 25, lossPercent: 0.1 }, 200)
  t.ok(share > 0.8, `${share}`)
  t.is(chosen.transport, faster)
})

test('F11: 20 Mbit/s, a round trip of 200 ms, 1 % loss: over 60 % of the link', { timeout: 400_000 }, async t => {
  const { chosen, share, faster } = await compare(t, { rateMbit: 20, delayMs: 100, lossPercent: 1 }, 200, 140_000)
  t.ok(share > 0.6, `${share}`)
  t.is(chosen.transport, faster)
})

test('1 Gbit/s: over 90 % of the link', { timeout: 300_000 }, async t => {
  const { chosen, share, faster } = await compare(t, { rateMbit: 1000, delayMs: 0, lossPercent: 0 }, 1500)
  t.ok(share > 0.9, `${share}`)
  t.is(chosen.transport, faster)
})

test('on a LAN without a limit TCP is over 3 times as fast as UDX', { timeout: 300_000 }, async t => {
  const rates: number[] = []
  for (const only of ['udx', undefined] as const) {
    const lab = Lab.open(t, { inMemory: true })
    const [first, second] = lab.lan(2)
    const megabytes = only === 'udx' ? 500 : 1500
    const options = { megabytes, mostMs: 60_000, ...(only === undefined ? {} : { only }) }
    const { rate, transport } = await transfer(t, [first!, second!], options)
    await lab.close()
    t.is(transport, only ?? 'tcp', `${(rate / MB).toFixed(1)} MB/s`)
    rates.push(rate)
  }
  const [udx = 0, chosen = 0] = rates
  t.ok(chosen > 3 * udx, `${(chosen / udx).toFixed(1)} times`)
})
