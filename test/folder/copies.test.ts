import test from 'brittle'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Backer } from '../../lib/index.js'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'
import { writeTree } from '../make/tree.js'

const countedNow = (device: Backer) => {
  const copies = device.status().copies
  return copies?.current === true ? copies : undefined
}

test(
  'it is known on how many devices each file lies, also while they are away and after a restart',
  { timeout: 90_000 },
  async t => {
    const directory = await makeDirectory(t)
    await writeTree(directory, { one: '1', 'dir/two': '22', three: 'x'.repeat(700_000) })
    const a = await makeBacker(t, { directory })
    await until('counted', () => countedNow(a)?.onlyHere.files === 3)
    t.is(a.status().copies?.onlyHere.bytes, 700_003)
    t.alike(a.status().copies?.onlyHere.sample, ['dir/two', 'one', 'three'])
    t.is(a.status().copies?.devices, 1)
    const b = await makeBacker(t, { key: a.key })
    const cut = connect(a, b)
    await untilSame([a, b])
    for (const device of [a, b]) {
      await until('two hold all', () => countedNow(device)?.fewest === 2)
      t.alike(device.status().copies?.counts, [0, 0, 3])
      t.is(device.status().copies?.onlyHere.files, 0)
    }
    const device = a.status().peers[0]?.device ?? ''
    cut()
    await until('apart', () => a.status().peers.length === 0)
    await writeFile(join(directory, 'one'), 'edited')
    await writeFile(join(directory, 'four'), '4')
    await until('counted anew', () => countedNow(a)?.onlyHere.files === 2)
    t.alike(a.status().copies?.onlyHere.sample, ['four', 'one'])
    t.alike(a.status().copies?.counts, [0, 2, 2])
    await a.close()
    const again = await makeBacker(t, { directory })
    await until('still known', () => countedNow(again)?.onlyHere.files === 2)
    t.is(again.status().copies?.devices, 2, 'a device that is away counts with what it said last')
    await again.forgetDevice(device)
    await until('forgotten', () => countedNow(again)?.devices === 1)
    t.is(again.status().copies?.onlyHere.files, 4)
    connect(again, b)
    await untilSame([again, b])
    await until('it counts again', () => countedNow(again)?.fewest === 2)
  }
)
