import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, openSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import test, { type Test } from 'brittle'
import { CHUNK_BYTES_MAX } from '../../lib/core/chunk/fastcdc.js'
import { isBackerError } from '../../lib/core/error.js'
import { hashBytes } from '../../lib/core/model/hash.js'
import { parsePath, type RelativePath } from '../../lib/core/model/path.js'
import type { Disk, Listing, StagedFile } from '../../lib/disk/disk.js'
import { Duty } from '../../lib/disk/duty.js'
import { listDirectory } from '../../lib/disk/list.js'
import { stagedName } from '../../lib/disk/names.js'
import { openDisk } from '../../lib/disk/open.js'
import { packListings, unpackListings } from '../../lib/disk/pack.js'
import { WorkerThread } from '../../lib/disk/worker-thread.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { makeFolder, pathOf, TRAITS, type Folder } from './make-folder.js'

const HUGE_BYTES = 512 * 1024 * 1024

function open(t: Test): { readonly disk: Disk; readonly folder: Folder } {
  const folder = makeFolder(t)
  const disk = openDisk({ root: folder.directory, folderId: 'folder-id', runtime: realRuntime(), isKnown: true })
  t.teardown(() => disk.close(), { order: 1 })
  return { disk, folder }
}

/** A file that takes a second or so to hash, and next to no space: no chunk of it is one of zeros. */
function makeHuge(folder: Folder, name: string): void {
  const file = openSync(folder.at(name), 'w')
  for (let at = 0; at < HUGE_BYTES; at += CHUNK_BYTES_MAX / 2) writeSync(file, 'x', at)
  ftruncateSync(file, HUGE_BYTES)
  closeSync(file)
}

function threadOf(t: Test, folder: Folder): WorkerThread {
  const options = { root: folder.directory, marker: { folder: 'folder-id', instance: 'instance-id' }, traits: TRAITS }
  const thread = new WorkerThread(options, realRuntime().timers)
  t.teardown(() => thread.close(), { order: 1 })
  return thread
}

test('very many entries come over from the thread as they are', async t => {
  const { disk, folder } = open(t)
  mkdirSync(folder.at('many'))
  for (let i = 0; i < 9000; i++) writeFileSync(folder.at(`many/file-\u00e9-${i}`), '')
  for (let i = 0; i < 100; i++) symlinkSync(`target-${i}`, folder.at(`many/link-${i}`))
  mkdirSync(folder.at('many/directory'))
  const [listing] = await disk.list([pathOf('many')])
  t.ok(isDeepStrictEqual(listing, listDirectory(folder.fs, folder.root, pathOf('many'))))
})

test('whatever can be listed comes through packing as it is', async t => {
  const stamp = { device: 1n, inode: 2n ** 62n, size: 2 ** 50, mtimeNs: -1n, ctimeNs: 2n ** 62n, mode: 0o777 }
  const problem = { code: 'bad-name', message: 'why' } as const
  const listings: Listing[] = [
    { kind: 'absent' },
    { kind: 'listed', entries: [], missing: [], badNames: [], problems: [] },
    {
      kind: 'listed',
      entries: [
        { name: 'a\nb', stamp: { ...stamp, kind: 'file' } },
        { name: 'l', stamp: { ...stamp, kind: 'symlink', size: 0 }, target: '../\u{1f600}' },
        { name: 'd', stamp: { ...stamp, kind: 'directory', mode: 0 } },
        { name: 'm', stamp: { ...stamp, kind: 'symlink' }, target: 'm' }
      ],
      missing: ['gone', 'also'],
      badNames: ['\\xff'],
      problems: [problem]
    },
    { kind: 'failed', problem },
    {
      kind: 'listed',
      entries: [{ name: '__proto__', stamp: { ...stamp, kind: 'special' } }],
      missing: [],
      badNames: [],
      problems: []
    }
  ]
  t.alike(await unpackListings(structuredClone(packListings(listings)), () => Promise.resolve()), listings)
})

test('unpacking very many entries lets others have their turn', async t => {
  const stamp = { kind: 'file', device: 1n, inode: 1n, size: 1, mtimeNs: 1n, ctimeNs: 1n, mode: 0o644 } as const
  const entries = Array.from({ length: 50_000 }, (_, i) => ({ name: `${i}`, stamp }))
  let breaths = 0
  const breathe = (): Promise<void> => {
    breaths++
    return Promise.resolve()
  }
  const [listing] = await unpackListings(
    packListings([{ kind: 'listed', entries, missing: [], badNames: [], problems: [] }]),
    breathe
  )
  t.is(listing?.kind === 'listed' && listing.entries.length, entries.length)
  t.ok(breaths >= 10, `${breaths} times`)
})

test('while a huge file is hashed, listing, reading, installing and hashing of others go on', async t => {
  const { disk, folder } = open(t)
  makeHuge(folder, 'huge')
  for (let i = 0; i < 200; i++) writeFileSync(folder.at(`small-${i}`), `${i}`)
  const order: string[] = []
  const note = (what: string) => (): void => void order.push(what)
  const huge = disk.hash([pathOf('huge')]).then(note('huge'))
  const small = Array.from({ length: 200 }, (_, i) => disk.hash([parsePath(`small-${i}`)]))
  await Promise.all([
    disk.list([undefined]).then(note('list')),
    disk.read(pathOf('small-1'), 0, 10).then(note('read')),
    disk.install([]).then(note('install')),
    Promise.all(small).then(note('small')),
    huge
  ])
  t.alike([...order].sort(), ['huge', 'install', 'list', 'read', 'small'])
  t.is(order.at(-1), 'huge')
})

test('single reads, and reads of several at one go, do not keep each other waiting', async t => {
  const { disk, folder } = open(t)
  for (let i = 0; i < 4; i++) writeFileSync(folder.at(`file-${i}`), `content ${i}`)
  const extent = (name: string): { path: RelativePath; offset: number; length: number } => ({
    path: parsePath(name),
    offset: 8,
    length: 1
  })
  const together = disk.readMany([extent('file-0'), extent('none'), extent('file-1')])
  const single = [2, 3, 2].map(i => disk.read(parsePath(`file-${i}`), 8, 1))
  const found = await Promise.all([...single, together.then(([bytes]) => bytes)])
  t.alike(found.map(textOf), ['2', '3', '2', '0'])
  t.alike((await together).map(textOf), ['0', undefined, '1'])
})

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString()
}

test('zeros are left out of a new staged file, and written wherever something else may stand', async t => {
  const { disk, folder } = open(t)
  const size = 1024 * 1024
  writeFileSync(folder.at('source'), Buffer.alloc(size, 'x'))
  const name = stagedName(hashBytes(Buffer.from('staged')), parsePath('file'))
  const zeros = new Uint8Array(size)
  const content = async (make: (file: StagedFile) => Promise<void>, isNew: boolean): Promise<Uint8Array> => {
    const { file, resumed } = await disk.stage(name, size)
    t.is(resumed, !isNew)
    await make(file)
    const bytes = await file.read(0, size)
    await file.close()
    return bytes
  }
  const blocks = (): number => statSync(folder.at(`.backer/tmp/${name}`)).blocks
  t.alike(await content(file => file.write(0, zeros), true), zeros)
  t.is(blocks(), 0, 'nothing is taken')
  await disk.discard([name])
  const filled = await content(async file => {
    const from = { path: parsePath('source'), offset: 0, length: size }
    t.alike(await file.fill([{ from, hash: hashBytes(zeros), length: size, to: 0 }]), [false], 'it is not what it was')
    await file.write(0, zeros)
  }, true)
  t.alike(filled, zeros, 'what was filled in wrongly is gone')
  await content(file => file.write(0, Buffer.alloc(size, 'y')), false)
  t.alike(await content(file => file.write(0, zeros), false), zeros, 'what an earlier run has left is gone')
})

test('what comes alone needs no thread but the one that looks, and much of it has its own', async t => {
  let threads = 0
  const count = (): void => {
    threads++
  }
  process.on('worker', count)
  t.teardown(() => process.off('worker', count))
  const { disk, folder } = open(t)
  const names = Array.from({ length: 200 }, (_, i) => `file-${i}`)
  for (const name of names) writeFileSync(folder.at(name), name)
  const [path] = names.map(name => parsePath(name))
  if (path === undefined) throw new Error('no path')
  const staged = `${'0'.repeat(64)}-${'0'.repeat(16)}`
  await disk.leftovers()
  t.is((await disk.hash([path]))[0]?.kind, 'hashed')
  await disk.keepWritten([path])
  t.is((await disk.read(path, 0, 100))?.byteLength, path.length)
  await disk.stageSmall([{ name: staged, bytes: Uint8Array.of(1) }])
  await disk.discard([staged])
  await disk.install([])
  t.is(threads, 1)
  await Promise.all([
    disk.hash(names.map(name => parsePath(name))),
    disk.keepWritten(names.map(name => parsePath(name)))
  ])
  t.ok(threads > 1)
})

test('what is given to a duty is carried out in order, by whichever thread', async t => {
  const folder = makeFolder(t)
  const duty = new Duty(threadOf(t, folder), threadOf(t, folder))
  const order: number[] = []
  const many = Array.from({ length: 100 }, (_, i) => parsePath(`gone-${i}`))
  await Promise.all(
    [many.slice(0, 1), many, many.slice(0, 2), many].map(async (paths, i) => {
      await duty.run('keepWritten', paths)
      order.push(i)
    })
  )
  t.alike(order, [0, 1, 2, 3])
  t.is(duty.load, 0)
})

test('a thread that dies fails what it had to do, and the next task has another', async t => {
  const thread = threadOf(t, makeFolder(t))
  // Its answer would be a function, which no message can carry: that is a mistake which ends the thread.
  const deadly = thread.run('__lookupGetter__' as 'space', ...(['__proto__'] as unknown as []))
  const waiting = thread.run('space')
  const codes = await Promise.all(
    [deadly, waiting].map(promise => promise.then(String, (error: unknown) => isBackerError(error) && error.code))
  )
  t.alike(codes, ['FILE_SYSTEM', 'FILE_SYSTEM'])
  t.ok((await thread.run('space')).freeBytes > 0)
})

test('closing ends what is under way', async t => {
  const { disk, folder } = open(t)
  makeHuge(folder, 'huge')
  const paths = Array.from({ length: 10 }, () => pathOf('huge'))
  const hashing = paths.map(path =>
    disk.hash([path]).then(String, (error: unknown) => isBackerError(error) && error.code)
  )
  await disk.list([undefined])
  await disk.close()
  t.alike([...new Set(await Promise.all(hashing))], ['CLOSED'])
})

test('there is a most of tasks that wait', async t => {
  const thread = threadOf(t, makeFolder(t))
  const tasks = Array.from({ length: 10_001 }, () =>
    thread.run('space').then(
      () => 'done',
      (error: unknown) => isBackerError(error) && error.code
    )
  )
  t.is(await tasks.at(-1), 'LIMIT')
  t.is(await tasks[0], 'done')
  await thread.close()
})

test('a process waits for what it asked of a disk, and for nothing else', t => {
  const folder = makeFolder(t)
  const base = JSON.stringify(new URL('../../lib/', import.meta.url).href)
  const script = `
    const [{ openDisk }, { realRuntime }] = await Promise.all(['disk/open.js', 'real-runtime.js'].map(name => import(${base} + name)))
    const disk = openDisk({ root: ${JSON.stringify(folder.directory)}, folderId: 'folder-id', runtime: realRuntime(), isKnown: true })
    const [listing] = await disk.list([undefined])
    console.log(listing.kind)`
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 8000 })
  t.is(stdout.toString().trim(), 'listed')
  t.is(status, 0, 'it ended, although nobody closed the disk')
})
