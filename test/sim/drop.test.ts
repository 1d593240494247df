import test, { type Test } from 'brittle'
import { parsePath } from '../../lib/core/model/path.js'
import { CHANGING, Killed } from '../disk/watched-filesystem.js'
import { Bench, inodeAt } from './bench-of-devices.js'
import { losePower } from './crash.js'
import type { Device } from './device.js'
import { DIRECTORY, labelOf } from './look.js'
import { SeededRandom } from './random.js'
import { pathsBelow } from './user.js'

const SIZES = [0, 40, 3000, 140_000, 1_200_000]
const ROUNDS = 16

/** What a device shows: each file's path, and what tells its bytes from others. */
function shownBy(device: Device): Map<string, string> {
  const labels = [...pathsBelow(device.root)].map((path): [string, string] => [path, labelOf(inodeAt(device, path))])
  return new Map(labels.filter(([, label]) => label !== DIRECTORY))
}

/** Devices that hold the same files. */
async function makeHolders(
  bench: Bench
): Promise<{ readonly before: ReadonlyMap<string, string>; readonly first: Device }> {
  const [first] = bench.devices as [Device]
  SIZES.forEach((size, i) => bench.write(first, i % 2 === 0 ? `dir/${i}` : `${i}`, bench.random(size)))
  for (const device of bench.devices) bench.start(device)
  await bench.until('all is there', () => bench.devices.every(one => shownBy(one).size === SIZES.length))
  await bench.untilSame()
  return { before: shownBy(first), first }
}

const drop = (device: Device, copies = 1): Promise<unknown> =>
  device.running!.folder.dropper.drop([undefined], { copies, isDryRun: false })

/** All files are on every device again, as they were, and none has become another version. */
async function getAll(t: Test, bench: Bench, before: ReadonlyMap<string, string>): Promise<void> {
  const others = bench.devices.length - 1
  await bench.until('all are connected', () =>
    bench.devices.every(({ running }) => running?.folder.status().peers.length === others)
  )
  await bench.untilSame()
  for (const { running } of bench.devices)
    t.is(running?.folder.status().files, SIZES.length, 'none was taken for deleted')
  for (const { running } of bench.devices) await bench.wait(running!.folder.getter.get([undefined]))
  await bench.untilSame()
  for (const device of bench.devices) t.alike(shownBy(device), before)
}

/** Throws where the content of a file is nowhere. */
function checkAll(bench: Bench, before: ReadonlyMap<string, string>): void {
  for (const [path, bytes] of before)
    if (!bench.devices.some(device => shownBy(device).get(path) === bytes))
      throw new Error(`${path} is nowhere any more`)
}

test(
  'S1: killed, or without power, at any call of a drop, nothing is lost or taken for deleted',
  { timeout: 60_000 },
  async t => {
    const random = new SeededRandom('drop')
    let left = -1
    const bench = new Bench('drop', 2, {
      gate(index, call) {
        if (index !== 0 || left < 0 || !CHANGING.has(call) || left-- > 0) return
        const [first] = bench.devices as [Device]
        if (random.oneIn(2)) losePower(first.volume, random)
        first.kill(random.below(3))
        throw new Killed()
      }
    })
    const { before, first } = await makeHolders(bench)
    let kills = 0
    const cycle = async (isOver: () => boolean): Promise<boolean> => {
      await bench.until('it ends, one way or the other', () => isOver() || first.running === undefined)
      left = -1
      checkAll(bench, before)
      if (first.running !== undefined) return false
      bench.network.left(first)
      bench.start(first)
      await bench.until('it is back', () => first.running?.isReady === true && first.running.folder.isIdle)
      await getAll(t, bench, before)
      return true
    }
    for (left = 0; await cycle(begin(first)); left = kills) kills++
    t.is(kills, 2 * SIZES.length, 'each file is taken away, and removed')
    await getAll(t, bench, before)
    for (let steps = 0; ; steps += 3) {
      const isOver = begin(first)
      for (let i = 0; i < steps && !isOver(); i++) await bench.scheduler.step(Infinity)
      if (isOver()) break
      first.kill(random.below(3))
      kills++
      await cycle(isOver)
    }
    t.ok(kills > 3 * SIZES.length, `${kills} kills`)
  }
)

/** Begins to drop everything; what comes back tells whether that is over. */
function begin(device: Device): () => boolean {
  let isOver = false
  const over = (): void => void (isOver = true)
  drop(device).then(over, over)
  return () => isOver
}

test(
  'S1: devices that drop the same at once, and die meanwhile, leave each file somewhere',
  { timeout: 60_000 },
  async t => {
    const bench = new Bench('drop at once', 3)
    const { before } = await makeHolders(bench)
    let droppedCount = 0
    for (let round = 0; round < ROUNDS; round++) {
      for (const device of bench.devices)
        bench.scheduler.after(bench.below(30), () => {
          if (device.running?.isReady === true) void drop(device, 1 + bench.below(2)).catch(() => undefined)
        })
      const victim = bench.devices[bench.below(bench.devices.length)]!
      if (round % 3 === 0) bench.scheduler.after(bench.below(120), () => bench.stop(victim))
      const end = bench.scheduler.nowMs + 3000
      while (await bench.scheduler.step(end)) checkAll(bench, before)
      for (const device of bench.devices) droppedCount += SIZES.length - shownBy(device).size
      if (victim.running === undefined) bench.start(victim)
      await bench.until('all run', () => bench.devices.every(({ running }) => running?.isReady === true))
      await getAll(t, bench, before)
    }
    t.ok(droppedCount > ROUNDS, `${droppedCount} were dropped`)
  }
)

test('an older version that is restored in the place of a dropped file replaces it', { timeout: 60_000 }, async t => {
  const bench = new Bench('drop and restore', 2)
  const [a, b] = bench.devices as [Device, Device]
  bench.write(a, 'file', Buffer.from('first'))
  for (const device of bench.devices) bench.start(device)
  await bench.until('it came', () => shownBy(b).size === 1)
  const first = shownBy(a).get('file')
  await bench.untilSame()
  bench.write(b, 'file', Buffer.from('second'))
  await bench.until('that came too', () => shownBy(a).get('file') !== first)
  await bench.untilSame()
  await bench.wait(drop(a))
  t.is(shownBy(a).size, 0)
  const { history } = a.running!.folder
  const path = parsePath('file')
  const report = await bench.wait(history.itemOf(path, {}).then(item => history.restore(history.planOf([item]))))
  t.alike([report.restored, report.failedCount], [1, 0])
  await bench.until('it is everywhere', () => bench.devices.every(one => shownBy(one).get('file') === first))
  await bench.untilSame()
  for (const device of bench.devices) t.alike([...shownBy(device).keys()], ['file'], 'and is in no conflict')
})
