import test from 'brittle'
import type { RelativePath } from '../../lib/core/model/path.js'
import { Bench, inodeAt, rot, shownBy } from './bench-of-devices.js'
import type { Device } from './device.js'
import type { Inode } from './volume.js'

const FILES = 60
const ROTTEN = 20
const SIZES = [1, 40, 3000, 140_000, 40, 3000, 40, 700_000, 300, 2000]

/** Two devices that hold the same files. */
async function makePair(seed: string, files = FILES): Promise<{ bench: Bench; a: Device; b: Device; paths: string[] }> {
  const bench = new Bench(seed, 2)
  const [a, b] = bench.devices as [Device, Device]
  const paths = Array.from({ length: files }, (_, i) => (i % 3 === 0 ? `dir/${i}` : `${i}.bin`))
  paths.forEach((path, i) => bench.write(a, path, bench.random(SIZES[i % SIZES.length] ?? 1)))
  for (const device of [a, b]) bench.start(device)
  await bench.until('all is there', () => b.running?.folder.status().files === files)
  await bench.untilSame()
  return { bench, a, b, paths }
}

function verify(bench: Bench, device: Device, options = {}) {
  return bench.wait(device.running!.folder.verifier.run(options))
}

/** Turns over one bit in so many files, chosen at random. */
function rotSome(bench: Bench, device: Device, paths: readonly string[], count: number): Map<string, string> {
  const rotten = new Map<string, string>()
  while (rotten.size < count) {
    const path = paths[bench.below(paths.length)] ?? ''
    if (rotten.has(path)) continue
    rot(inodeAt(device, path), bench.below(2 ** 30))
    rotten.set(path, shownBy(device).get(path) ?? '')
  }
  return rotten
}

test(
  'one bit in each of 20 files: all are found and mended from a peer, nothing else is touched',
  { timeout: 60_000 },
  async t => {
    const { bench, a, b, paths } = await makePair('rot')
    const before = shownBy(b)
    const inodes = new Map(paths.map((path): [string, Inode] => [path, inodeAt(b, path)]))
    const rotten = rotSome(bench, b, paths, ROTTEN)
    const root = b.running?.folder.status().root
    const report = await verify(bench, b)
    t.alike(
      [report.files, report.damaged, report.mended, report.unmended, report.edited, report.isComplete],
      [FILES, ROTTEN, ROTTEN, 0, 0, true]
    )
    t.alike(report.sample.map(({ path }) => path).sort(), [...rotten.keys()].sort())
    t.alike(shownBy(b), before)
    for (const path of paths)
      t.is(
        inodeAt(b, path) === inodes.get(path),
        !rotten.has(path),
        `${path} was ${rotten.has(path) ? 'replaced' : 'left alone'}`
      )
    const aside = await bench.wait(b.running!.folder.verifier.putAside(100))
    t.is(aside.count, ROTTEN)
    const kept = aside.files.map(({ path, storedAt }) => [
      path,
      Buffer.from(inodeAt(b, `.backer/damaged/${storedAt}`).bytes).toString('hex')
    ])
    t.alike(new Map(kept as [string, string][]), new Map([...rotten].sort()), 'what was damaged is kept as it was')
    await bench.untilSame()
    t.is(b.running?.folder.status().root, root, 'no version was made of it')
    t.is(a.running?.folder.status().root, root)
    const again = await verify(bench, b)
    t.alike([again.damaged, again.files], [0, FILES])
  }
)

test(
  'without a peer it says so and leaves the damaged file; it is mended when somebody comes',
  { timeout: 60_000 },
  async t => {
    const { bench, a, b, paths } = await makePair('rot alone', 12)
    const before = shownBy(b)
    bench.stop(a)
    const rotten = rotSome(bench, b, paths, 3)
    const report = await verify(bench, b)
    t.alike([report.damaged, report.mended, report.unmended], [3, 0, 3])
    t.ok(report.sample.every(({ reason }) => reason === 'no connected device has its content'))
    for (const [path, bytes] of rotten) t.is(shownBy(b).get(path), bytes, 'it stands as it stood')
    bench.stop(b)
    bench.start(b)
    await bench.until('it is known after a restart', () => b.running?.folder.status().verify?.damaged === 3)
    const status = b.running?.folder.status()
    t.alike(
      status?.problems.map(({ code }) => code),
      ['damaged', 'damaged', 'damaged']
    )
    t.is(status?.verify?.sample.length, 3)
    bench.start(a)
    await bench.until('all are mended', () => b.running?.folder.status().verify?.damaged === 0)
    t.alike(shownBy(b), before)
    await bench.untilSame()
    t.is(b.running?.folder.status().problemCount, 0)
  }
)

test(
  'what is known to be damaged is no edit, though it is renamed, touched or closed to others',
  { timeout: 60_000 },
  async t => {
    const { bench, a, b } = await makePair('rot renamed', 6)
    const [text, path] = [shownBy(a).get('1.bin'), '1.bin']
    bench.network.part(a, b)
    rot(inodeAt(b, path), 77)
    const inode = inodeAt(b, path)
    await verify(bench, b)
    const { volume, root } = b
    volume.asUser(() => volume.hold(inode, { mode: 0o600 }))
    await bench.until(
      'the mode was seen',
      () => b.running!.folder.isIdle && b.running!.store.get(path as RelativePath)?.stamp?.mode === 0o600
    )
    volume.asUser(() =>
      volume.change([
        { directory: root, name: path, after: undefined },
        { directory: root, name: 'moved', after: inode }
      ])
    )
    await bench.until(
      'the move was seen',
      () => b.running!.store.get('moved' as RelativePath) !== undefined && b.running!.folder.isIdle
    )
    t.is(b.running?.folder.status().verify?.damaged, 1)
    bench.network.rejoin(a, b)
    await bench.until('it has arrived', () => shownBy(a).has('moved'))
    t.is(shownBy(a).get('moved'), text, 'the others have the content that it should have')
    await bench.until('it is mended', () => shownBy(b).get('moved') === text)
    t.is(inodeAt(a, 'moved').mode, 0o600)
  }
)

test(
  'an edit that keeps size and mtime is an edit, and what a user writes while it is mended is his',
  { timeout: 60_000 },
  async t => {
    const { bench, a, b } = await makePair('rot edited', 6)
    const { volume } = b
    const inode = inodeAt(b, '2.bin')
    const { mtimeNs } = inode
    const sneaked = bench.random(inode.bytes.byteLength)
    b.isDeaf = true
    volume.asUser(() => {
      volume.hold(inode, { bytes: sneaked })
      volume.hold(inode, { mtimeNs })
    })
    const report = await verify(bench, b)
    t.alike([report.damaged, report.edited], [0, 1])
    await bench.until('the edit arrived', () => shownBy(a).get('2.bin') === Buffer.from(sneaked).toString('hex'))
    const other = inodeAt(b, '4.bin')
    rot(other, 5)
    const mine = bench.random(other.bytes.byteLength)
    const run = b.running!.folder.verifier.run()
    await bench.until('it was found', () => (b.running!.folder.status().verify?.damaged ?? 0) > 0)
    volume.asUser(() => volume.hold(inodeAt(b, '4.bin'), { bytes: mine }))
    await bench.wait(run)
    b.isDeaf = false
    b.overflow()
    await bench.until('his version arrived', () => shownBy(a).get('4.bin') === Buffer.from(mine).toString('hex'))
    t.is(shownBy(b).get('4.bin'), Buffer.from(mine).toString('hex'))
  }
)

test(
  'what a file that is damaged has to give is not served, and its device finds out',
  { timeout: 60_000 },
  async t => {
    const bench = new Bench('rot served', 2)
    const [a, b] = bench.devices as [Device, Device]
    const bytes = bench.random(900_000)
    bench.write(a, 'x', bytes)
    bench.start(a)
    await bench.until('scanned', () => a.running?.folder.isIdle === true && a.running.folder.status().files === 1)
    rot(inodeAt(a, 'x'), 8 * 450_000)
    bench.start(b)
    await bench.until('the sender knows', () => a.running?.folder.status().verify?.damaged === 1)
    t.absent(shownBy(b).get('x'), 'nothing but what was written is ever shown')
    await bench.until('the receiver says so', () =>
      b.running!.folder.status().problems.some(({ code }) => code === 'no-source')
    )
    bench.write(b, 'copy of x', bytes)
    await bench.until('both have it', () =>
      [a, b].every(one => shownBy(one).get('x') === Buffer.from(bytes).toString('hex'))
    )
  }
)

test(
  'what was cut off goes on where it was, after a restart too; a sample is a sample',
  { timeout: 60_000 },
  async t => {
    const files = 300
    const { bench, b, paths } = await makePair('rot checkpoints', files)
    const first = await verify(bench, b, { maxTimeMs: 1 })
    t.absent(first.isComplete)
    t.ok(first.next !== undefined && first.files > 0 && first.files < files, `${first.files} files`)
    bench.stop(b)
    bench.start(b)
    await bench.until('open', () => b.running?.isReady === true)
    const second = await verify(bench, b)
    t.ok(second.isComplete)
    t.is(second.from, first.next)
    t.is(first.files + second.files, files)
    t.is((await verify(bench, b)).files, files, 'then it begins anew')
    const sampled = await verify(bench, b, { sample: 0.2 })
    t.ok(sampled.files > 0 && sampled.files < paths.length / 2, `${sampled.files} of ${paths.length}`)
  }
)

test('what may stay as it is is an edit by command, and what is kept of it stays', { timeout: 60_000 }, async t => {
  const { bench, a, b } = await makePair('rot accepted', 6)
  bench.stop(a)
  rot(inodeAt(b, '5.bin'), 3)
  await verify(bench, b)
  const rotten = shownBy(b).get('5.bin')
  await bench.wait(b.running!.folder.verifier.accept('5.bin' as RelativePath))
  bench.start(a)
  await bench.until('it is a version now', () => shownBy(a).get('5.bin') === rotten)
  t.is(b.running?.folder.status().verify?.damaged, 0)
})

test('everything is read by schedule, at its rate, and not while it is paused', { timeout: 60_000 }, async t => {
  const { bench, b, paths } = await makePair('rot by schedule', 12)
  const { verifier } = b.running!.folder
  rotSome(bench, b, paths, 2)
  const told: string[] = []
  b.running!.folder.on('verify', ({ kind }) => told.push(kind))
  await bench.wait(verifier.setSettings({ isPaused: true }))
  const later = bench.scheduler.nowMs + 30 * 60 * 1000
  while (await bench.scheduler.step(later));
  t.alike(told, [])
  await bench.wait(verifier.setSettings({ isPaused: false, bytesPerSecond: 1_000_000 }))
  await bench.until('the rounds began', () => verifier.status().running)
  const begin = bench.scheduler.nowMs
  await bench.until('all was read', () => verifier.status().lastEndedAtMs !== undefined)
  const bytes = [...shownBy(b).values()].reduce((sum, text) => sum + text.length / 2, 0)
  const tookMs = bench.scheduler.nowMs - begin
  t.ok(tookMs >= bytes / 1000 / 2, `${bytes} bytes took ${tookMs} ms`)
  t.alike(
    told.filter(kind => kind !== 'progress'),
    ['damaged', 'mended', 'damaged', 'mended', 'done']
  )
})
