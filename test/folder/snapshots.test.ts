import { chmod, mkdir, readFile, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { parsePath } from '../../lib/core/model/path.js'
import type { Backer } from '../../lib/index.js'
import { codeRejectedBy } from '../make/thrown.js'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'
import { readTree } from '../make/tree.js'

const LARGE = Array.from({ length: 60_000 }, (_, i) => `line ${i * 7919}`).join('\n')

/** A folder with something of each kind in it, and a snapshot of that. */
async function makeKept(t: Test): Promise<{ a: Backer; id: string; before: string[] }> {
  const a = await makeBacker(t)
  const at = (...names: string[]): string => join(a.directory, ...names)
  await mkdir(at('d', 'inner'), { recursive: true })
  await writeFile(at('d', 'large'), LARGE)
  await writeFile(at('d', 'inner', 'small'), 'small')
  await writeFile(at('script'), '#!/bin/sh\n')
  await chmod(at('script'), 0o755)
  await symlink('d/large', at('link'))
  await utimes(at('d', 'large'), 1_600_000_000, 1_600_000_000.25)
  await until('all is seen', () => a.status().idle && a.status().records === 6)
  const { id } = await a.history.createSnapshot()
  return { a, id, before: await readTree(a.directory) }
}

/** A device that joins, and has all. */
async function join2(t: Test, a: Backer): Promise<Backer> {
  const b = await makeBacker(t, { key: a.key })
  connect(a, b)
  await untilSame([a, b])
  return b
}

test(
  'what another device replaced and deleted since comes back as it was, everywhere, and what stood there is kept',
  { timeout: 120_000 },
  async t => {
    const { a, id, before } = await makeKept(t)
    const b = await join2(t, a)
    await rm(join(b.directory, 'd'), { recursive: true })
    await writeFile(join(b.directory, 'script'), 'edited')
    await writeFile(join(b.directory, 'new'), 'new')
    await until('it arrived', () => a.status().files === 2 && a.status().idle)
    await untilSame([a, b])

    const state = await a.history.stateAt({ kind: 'id', id })
    t.alike(
      (await a.history.listAt(state, parsePath('d'), { limit: 10 })).items.map(({ path, kind, size }) => [
        path,
        kind,
        size
      ]),
      [
        ['d/inner', 'directory', 0],
        ['d/large', 'file', LARGE.length]
      ]
    )
    t.alike(
      (await a.history.diff(state, undefined)).map(({ path, before: was, after }) => [path, was?.kind, after?.kind]),
      [
        ['d', 'directory', undefined],
        ['d/inner', 'directory', undefined],
        ['d/inner/small', 'file', undefined],
        ['d/large', 'file', undefined],
        ['new', undefined, 'file'],
        ['script', 'file', 'file']
      ]
    )
    const plan = await a.history.planAt(state, [undefined])
    const planned = await a.history.preview(plan, false)
    t.alike([planned.restored, planned.unchanged], [5, 1])
    const { restored, failed } = await a.history.restore(plan)
    t.alike([restored, failed], [5, []])
    await until('it is seen', () => a.status().files === 4 && a.status().idle)
    await untilSame([a, b])
    for (const { directory } of [a, b]) {
      const rest = (await readTree(directory)).filter(line => !/ new\b/.test(line))
      t.alike(rest, before, 'byte for byte, with modes and times')
      t.is(await readFile(join(directory, 'new'), 'utf8'), 'new', 'what was not there then is left alone')
    }
    const kept = await a.history.revisions(parsePath('script'))
    t.ok(kept.some(({ size, device }) => device === undefined && size === 'edited'.length))
    const [latest] = await a.history.snapshots()
    t.is(latest?.kind, 'automatic', 'how it was before the restore is kept too')
    t.is(
      await codeRejectedBy(async () => a.history.planAt(state, [parsePath('new')])),
      'NO_VERSION',
      'what was not there can’t be restored'
    )
  }
)

test(
  'an empty machine restores a whole folder of an earlier time from the devices that keep it',
  { timeout: 120_000 },
  async t => {
    const { a, before } = await makeKept(t)
    const keptAt = Date.now()
    const b = await join2(t, a)
    // b edits: a keeps what that replaced.
    for (const name of ['d/large', 'd/inner/small', 'script']) await rm(join(b.directory, name))
    await writeFile(join(b.directory, 'script'), 'edited')
    await until('it arrived', () => a.status().files === 1 && a.status().idle)
    await untilSame([a, b])
    const c = await makeBacker(t, { key: a.key })
    connect(a, c)
    await untilSame([a, c])
    t.alike(await c.history.snapshots(), [])
    const state = await c.history.stateAt({ kind: 'time', atMs: keptAt })
    const to = join(await makeDirectory(t), 'out')
    const { restored, failed } = await c.restoreTo(to, await c.history.planAt(state, [undefined]))
    t.alike([restored, failed], [6, []])
    t.alike(await readTree(to), before)
    t.is(await readlink(join(to, 'link')), 'd/large')
    t.is((await stat(join(to, 'd/large'))).mtimeMs, 1_600_000_000_250)
    t.is((await c.history.snapshots()).length, 1, 'and keeps it from now on')
    await c.history.restore(await c.history.planAt(state, [parsePath('d')]))
    await untilSame([a, c])
    t.is(await readFile(join(a.directory, 'd/large'), 'utf8'), LARGE)
    t.is(await codeRejectedBy(() => c.history.stateAt({ kind: 'time', atMs: keptAt - 3_600_000 })), 'NO_VERSION')
  }
)

test('what is nowhere is told exactly, and all else is restored', { timeout: 120_000 }, async t => {
  const { a, id } = await makeKept(t)
  await writeFile(join(a.directory, 'd', 'large'), `${LARGE.slice(0, 400_000)} edited here`)
  await rm(join(a.directory, 'd', 'inner', 'small'))
  await until('it is seen', () => a.status().idle && a.status().files === 2)
  const plan = await a.history.planAt(await a.history.stateAt({ kind: 'id', id }), [parsePath('d')])
  const { restored, failed } = await a.history.restore(plan)
  const [large, small] = ['d/large', 'd/inner/small'].map(path => failed.find(one => one.path === path)?.message ?? '')
  t.ok(small?.startsWith('5 of its 5 bytes (1 of 1 chunks) are missing: this device does not have them'), small)
  t.ok(/missing/.test(large ?? ''), large)
  t.is(failed.length, 2)
  t.is(restored, 0)
  t.ok((await readFile(join(a.directory, 'd', 'large'), 'utf8')).endsWith('edited here'))
})

test(
  'a device that keeps what is edited here brings it back alone, also what was deleted',
  { timeout: 120_000 },
  async t => {
    const directory = await makeDirectory(t)
    await writeFile(join(directory, 'a.txt'), 'first')
    await writeFile(join(directory, 'large'), LARGE)
    await symlink('a.txt', join(directory, 'link'))
    const a = await makeBacker(t, { directory, keepLocal: true })
    await until('copies are held', () => a.status().idle && a.status().records === 3 && a.history.holder.isIdle)
    const { id } = await a.history.createSnapshot()
    const before = await readTree(directory)
    await writeFile(join(directory, 'a.txt'), 'second')
    await rm(join(directory, 'large'))
    await rm(join(directory, 'link'))
    await until('it is seen', () => a.status().idle && a.status().files === 1)
    t.alike(
      (await a.history.revisions(parsePath('a.txt'))).map(({ size, kind }) => [size, kind]),
      [[5, 'file']]
    )
    t.is((await a.history.revisions(parsePath('large'))).length, 1)
    t.is((await a.history.revisions(parsePath('link')))[0]?.kind, 'symlink')
    const { heldBytes } = await a.history.tidy()
    t.ok(heldBytes > 0 && heldBytes < 100, `${heldBytes} bytes are held of what stands there now`)
    const { restored, failed } = await a.history.restore(
      await a.history.planAt(await a.history.stateAt({ kind: 'id', id }), [undefined])
    )
    t.alike([restored, failed], [3, []])
    t.alike(await readTree(directory), before)
    await until('that is seen', () => a.status().idle && a.status().files === 2 && a.history.holder.isIdle)
    t.is((await a.history.revisions(parsePath('a.txt'))).length, 2, 'what the restore replaced is kept once')
    a.keepLocal = false
    t.is((await a.history.tidy()).heldBytes, 0)
  }
)

test('pins keep a snapshot and a revision, and other devices keep what a maker pins', { timeout: 120_000 }, async t => {
  const { a, id } = await makeKept(t)
  const b = await join2(t, a)
  await b.history.stateAt({ kind: 'id', id })
  t.alike(
    (await b.history.snapshots()).map(one => [one.id, one.isPinned]),
    [[id, true]],
    'what somebody made there is not thinned out here'
  )
  await b.history.removeSnapshot(id)
  t.is(await codeRejectedBy(() => b.history.removeSnapshot(id)), 'NO_VERSION')
  t.is(await codeRejectedBy(() => b.history.pinSnapshot(id, true)), 'NO_VERSION')
  await a.history.pinSnapshot(id, true)
  t.is((await a.history.snapshots())[0]?.isPinned, true)
  await writeFile(join(b.directory, 'script'), 'edited')
  await until('it arrived', async () => (await readFile(join(a.directory, 'script'), 'utf8')) === 'edited')
  const [version] = await a.history.revisions(parsePath('script'))
  await a.history.pinRevision(parsePath('script'), version?.id ?? '', true)
  t.is((await a.history.revisions(parsePath('script')))[0]?.isPinned, true)
  t.is(await codeRejectedBy(() => a.history.pinRevision(parsePath('script'), 'none', true)), 'NO_VERSION')
})
