import test from 'brittle'
import { writeFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile, chmod, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, makeBacker, makeDevices, makeDirectory, until, untilSame } from '../make/backers.js'
import { readTree, writeTree } from '../make/tree.js'

test('a folder is mirrored whole: files, empty directories, symlinks, modes, times and odd names', async t => {
  const directory = await makeDirectory(t)
  await writeTree(directory, {
    'a.txt': 'hello',
    'empty.bin': '',
    'deep/er/file': 'x'.repeat(100_000),
    'an empty directory': null,
    link: { link: 'a.txt' },
    dangling: { link: '../../nowhere' },
    'run.sh': { bytes: '#!/bin/sh\n', mode: 0o755, mtime: new Date('2001-02-03T04:05:06.789Z') },
    'new\nline \u{1F600} tab\t': 'odd',
    ['__proto__']: 'odd too',
    'b\\c:d*e?': 'windows would mind'
  })
  const a = await makeBacker(t, { directory })
  const b = await makeBacker(t, { key: a.key })
  connect(a, b)
  await untilSame([a, b])
  t.alike(await readTree(b.directory), await readTree(a.directory))
  t.is((await readTree(b.directory)).length, 12)
})

test('changes travel both ways while connected: create, edit, move, chmod, touch, delete', async t => {
  const [a, b] = await makeDevices(t, 2)
  if (a === undefined || b === undefined) {
    t.fail()
    return
  }
  await writeTree(a.directory, { one: '1', two: '2', 'dir/three': '3' })
  await untilSame([a, b])
  await until('it arrived', async () => (await readTree(b.directory)).length === 4)
  await writeFile(join(b.directory, 'one'), 'changed on b')
  await rename(join(b.directory, 'dir'), join(b.directory, 'moved'))
  await chmod(join(b.directory, 'two'), 0o600)
  await until('the edit arrived', async () => (await readFile(join(a.directory, 'one'), 'utf8')) === 'changed on b')
  await until('the move arrived', async () =>
    (await readTree(a.directory, { metadata: false })).some(line => line.startsWith('file moved/three'))
  )
  await rm(join(a.directory, 'two'))
  await utimes(join(a.directory, 'one'), 1, 1)
  await until(
    'the delete arrived',
    async () => !(await readTree(b.directory)).some(line => line.startsWith('file two'))
  )
  await untilSame([a, b])
  t.alike(await readTree(b.directory), await readTree(a.directory))
})

test('directories that held equal files are joined without a transfer', async t => {
  const trees = { same: 'x'.repeat(50_000), 'sub/same too': 'y' }
  const [one, two] = [await makeDirectory(t), await makeDirectory(t)]
  await writeTree(one, trees)
  await writeTree(two, trees)
  const a = await makeBacker(t, { directory: one })
  const b = await makeBacker(t, { directory: two, key: a.key })
  connect(a, b)
  await untilSame([a, b])
  t.is(a.chunksReceived().size + b.chunksReceived().size, 0)
  t.alike(await readTree(two), await readTree(one))
})

test('two versions made apart are both kept, under the same names on both devices', async t => {
  const [one, two] = [await makeDirectory(t), await makeDirectory(t)]
  await writeTree(one, { 'note.txt': { bytes: 'from one', mtime: new Date(2000, 1) } })
  await writeTree(two, { 'note.txt': { bytes: 'from two', mtime: new Date(2001, 1) } })
  const a = await makeBacker(t, { directory: one })
  const b = await makeBacker(t, { directory: two, key: a.key })
  connect(a, b)
  await untilSame([a, b])
  const tree = await readTree(one, { metadata: false })
  t.alike(await readTree(two, { metadata: false }), tree)
  t.is(tree.length, 2)
  t.is(await readFile(join(one, 'note.txt'), 'utf8'), 'from two', 'the later one stands at the path')
})

test('an edit made while apart beats a delete made while apart', async t => {
  const a = await makeBacker(t)
  const b = await makeBacker(t, { key: a.key })
  await writeTree(a.directory, { kept: 'old', gone: 'old' })
  const cut = connect(a, b)
  await untilSame([a, b])
  await until('it arrived', async () => (await readTree(b.directory)).length === 2)
  cut()
  await until('cut', () => a.status().peers.length === 0 && b.status().peers.length === 0)
  await rm(join(a.directory, 'kept'))
  await rm(join(a.directory, 'gone'))
  await writeFile(join(b.directory, 'kept'), 'edited meanwhile')
  await until('all seen', () => a.status().idle && a.status().files === 0 && b.status().idle)
  connect(a, b)
  await untilSame([a, b])
  t.alike(await readTree(a.directory, { metadata: false }), await readTree(b.directory, { metadata: false }))
  t.is(await readFile(join(a.directory, 'kept'), 'utf8'), 'edited meanwhile')
  t.is((await readTree(a.directory)).length, 1)
})

test('what lies in a directory that was deleted elsewhere brings the directory back', async t => {
  const a = await makeBacker(t)
  const b = await makeBacker(t, { key: a.key })
  await writeTree(a.directory, { 'd/old': 'old' })
  const cut = connect(a, b)
  await untilSame([a, b])
  await until('it arrived', async () => (await readTree(b.directory)).length === 2)
  cut()
  await until('cut', () => a.status().peers.length === 0 && b.status().peers.length === 0)
  await rm(join(a.directory, 'd'), { recursive: true })
  await writeFile(join(b.directory, 'd', 'new'), 'new')
  await until('seen', () => a.status().idle && a.status().files === 0 && b.status().files === 2 && b.status().idle)
  connect(a, b)
  await untilSame([a, b])
  t.alike(await readTree(a.directory, { metadata: false }), await readTree(b.directory, { metadata: false }))
  t.alike(
    (await readTree(a.directory, { metadata: false })).map(line => line.split(' ').slice(0, 2).join(' ')),
    ['directory d', 'file d/new']
  )
})

test("files, directories and symlinks take each other's place", async t => {
  const [a, b] = await makeDevices(t, 2)
  if (a === undefined || b === undefined) {
    t.fail()
    return
  }
  await writeTree(a.directory, { x: 'a file', 'y/inner': 'in a directory', z: { link: 'x' } })
  await untilSame([a, b])
  await until('it arrived', async () => (await readTree(b.directory)).length === 4)
  await rm(join(a.directory, 'x'))
  await mkdir(join(a.directory, 'x'))
  await writeFile(join(a.directory, 'x', 'now a directory'), '1')
  await rm(join(a.directory, 'y'), { recursive: true })
  await writeFile(join(a.directory, 'y'), 'now a file')
  await rm(join(a.directory, 'z'))
  await writeFile(join(a.directory, 'z'), 'no link any more')
  await symlink('y', join(a.directory, 'w'))
  await until(
    'it arrived',
    async () =>
      (await readTree(b.directory, { metadata: false })).join() ===
      (await readTree(a.directory, { metadata: false })).join()
  )
  await untilSame([a, b])
  t.alike(await readTree(b.directory), await readTree(a.directory))
})

test('large files travel in chunks, and an insert at the start sends only what is new', async t => {
  const [a, b] = await makeDevices(t, 2)
  if (a === undefined || b === undefined) {
    t.fail()
    return
  }
  const bytes = Buffer.alloc(12 * 1024 * 1024)
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i)
  await writeFile(join(a.directory, 'big'), bytes)
  await until('it arrived', async () => (await readTree(b.directory)).length === 1)
  await untilSame([a, b])
  t.ok((await readFile(join(b.directory, 'big'))).equals(bytes))
  const before = [...b.chunksReceived().values()][0] ?? 0
  const edited = Buffer.concat([Buffer.from('something new at the start'), bytes])
  await writeFile(join(a.directory, 'big'), edited)
  await until('the edit arrived', async () => (await readFile(join(b.directory, 'big'))).equals(edited))
  const sent = ([...b.chunksReceived().values()][0] ?? 0) - before
  t.ok(sent >= 1 && sent <= 3, `${sent} chunks`)
})

test('moving a directory transfers no content', async t => {
  const [a, b] = await makeDevices(t, 2)
  if (a === undefined || b === undefined) {
    t.fail()
    return
  }
  const tree = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`old/${i % 10}/file ${i}`, `content ${i}`]))
  await writeTree(a.directory, tree)
  await until('it arrived', () => b.status().files === 200)
  await untilSame([a, b])
  const before = [...b.chunksReceived().values()][0] ?? 0
  await rename(join(a.directory, 'old'), join(a.directory, 'new'))
  await until(
    'the move arrived',
    async () =>
      (await readTree(b.directory, { metadata: false })).join() ===
      (await readTree(a.directory, { metadata: false })).join()
  )
  await untilSame([a, b])
  t.is([...b.chunksReceived().values()][0] ?? 0, before)
})

test('with three devices, what one has fetched it passes on', async t => {
  const directory = await makeDirectory(t)
  const bytes = Buffer.alloc(64 * 1024 * 1024)
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(Math.imul(i + 1, 2246822519) >>> 0, i)
  await writeFile(join(directory, 'big'), bytes)
  const a = await makeBacker(t, { directory })
  await until('scanned', () => a.status().idle)
  const b = await makeBacker(t, { key: a.key })
  const c = await makeBacker(t, { key: a.key })
  connect(a, b)
  connect(a, c)
  connect(b, c)
  await until('all have it', () => [b, c].every(device => device.status().files === 1), 60_000)
  await untilSame([a, b, c])
  for (const device of [b, c]) t.ok(device.chunksReceived().size === 2, 'chunks came from both others')
})

test('a reader mirrors, passes on, and its own changes stay with it', async t => {
  const a = await makeBacker(t)
  await writeTree(a.directory, { file: 'original' })
  const reader = await makeBacker(t, { key: a.keyText('read') })
  const third = await makeBacker(t, { key: a.key })
  const cut = connect(a, reader)
  await until('the reader has it', () => reader.status().files === 1)
  cut()
  connect(reader, third)
  await until('the third has it from the reader', () => third.status().files === 1)
  t.is(await readFile(join(third.directory, 'file'), 'utf8'), 'original')
  await writeFile(join(reader.directory, 'file'), 'drift')
  await writeFile(join(reader.directory, 'own'), 'own')
  await until('the reader saw it', () => reader.status().idle && reader.status().files === 2)
  await writeFile(join(third.directory, 'file'), 'by a writer')
  await until('the writer wins', async () => (await readFile(join(reader.directory, 'file'), 'utf8')) === 'by a writer')
  await until('the reader is at rest', () => reader.status().idle)
  const kept = (await readTree(reader.directory, { metadata: false })).length
  t.is(kept, 3, 'the drift is kept beside it, and the own file too')
  t.is(third.status().files, 1)
})

test('a directory with more files than are wanted at once is moved, without a transfer, to a place that comes before it', async t => {
  const directory = await makeDirectory(t)
  await mkdir(join(directory, 'old'))
  const count = 2600
  for (let i = 0; i < count; i++) writeFileSync(join(directory, 'old', `file ${i}`), `${i}`)
  const a = await makeBacker(t, { directory })
  const b = await makeBacker(t, { key: a.key })
  connect(a, b)
  await untilSame([a, b])
  const before = [...b.chunksReceived().values()][0] ?? 0
  await rename(join(directory, 'old'), join(directory, 'new'))
  await until('it is moved', async () => {
    const names = await readdir(b.directory)
    return names.includes('new') && !names.includes('old')
  })
  await untilSame([a, b])
  t.is((await readdir(join(b.directory, 'new'))).length, count)
  t.is([...b.chunksReceived().values()][0] ?? 0, before)
})

test('a folder that was closed still tells what it held, to whoever asks late', async t => {
  const a = await makeBacker(t)
  await writeTree(a.directory, { one: 'one', 'two/three': 'three' })
  await until('both files are known', () => Promise.resolve(a.status().files === 2))
  const { files, bytes, root } = a.status()
  const closed = a.close()
  t.is(a.status().files, 2, 'while it is being closed')
  await closed
  t.alike([a.status().files, a.status().bytes, a.status().root], [files, bytes, root])
})
