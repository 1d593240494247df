import test from 'brittle'
import { Bench, shownBy } from './bench-of-devices.js'
import type { Device } from './device.js'
import { copyTree, pathsBelow } from './user.js'

for (const [title, keepsTimes] of [
  ['with its times', true],
  ['with new times', false]
] as const)
  test(`a device that joins with a copy of the folder, ${title}, makes no conflict copy and fetches nothing`, async t => {
    const bench = new Bench(`copies ${title}`, 3)
    const [a, b, late] = bench.devices as [Device, Device, Device]
    for (const path of ['one', 'd/two', 'd/e/three']) bench.write(a, path, bench.random(40))
    bench.write(a, 'd/large', bench.random(300_000))
    for (const device of [a, b]) bench.start(device)
    await bench.until('the two are the same', () => [a, b].every(({ running }) => running?.folder.status().files === 4))
    await bench.untilSame()
    // One that was edited since it was made.
    bench.write(b, 'one', bench.random(50))
    await bench.until('the edit arrived', () => shownBy(a).get('one') === shownBy(b).get('one'))
    await bench.untilSame()
    const shown = shownBy(a)
    t.is(copyTree(late, a.root, keepsTimes), 4)
    const { chunkCount } = bench.network.traffic
    bench.start(late)
    await bench.until('it is connected and at rest', () => late.running?.folder.status().state === 'in-sync')
    await bench.untilSame()
    for (const device of bench.devices) {
      t.alike(shownBy(device), shown)
      t.alike(pathsBelow(device.root), pathsBelow(a.root))
    }
    t.is(bench.network.traffic.chunkCount, chunkCount, 'nothing was fetched')
  })
