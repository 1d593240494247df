import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { parsePath } from '../../lib/core/model/path.js'
import { makeBacker, makeDirectory, until } from '../make/backers.js'

const SIZE = 24 * 1024 * 1024

/** An XFS of its own, which can share blocks between files. Needs root. */
async function mountXfs(t: Test): Promise<string> {
  if (process.getuid?.() !== 0) throw new Error('this suite needs root: it mounts file systems')
  try {
    execFileSync('which', ['mkfs.xfs'], { stdio: 'ignore' })
  } catch {
    execFileSync('apt-get', ['install', '-y', '-qq', 'xfsprogs'], { stdio: 'ignore' })
  }
  const base = await makeDirectory(t)
  const image = join(base, 'image')
  execFileSync('truncate', ['-s', '400M', image])
  execFileSync('mkfs.xfs', ['-q', '-m', 'reflink=1', image])
  const at = join(base, 'mounted')
  mkdirSync(at)
  execFileSync('mount', ['-o', 'loop', image, at])
  t.teardown(() => execFileSync('umount', ['--lazy', at]), { order: 90 })
  return at
}

const freeBytes = (at: string): number => statfsSync(at).bavail * statfsSync(at).bsize

test(
  'where blocks can be shared a copy of everything takes no room, and brings an edit back',
  { timeout: 120_000 },
  async t => {
    const disk = await mountXfs(t)
    const directory = join(disk, 'folder')
    mkdirSync(directory)
    const first = Buffer.alloc(SIZE, 'first version ')
    first.writeUInt32LE(1, SIZE / 2)
    writeFileSync(join(directory, 'large'), first, { mode: 0o444 })
    const before = freeBytes(disk)
    const a = await makeBacker(t, { directory, keepLocal: true, home: await makeDirectory(t) })
    await until('a copy is held', () => a.status().idle && a.status().files === 1 && a.history.holder.isIdle)
    t.ok(before - freeBytes(disk) < SIZE / 4, `${before - freeBytes(disk)} bytes for a copy of ${SIZE}`)
    execFileSync('rm', ['-f', join(directory, 'large')])
    writeFileSync(join(directory, 'large'), 'edited')
    await until('it is seen', () => a.status().idle && a.status().bytes === 6)
    const item = await a.history.itemOf(parsePath('large'), {})
    t.is(item.payload.kind === 'file' ? item.payload.mode : 0, 0o444)
    const { restored, failed } = await a.history.restore(a.history.planOf([item]))
    t.alike([restored, failed], [1, []])
    t.ok(readFileSync(join(directory, 'large')).equals(first), 'byte for byte')
  }
)
