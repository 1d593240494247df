import test, { type Test } from 'brittle'
import { readdir, rename, rm, writeFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Backer } from '../../lib/index.js'
import { connect, makeBacker, makeDirectory, until, untilSame } from '../make/backers.js'
import { readTree, writeTree } from '../make/tree.js'

const FILES = 105

/** So many files in `dir`, each with content of its own, and one beside it. */
function manyFiles(count = FILES): Record<string, string> {
  const files = Array.from({ length: count }, (_, i): [string, string] => [`dir/${i}`, `content ${i}`])
  return { ...Object.fromEntries(files), beside: 'beside' }
}

/** Two connected devices that hold the same many files, and the function that cuts the line. */
async function makePair(t: Test): Promise<{ a: Backer; b: Backer; cut: () => void; before: string[] }> {
  const directory = await makeDirectory(t)
  await writeTree(directory, manyFiles())
  const a = await makeBacker(t, { directory })
  const b = await makeBacker(t, { key: a.key })
  const cut = connect(a, b)
  await untilSame([a, b])
  await until('all is there', () => b.status().files === FILES + 1)
  return { a, b, cut, before: await readTree(a.directory) }
}

async function removeAll(device: Backer): Promise<void> {
  await rm(join(device.directory, 'dir'), { recursive: true })
}

const shown = (device: Backer) => readTree(device.directory, { metadata: false })

test(
  'a scan that finds most files gone holds the deletes, everything else goes on, and rejecting brings all back',
  { timeout: 90_000 },
  async t => {
    const { a, b, before } = await makePair(t)
    const told: string[] = []
    a.on('problem', ({ code }) => told.push(code))
    await removeAll(a)
    await until('held', () => a.status().heldDeletes?.local === FILES + 1)
    t.alike(told, ['HELD'], 'it is told once')
    t.is(a.status().state, 'held')
    await until('the other sees that it does not have all', () => b.status().state === 'ahead')
    await writeFile(join(a.directory, 'new'), 'new')
    await until('the new file arrived', async () => (await shown(b)).some(line => line.startsWith('file new')))
    await rm(join(b.directory, 'beside'))
    await until('a delete arrived', async () => !(await shown(a)).some(line => line.startsWith('file beside')))
    t.is((await readdir(join(b.directory, 'dir'))).length, FILES, 'nothing was deleted on the other device')
    t.is(await a.rejectDeletes(), FILES + 1)
    await until('all is back', () => a.status().idle && a.status().heldDeletes === undefined)
    const [kept, back] = [before, await readTree(a.directory)].map(lines => lines.filter(line => line.includes(' dir')))
    t.alike(back, kept, 'byte for byte, with its times')
    t.is(a.status().problemCount, 0)
    await untilSame([a, b])
  }
)

test('deletes that are accepted reach the other device, which asks for itself', { timeout: 90_000 }, async t => {
  const { a, b } = await makePair(t)
  await removeAll(a)
  await until('held', () => a.status().heldDeletes?.local === FILES + 1)
  t.is(await a.acceptDeletes(), FILES + 1)
  await until('held there', () => b.status().heldDeletes?.remote === FILES + 1)
  t.is(b.status().state, 'held')
  await writeFile(join(a.directory, 'beside'), 'edited')
  await until('an edit arrives', async () => (await shown(b)).length === FILES + 2 && b.status().bytes > 0)
  t.is((await readdir(join(b.directory, 'dir'))).length, FILES)
  t.is(await b.acceptDeletes(), FILES + 1)
  await untilSame([a, b])
  t.alike(await shown(b), await shown(a))
  t.is((await shown(b)).length, 1)
})

test('what is held stays held over a restart, and is restored over another', { timeout: 90_000 }, async t => {
  const { a, b, before } = await makePair(t)
  await removeAll(a)
  await until('held', () => a.status().heldDeletes?.local === FILES + 1)
  await a.close()
  await rm(join(a.directory, 'beside'))
  const alone = await makeBacker(t, { directory: a.directory })
  await until('still held, and a further delete joins', () => alone.status().heldDeletes?.local === FILES + 2)
  await alone.rejectDeletes()
  t.is(alone.status().state, 'syncing', 'it waits for a device that has them')
  await alone.close()
  const again = await makeBacker(t, { directory: a.directory })
  connect(again, b)
  await until('all is back', () => again.status().idle && again.status().heldDeletes === undefined)
  t.alike(await readTree(a.directory), before)
})

test(
  "another device's deletes stay held over a restart, however few are left, and come back everywhere when rejected",
  { timeout: 90_000 },
  async t => {
    const { a, b, cut, before } = await makePair(t)
    await removeAll(a)
    await until('held', () => a.status().heldDeletes?.local === FILES + 1)
    await a.acceptDeletes()
    await until('held there', () => b.status().heldDeletes?.remote === FILES + 1)
    cut()
    await b.close()
    for (let i = 10; i < FILES; i++) await rm(join(b.directory, 'dir', String(i)))
    const again = await makeBacker(t, { directory: b.directory })
    connect(again, a)
    await until('held again', () => again.status().idle && (again.status().heldDeletes?.remote ?? 0) >= 10)
    t.is((await readdir(join(b.directory, 'dir'))).length, 10)
    t.ok((await again.rejectDeletes()) >= 11, 'the directory and what is left in it')
    await untilSame([a, again])
    await until('all that was left is back', async () => (await readdir(join(a.directory, 'dir'))).length === 10)
    const rest = before.filter(line => / dir\/\d /.test(line))
    t.alike(
      (await readTree(a.directory)).filter(line => / dir\/\d /.test(line)),
      rest
    )
    t.is(rest.length, 10)
    t.is(again.status().heldDeletes, undefined)
  }
)

test('files that were moved are not held', { timeout: 90_000 }, async t => {
  const { a, b } = await makePair(t)
  await rename(join(a.directory, 'dir'), join(a.directory, 'moved'))
  await until('the move arrived', async () => (await readdir(join(b.directory, 'moved'))).length === FILES)
  await untilSame([a, b])
  t.alike(await readTree(b.directory), await readTree(a.directory))
  t.absent(a.status().heldDeletes)
  t.absent(b.status().heldDeletes)
})

test(
  'what is put back by hand is held no longer, and a change of another device puts it back as well',
  { timeout: 90_000 },
  async t => {
    const { a, b } = await makePair(t)
    await removeAll(a)
    await until('held', () => a.status().heldDeletes?.local === FILES + 1)
    await mkdir(join(a.directory, 'dir'))
    await writeFile(join(a.directory, 'dir', '0'), 'by hand')
    await until('two fewer', () => a.status().heldDeletes?.local === FILES - 1)
    await writeFile(join(b.directory, 'dir', '1'), 'changed there')
    await until('three fewer', () => a.status().heldDeletes?.local === FILES - 2)
    t.alike((await readdir(join(a.directory, 'dir'))).sort(), ['0', '1'])
    await until('all seen', () => a.status().idle && b.status().idle)
    t.is((await readdir(join(b.directory, 'dir'))).length, FILES)
  }
)

test(
  'many deletes in a much larger folder are carried out, until they are a fifth of it',
  { timeout: 90_000 },
  async t => {
    const directory = await makeDirectory(t)
    await writeTree(directory, manyFiles(560))
    const a = await makeBacker(t, { directory })
    await until('scanned', () => a.status().idle && a.status().files === 561)
    for (let i = 0; i < 105; i++) await rm(join(directory, 'dir', String(i)))
    await until('gone', () => a.status().files === 456)
    t.absent(a.status().heldDeletes)
    for (let i = 105; i < 115; i++) await rm(join(directory, 'dir', String(i)))
    await until('a fifth went bit by bit', () => a.status().heldDeletes !== undefined)
    t.ok(a.status().files > 446)
  }
)
