import test from 'brittle'
import { toReadKey } from '../../lib/core/model/keys.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import { Bench, inodeAt, shownBy } from './bench-of-devices.js'
import type { Device } from './device.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const folderOf = (device: Device) => device.running!.folder

/** A device that mirrors and one that does not, with some files that the first wrote. */
async function makePair(seed: string, parts: ConstructorParameters<typeof Bench>[2]) {
  const bench = new Bench(seed, 2, parts)
  const [a, b] = bench.devices as [Device, Device]
  for (const path of ['d/one', 'd/two', 'three']) bench.write(a, path, Buffer.from(`first ${path}`))
  for (const device of [a, b]) bench.start(device)
  await bench.until('the first is at rest', () => a.running?.isReady === true && folderOf(a).status().files === 3)
  return { bench, a, b }
}

async function allThere(bench: Bench, device: Device): Promise<void> {
  await bench.until('all is there', () => device.running?.isReady === true && folderOf(device).status().files === 3)
}

test(
  'append-only: what others delete stays, comes back to nobody, and what they replace is kept',
  { timeout: 60_000 },
  async t => {
    const { bench, a, b } = await makePair('append', { roles: ['mirror', 'append-only'] })
    await allThere(bench, b)
    await bench.untilSame()
    const before = shownBy(b)
    bench.remove(a, 'd/one')
    bench.remove(a, 'd/two')
    bench.remove(a, 'd')
    bench.write(a, 'three', Buffer.from('second'))
    await bench.until('the edit arrived', () => shownBy(b).get('three') === hex(Buffer.from('second')))
    await bench.untilSame()
    t.alike([...shownBy(b).keys()].sort(), [...before.keys()].sort(), 'nothing is gone')
    t.alike([...shownBy(a).keys()], ['three'])
    t.is(folderOf(b).status().files, 1, 'they are no part of the folder any more')
    for (const device of [a, b]) folderOf(device).rescan()
    bench.stop(b)
    bench.start(b)
    await bench.until('looked through', () => b.running?.isReady === true && folderOf(b).isIdle)
    await bench.untilSame()
    t.alike([...shownBy(a).keys()], ['three'], 'it comes back to nobody by itself')
    t.is((await bench.wait(folderOf(b).history.revisions('three' as RelativePath))).length, 1)
    bench.remove(b, 'd/two')
    bench.write(b, 'd/one', Buffer.from('wanted again'))
    await bench.until(
      'what is written there is a version',
      () => shownBy(a).get('d/one') === hex(Buffer.from('wanted again'))
    )
    await bench.untilSame()
    t.absent(shownBy(a).has('d/two'))
  }
)

test(
  'append-only: what is kept in a directory that others have replaced by a file is told',
  { timeout: 60_000 },
  async t => {
    const { bench, a, b } = await makePair('kept', { roles: ['mirror', 'append-only'] })
    await allThere(bench, b)
    await bench.untilSame()
    for (const path of ['d/one', 'd/two', 'd']) bench.remove(a, path)
    bench.write(a, 'd', Buffer.from('a file now'))
    await bench.until('it is told', () =>
      folderOf(b)
        .status()
        .problems.some(({ code }) => code === 'kept')
    )
    await bench.until('b is at rest', () => folderOf(b).isIdle)
    t.is(folderOf(b).status().state, 'ahead')
    for (const path of ['d/one', 'd/two']) t.ok(shownBy(b).has(path), `${path} stays`)
    for (const path of ['d/one', 'd/two']) bench.remove(b, path)
    await bench.until('the file has its place', () => shownBy(b).get('d') === hex(Buffer.from('a file now')))
    await bench.untilSame()
    t.alike([...shownBy(a)].sort(), [...shownBy(b)].sort())
    t.is(folderOf(b).status().problemCount, 0)
  }
)

test('send-only: it takes nothing over, and its changes reach the others', { timeout: 60_000 }, async t => {
  const { bench, a, b } = await makePair('send', { roles: ['mirror', 'send-only'] })
  bench.write(b, 'mine', Buffer.from('mine'))
  await bench.until('it arrived', () => shownBy(a).has('mine') && folderOf(b).isIdle)
  bench.write(a, 'mine', Buffer.from('yours'))
  bench.remove(a, 'three')
  await bench.until('time passed', () => folderOf(a).isIdle && folderOf(a).status().files === 3)
  const later = bench.scheduler.nowMs + 70_000
  while (await bench.scheduler.step(later));
  t.alike([...shownBy(b)], [['mine', hex(Buffer.from('mine'))]])
  t.is(folderOf(b).status().state, 'ahead')
})

test(
  'receive-only: what is changed by hand stays here, is told, and is undone by command',
  { timeout: 60_000 },
  async t => {
    const { bench, a, b } = await makePair('receive', { roles: ['mirror', 'receive-only'] })
    await allThere(bench, b)
    const before = shownBy(a)
    bench.write(b, 'three', Buffer.from('by hand'))
    bench.write(b, 'new/file', Buffer.from('by hand too'))
    bench.remove(b, 'd/one')
    await bench.until('all are seen', () => folderOf(b).drift.count === 4)
    t.alike(folderOf(b).status().drift, { count: 4, sample: ['d/one', 'new', 'new/file', 'three'] })
    const later = bench.scheduler.nowMs + 70_000
    while (await bench.scheduler.step(later));
    t.alike(shownBy(a), before, 'the others hear nothing of it')
    const part = await bench.wait(folderOf(b).drift.revert(['new' as RelativePath]))
    t.alike([part.reverted, part.failed, folderOf(b).drift.count], [2, [], 2])
    const all = await bench.wait(folderOf(b).drift.revert(undefined))
    t.alike([all.reverted, all.failed], [2, []])
    await bench.untilSame()
    t.alike(shownBy(b), before)
    t.is(folderOf(b).status().drift, undefined)
    const kept = await bench.wait(folderOf(b).history.revisions('three' as RelativePath))
    t.is(kept.length, 1, 'what stood there is kept')
  }
)

test("a reader's own directory makes way for a writer's file", { timeout: 60_000 }, async t => {
  const { bench, a, b } = await makePair('reader', {
    keyOf: (index, key) => (index === 1 && key.kind === 'write' ? toReadKey(key) : key)
  })
  await allThere(bench, b)
  bench.write(b, 'x/own', Buffer.from('by a reader'))
  await bench.until('it is seen', () => folderOf(b).drift.count === 2)
  bench.write(a, 'x', Buffer.from('by a writer'))
  await bench.until('it arrived', () => inodeAt(b, 'x').kind === 'file')
  await bench.until('all is quiet', () => folderOf(b).isIdle && folderOf(b).drift.count === 0)
  t.is(shownBy(b).get('x'), hex(Buffer.from('by a writer')))
  t.is((await bench.wait(folderOf(b).history.revisions('x/own' as RelativePath))).length, 1)
})
