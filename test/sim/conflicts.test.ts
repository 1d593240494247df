import test from 'brittle'
import type { RelativePath } from '../../lib/core/model/path.js'
import { Bench, shownBy } from './bench-of-devices.js'
import type { Device } from './device.js'

const PATH = 'p' as RelativePath
/** How far a clock is set back. */
const DAY_MS = 86_400_000
const BELOW = 'p/below' as RelativePath

test('a conflict copy that somebody saw and removed stays removed, wherever else the loser still stands', async t => {
  for (let round = 0; round < 6; round++) {
    const bench = new Bench(`copy ${round}`, 3)
    const [a, b, c] = bench.devices as [Device, Device, Device]
    for (const device of bench.devices) bench.start(device)
    await bench.until('all run', () => bench.devices.every(({ running }) => running?.isReady === true))
    bench.write(a, PATH, Buffer.from('one'))
    await bench.until('all have it', () => bench.devices.every(device => shownBy(device).size === 1))
    await bench.untilSame()
    bench.network.part(a, c)
    bench.network.part(b, c)
    bench.write(a, PATH, Buffer.from(`by a ${round}`))
    bench.write(c, PATH, Buffer.from(`by c ${round}`))
    await bench.until('a and b agree', () => shownBy(b).get(PATH) === shownBy(a).get(PATH) && c.running!.folder.isIdle)
    bench.stop(a)
    bench.network.rejoin(b, c)
    await bench.until('there is a copy', () => shownBy(b).size === 2 && shownBy(c).size === 2)
    await bench.untilSame()
    const copy = [...shownBy(b).keys()].find(path => path !== PATH) ?? ''
    bench.remove(b, copy)
    await bench.until('it is gone', () => shownBy(c).size === 1)
    bench.start(a)
    await bench.until('a has heard of it', () => a.running?.isReady === true && a.entries.has(copy as RelativePath))
    await bench.untilSame()
    for (const device of bench.devices) device.running?.folder.rescan()
    await bench.untilSame()
    t.alike([...shownBy(a)], [...shownBy(b)])
  }
})

test('a removed copy is heard of in the moment in which it is made elsewhere: it goes there as well', async t => {
  for (let round = 0; round < 12; round++) {
    const bench = new Bench(`made and removed ${round}`, 3)
    const [a, b, c] = bench.devices as [Device, Device, Device]
    for (const device of bench.devices) bench.start(device)
    await bench.until('all run', () => bench.devices.every(({ running }) => running?.isReady === true))
    bench.network.part(a, c)
    bench.network.part(b, c)
    bench.write(a, PATH, Buffer.from(`by a ${round}`))
    await bench.until('b has it', () => shownBy(b).size === 1 && b.running!.folder.isIdle)
    bench.network.part(a, b)
    bench.write(c, BELOW, Buffer.from('by c'))
    await bench.until('c has said so', () => c.entries.size === 2 && c.running!.folder.isIdle)
    bench.network.rejoin(b, c)
    await bench.until('there is a copy', () => shownBy(b).size === 2 && shownBy(c).size === 2)
    const copy = [...shownBy(b).keys()].find(path => path !== BELOW) ?? ''
    bench.remove(b, copy)
    await bench.until('it is gone', () => shownBy(b).size === 1 && shownBy(c).size === 1)
    bench.network.rejoin(a, b)
    bench.network.rejoin(a, c)
    await bench.until('a has heard of it', () => a.entries.size > 1)
    await bench.untilSame()
    t.alike([...shownBy(a)], [...shownBy(b)])
  }
})

test('of what four devices wrote at one path while they were apart all of it stands on each of them', async t => {
  const bench = new Bench('four at once', 4)
  const { devices, network } = bench
  const wrote = devices.map(({ name }) => Buffer.from(`by ${name}`))
  for (const [i, device] of devices.entries()) for (const other of devices.slice(i + 1)) network.part(device, other)
  for (const [i, device] of devices.entries()) {
    bench.start(device)
    await bench.until('it runs', () => device.running?.isReady === true)
    bench.write(device, PATH, wrote[i]!)
    await bench.until('it is noted', () => device.entries.has(PATH))
  }
  for (const [i, device] of devices.entries()) for (const other of devices.slice(i + 1)) network.rejoin(device, other)
  await bench.until('all of it is everywhere', () => devices.every(device => shownBy(device).size === wrote.length))
  await bench.untilSame()
  const all = wrote.map(bytes => bytes.toString('hex'))
  for (const device of devices) t.alike([...shownBy(device).values()].sort(), all)
})

test('of two writes that bear one name, by a device that was put back, the loser stands beside the winner', async t => {
  for (const clockOffMs of [0, -DAY_MS]) {
    const bench = new Bench(`one name ${clockOffMs}`, 3)
    const [a, b, c] = bench.devices as [Device, Device, Device]
    // So that it counts from where it was.
    a.clockOffMs = -DAY_MS
    for (const device of bench.devices) bench.start(device)
    bench.write(a, PATH, Buffer.from('one'))
    await bench.until('all have it', () => bench.devices.every(device => shownBy(device).size === 1))
    await bench.untilSame()
    a.takeSnapshot()
    bench.network.part(a, c)
    bench.network.part(b, c)
    bench.write(a, PATH, Buffer.from('written in the time that was lost'))
    await bench.until('b has that', () => shownBy(b).get(PATH) === shownBy(a).get(PATH) && b.running!.folder.isIdle)
    bench.stop(a)
    a.rollBack()
    bench.network.part(a, b)
    bench.network.rejoin(a, c)
    a.clockOffMs += clockOffMs
    bench.write(a, PATH, Buffer.from('written after that'))
    bench.start(a)
    await bench.until('c has that', () => shownBy(c).get(PATH) === shownBy(a).get(PATH) && c.running!.folder.isIdle)
    bench.stop(a)
    const [atB, atC] = [b, c].map(({ entries }) => entries.get(PATH)?.record.versions.flatMap(({ dots }) => dots))
    t.alike(atB, atC, 'the two have one name')
    const both = [b, c].map(device => shownBy(device).get(PATH))
    bench.network.rejoin(b, c)
    await bench.until('both stand there', () => shownBy(b).size === 2 && shownBy(c).size === 2)
    await bench.untilSame()
    bench.network.rejoin(a, b)
    bench.start(a)
    await bench.until('a has heard of it', () => shownBy(a).size === 2)
    await bench.untilSame()
    for (const device of bench.devices) t.alike(new Set(shownBy(device).values()), new Set(both))
    t.alike([shownBy(b), shownBy(c)], [shownBy(a), shownBy(a)])
  }
})
