import test from 'brittle'
import { winnerOf } from '../../lib/core/model/record.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import { Killed } from '../disk/watched-filesystem.js'
import { Bench, inodeAt } from './bench-of-devices.js'
import type { Device } from './device.js'

const PATH = 'p' as RelativePath
const SECOND_NS = 1_000_000_000n

/** Whole seconds, as archives have them: of two that follow each other one is what a disk that counts in steps of two seconds makes of the other. */
const TIMES_NS = [1000n, 1001n, 1002n, 1003n].map(seconds => seconds * SECOND_NS)

test('S15: a kill between the mode of a file and its time makes no version of its own, and both are set in the end', async t => {
  let left = -1
  const bench = new Bench('half set', 2, {
    gate(index, call) {
      if (index !== 1 || left < 0 || call !== 'setFileMetadata' || left-- > 0) return
      bench.devices[1]?.kill(0)
      throw new Killed()
    }
  })
  const [a, b] = bench.devices as [Device, Device]
  bench.write(a, PATH, Buffer.from('bytes'))
  for (const device of bench.devices) bench.start(device)
  await bench.until('b has it', () => b.entries.has(PATH))
  await bench.untilSame()
  for (const [i, mtimeNs] of TIMES_NS.entries()) {
    const mode = i % 2 === 0 ? 0o600 : 0o755
    left = 1
    a.volume.asUser(() => a.volume.hold(inodeAt(a, PATH), { mode, mtimeNs }))
    await bench.until('it dies between the two', () => b.running === undefined)
    t.is(inodeAt(b, PATH).mode, mode)
    t.not(inodeAt(b, PATH).mtimeNs, mtimeNs)
    bench.network.left(b)
    bench.start(b)
    await bench.until('it is back', () => b.running?.isReady === true && b.running.folder.isIdle)
    await bench.untilSame()
    for (const device of bench.devices) {
      const inode = inodeAt(device, PATH)
      t.alike([inode.mode, inode.mtimeNs], [mode, mtimeNs])
      const { dots } = winnerOf(device.entries.get(PATH)!.record)
      t.alike(
        dots.map(({ replica }) => replica),
        [a.running!.store.replica]
      )
    }
  }
})

test('a mode that a user sets in the moment in which only a time is set is told to others', async t => {
  let isArmed = false
  const bench = new Bench('mode meanwhile', 2, {
    gate(index, call) {
      if (index !== 1 || !isArmed || call !== 'setFileMetadata') return
      isArmed = false
      const [, b] = bench.devices as [Device, Device]
      b.volume.asUser(() => b.volume.hold(inodeAt(b, PATH), { mode: 0o755 }))
    }
  })
  const [a, b] = bench.devices as [Device, Device]
  bench.write(a, PATH, Buffer.from('bytes'))
  for (const device of bench.devices) bench.start(device)
  await bench.until('b has it', () => b.entries.has(PATH))
  await bench.untilSame()
  isArmed = true
  a.volume.asUser(() => a.volume.hold(inodeAt(a, PATH), { mtimeNs: TIMES_NS[0]! }))
  await bench.until('a has the mode', () => inodeAt(a, PATH).mode === 0o755)
  await bench.untilSame()
  for (const device of bench.devices) t.is(inodeAt(device, PATH).mode, 0o755)
})
