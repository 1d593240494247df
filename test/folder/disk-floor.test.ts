import test from 'brittle'
import { isBackerError } from '../../lib/core/error.js'
import type { Space } from '../../lib/disk/disk.js'
import { DiskFloor } from '../../lib/folder/disk-floor.js'
import { fakeRuntime } from '../make/wire.js'

const MIB = 1024 ** 2

/** A disk that has and tells what it is set to, and how often it was asked. */
function makeFloor(space: Space): {
  readonly floor: DiskFloor
  readonly disk: { now: Space; looks: number }
  readonly advance: (ms: number) => void
} {
  const disk = { now: space, looks: 0 }
  const { runtime, advance } = fakeRuntime()
  const look = (): Promise<Space> => {
    disk.looks++
    return Promise.resolve(disk.now)
  }
  return { floor: new DiskFloor({ space: look }, runtime.clock), disk, advance }
}

async function isAdmitted(spending: Promise<unknown>): Promise<boolean> {
  try {
    await spending
    return true
  } catch (error) {
    if (isBackerError(error, 'DISK_FLOOR')) return false
    throw error
  }
}

test('the floor is 1 % of a small disk, and 1 GiB of a large one', async t => {
  const small = makeFloor({ totalBytes: 1000 * MIB, freeBytes: 20 * MIB })
  t.ok(await isAdmitted(small.floor.spend(9 * MIB)))
  t.absent(await isAdmitted(small.floor.spend(2 * MIB)), 'what was written counts before it is looked again')
  const large = makeFloor({ totalBytes: 2 ** 50, freeBytes: 1100 * MIB })
  t.ok(await isAdmitted(large.floor.spend(50 * MIB)))
  t.absent(await isAdmitted(large.floor.spend(50 * MIB)))
})

test('many small files need few looks, and what others write is seen within a second', async t => {
  const { floor, disk, advance } = makeFloor({ totalBytes: 1000 * MIB, freeBytes: 900 * MIB })
  for (let i = 0; i < 1000; i++) await floor.spend(1000)
  t.is(disk.looks, 1)
  disk.now = { ...disk.now, freeBytes: 11 * MIB }
  advance(1001)
  t.absent(await isAdmitted(floor.spend(2 * MIB)))
})

test('what a large file will still need is not given to others, and is given back where it does not come', async t => {
  const { floor } = makeFloor({ totalBytes: 1000 * MIB, freeBytes: 110 * MIB })
  const space = await floor.reserve(60 * MIB)
  t.absent(await isAdmitted(floor.spend(50 * MIB)))
  t.ok(await isAdmitted(floor.spend(20 * MIB)))
  space.wrote(10 * MIB)
  space.end()
  space.end()
  t.ok(await isAdmitted(floor.spend(60 * MIB)))
  t.absent(await isAdmitted(floor.spend(15 * MIB)), 'and what was written is gone')
})

test('freed space is found without a long wait', async t => {
  const { floor, disk, advance } = makeFloor({ totalBytes: 1000 * MIB, freeBytes: 5 * MIB })
  t.absent(await isAdmitted(floor.spend(1)))
  disk.now = { ...disk.now, freeBytes: 500 * MIB }
  advance(201)
  t.ok(await isAdmitted(floor.spend(1)))
})
