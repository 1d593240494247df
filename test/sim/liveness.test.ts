import test from 'brittle'
import { Bench, inodeAt, shownBy } from './bench-of-devices.js'
import { RESCAN_MS, type Device } from './device.js'

const SMALL = Buffer.from('small')
/** What is on its way at once, in chunks, however a line is cut. */
const WINDOW_CHUNKS = 16
const SECOND_MS = 1000

async function makeBench(seed: string, count: number): Promise<Bench> {
  const bench = new Bench(seed, count)
  for (const device of bench.devices) bench.start(device)
  await bench.until('all run', () =>
    bench.devices.every(({ running }) => running?.isReady === true && running.folder.isIdle)
  )
  await bench.until('all are connected', () => bench.network.isWhole)
  return bench
}

const has = (device: Device, path: string): boolean => shownBy(device).has(path)

test('L3: a file that can’t be read and a peer that says nothing hold up nobody else', async t => {
  const bench = await makeBench('L3', 3)
  const [a, b, c] = bench.devices as [Device, Device, Device]
  bench.write(a, 'closed', SMALL)
  inodeAt(a, 'closed').isDenied = true
  bench.network.block(a, c)
  bench.network.block(b, c)
  for (let i = 0; i < 20; i++) bench.write(a, `file ${i}`, bench.random(2000))
  const began = bench.scheduler.nowMs
  await bench.until('all the others came', () => shownBy(b).size === 20)
  t.ok(bench.scheduler.nowMs - began < 5 * SECOND_MS, `after ${bench.scheduler.nowMs - began} ms`)
  t.is(a.running?.folder.status().problems[0]?.path, 'closed')
  t.absent(has(c, 'file 0'))
  bench.network.heal()
  await bench.until('the silent one has them', () => shownBy(c).size === 20)
})

test('L4: what one device has reaches another that it never meets', async t => {
  const bench = await makeBench('L4', 3)
  const [a, b, c] = bench.devices as [Device, Device, Device]
  bench.network.part(a, c)
  bench.write(a, 'from a', bench.random(400_000))
  bench.write(c, 'from c', bench.random(400_000))
  await bench.until('each has both', () => [a, b, c].every(device => shownBy(device).size === 2))
  await bench.untilSame()
  t.alike(shownBy(a), shownBy(c))
})

test('L5: a transfer that is cut again and again sends little twice', async t => {
  const transfer = async (cuts: readonly number[]): Promise<number> => {
    const bench = await makeBench('L5', 2)
    const [a, b] = bench.devices as [Device, Device]
    bench.write(a, 'large', bench.random(6_000_000))
    for (const count of cuts) {
      await bench.until(`${count} chunks came`, () => bench.network.traffic.chunkCount >= count)
      t.absent(has(b, 'large'))
      bench.network.cut(a, b)
    }
    await bench.until('all of it came', () => has(b, 'large'))
    await bench.untilSame()
    return bench.network.traffic.chunkCount
  }
  const least = await transfer([])
  t.ok(least > 24, `${least} chunks`)
  const cuts = [4, 10, 16]
  const sent = await transfer(cuts)
  t.ok(sent <= least + cuts.length * WINDOW_CHUNKS, `${sent} chunks instead of ${least}`)
})

test('L6: where the watcher is deaf, a change arrives with the next look through everything', async t => {
  const bench = await makeBench('L6', 2)
  const [a, b] = bench.devices as [Device, Device]
  a.isDeaf = true
  bench.write(a, 'unheard', SMALL)
  const began = bench.scheduler.nowMs
  await bench.until('it came', () => has(b, 'unheard'))
  t.ok(bench.scheduler.nowMs - began < RESCAN_MS + 5 * SECOND_MS, `after ${bench.scheduler.nowMs - began} ms`)
})

test('L7: what changed below a directory that could not be listed is found once it can', async t => {
  const bench = await makeBench('L7', 2)
  const [a, b] = bench.devices as [Device, Device]
  bench.write(a, 'closed/below/deeper/file', SMALL)
  await bench.until('it came', () => has(b, 'closed/below/deeper/file'))
  bench.stop(a)
  inodeAt(a, 'closed').isDenied = true
  bench.start(a)
  await bench.until('it says so', () => a.running?.folder.status().problems[0]?.path === 'closed')
  bench.write(a, 'closed/below/deeper/new', SMALL)
  const closed = inodeAt(a, 'closed')
  closed.isDenied = false
  const began = bench.scheduler.nowMs
  a.volume.asUser(() => a.volume.hold(closed, { mode: 0o750 }))
  await bench.until('it was found', () => has(b, 'closed/below/deeper/new'))
  t.ok(bench.scheduler.nowMs - began < RESCAN_MS / 2, `after ${bench.scheduler.nowMs - began} ms`)
  await bench.untilSame()
  t.alike(shownBy(a), shownBy(b))
})

test('L7: a folder whose directory was not mounted goes on by itself when it is', async t => {
  const bench = await makeBench('L7', 2)
  const [a, b] = bench.devices as [Device, Device]
  bench.write(a, 'before', SMALL)
  await bench.until('it came', () => has(b, 'before'))
  a.isMounted = false
  a.running?.folder.rescan()
  await bench.until('it says so', () => a.running?.folder.status().error?.code === 'MARKER')
  bench.write(b, 'meanwhile', SMALL)
  a.isMounted = true
  await bench.until('it came as well', () => has(a, 'meanwhile'))
  await bench.untilSame()
  t.alike(shownBy(a), shownBy(b))
})
