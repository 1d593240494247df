import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { isBackerError } from '../../lib/core/error.js'
import { hashBytes, hashKey } from '../../lib/core/model/hash.js'
import { parsePath } from '../../lib/core/model/path.js'
import type { Disk, InstallStep } from '../../lib/disk/disk.js'
import { InlineDisk } from '../../lib/disk/inline.js'
import { stagedName } from '../../lib/disk/names.js'
import { checkDirectory, openDisk } from '../../lib/disk/open.js'
import { openFileSystem } from '../../lib/disk/open-filesystem.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { makeFolder, NEW_MTIME_NS, pathOf, REVISION, TRAITS } from './make-folder.js'

/** What every disk does, whoever does the work. */
interface Opened {
  readonly disk: Disk
  readonly at: (path: string) => string
}

const MARKER = { folder: 'folder-id', instance: 'instance-id' }

function openInline(t: Test): Promise<Opened> {
  const { directory, at, fs } = makeFolder(t)
  const disk = new InlineDisk(fs, { root: directory, marker: MARKER, traits: TRAITS }, realRuntime())
  return Promise.resolve({ disk, at })
}

async function openThreaded(t: Test): Promise<Opened> {
  const { directory, at } = makeFolder(t)
  const folderId = await checkDirectory(directory)
  const disk = openDisk({ root: directory, folderId: folderId ?? '', runtime: realRuntime(), isKnown: true })
  t.teardown(() => disk.close(), { order: 1 })
  return { disk, at }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    return isBackerError(error) ? error.code : String(error)
  }
}

const disks: readonly (readonly [title: string, open: (t: Test) => Promise<Opened>])[] = [
  ['in line', openInline],
  ['in threads', openThreaded]
]

for (const [title, open] of disks) {
  test(`${title}: directories are listed in the order asked`, async t => {
    const { disk, at } = await open(t)
    mkdirSync(at('a/b'), { recursive: true })
    writeFileSync(at('a/file'), 'text')
    symlinkSync('file', at('a/link'))
    const listings = await disk.list([pathOf('a'), pathOf('none'), undefined, pathOf('a/b')])
    const found = listings.map(listing =>
      listing.kind === 'listed'
        ? listing.entries.map(({ name, stamp, target }) => [name, stamp.kind, target ?? null]).sort()
        : listing.kind
    )
    const inA = [
      ['b', 'directory', null],
      ['file', 'file', null],
      ['link', 'symlink', 'file']
    ]
    t.alike(found, [inA, 'absent', [['a', 'directory', null]], []])
  })

  test(`${title}: a stamp is the same whether listed, looked at or hashed`, async t => {
    const { disk, at } = await open(t)
    writeFileSync(at('file'), 'text')
    const path = pathOf('file')
    const [listing] = await disk.list([undefined])
    const [found, none] = await disk.stat([path, pathOf('none')])
    const [hashed] = await disk.hash([path])
    t.is(none, undefined)
    if (listing?.kind !== 'listed' || typeof found !== 'object' || hashed?.kind !== 'hashed') {
      t.fail('all three see it')
      return
    }
    t.alike(listing.entries[0]?.stamp, found.stamp)
    t.alike(hashed.stamp, found.stamp)
    t.is(hashKey(hashed.content.root), hashKey(hashBytes(Buffer.from('text'))))
  })

  test(`${title}: many files are hashed in the order asked`, async t => {
    const { disk, at } = await open(t)
    const names = Array.from({ length: 300 }, (_, i) => `${i}`)
    for (const name of names) writeFileSync(at(name), name)
    const hashed = await disk.hash([...names, 'none'].map(parsePath))
    t.alike(
      hashed.map(each => (each.kind === 'hashed' ? hashKey(each.content.root) : each.kind)),
      [...names.map(name => hashKey(hashBytes(Buffer.from(name)))), 'absent']
    )
  })

  test(`${title}: the chunks of a large file come with it`, async t => {
    const { disk, at } = await open(t)
    writeFileSync(at('file'), randomBytes(3_000_000))
    const [hashed] = await disk.hash([pathOf('file')])
    t.ok(hashed?.kind === 'hashed' && hashed.content.height > 0 && hashed.chunks.byteLength > 36 * 5)
  })

  test(`${title}: bytes are read where they lie, and nothing through a symlink`, async t => {
    const { disk, at } = await open(t)
    mkdirSync(at('real'))
    writeFileSync(at('real/file'), '0123456789')
    symlinkSync('real', at('link'))
    symlinkSync('real/file', at('file-link'))
    const read = async (path: string, offset: number, length: number): Promise<string | undefined> => {
      const bytes = await disk.read(parsePath(path), offset, length)
      return bytes === undefined ? undefined : Buffer.from(bytes).toString()
    }
    t.is(await read('real/file', 3, 4), '3456')
    t.is(await read('real/file', 8, 4), '89', 'shorter at the end')
    t.is(await read('real/file', 20, 4), '')
    for (const path of ['none', 'real', 'link/file', 'file-link', 'real/file/x'])
      t.is(await read(path, 0, 4), undefined, path)
    writeFileSync(at('real/new'), 'replaced')
    renameSync(at('real/new'), at('real/file'))
    t.is(await read('real/file', 0, 100), 'replaced')
  })

  test(`${title}: a staged file is put together in any order, taken up again, and installed`, async t => {
    const { disk, at } = await open(t)
    const bytes = randomBytes(1000)
    const name = stagedName(hashBytes(bytes), pathOf('file'))
    const first = await disk.stage(name, 1000)
    t.is(first.resumed, false)
    await first.file.write(600, bytes.subarray(600))
    await first.file.close()
    await first.file.close()
    const second = await disk.stage(name, 1000)
    t.is(second.resumed, true)
    await second.file.write(0, bytes.subarray(0, 600))
    t.alike(Buffer.from(await second.file.read(0, 2000)), bytes)
    await second.file.close()
    const step: InstallStep = {
      kind: 'file',
      path: pathOf('file'),
      expected: { kind: 'nothing' },
      staged: name,
      mtimeNs: NEW_MTIME_NS,
      mode: 0o640,
      displaced: REVISION
    }
    const [result] = await disk.install([step])
    t.is(result?.kind, 'done')
    t.alike(readFileSync(at('file')), bytes)
  })

  test(`${title}: a staged file gets another name, or goes`, async t => {
    const { disk, at } = await open(t)
    const staged = (): string[] => readdirSync(at('.backer/tmp')).filter(name => /^(one|two)$/.test(name))
    await disk.stageSmall([{ name: 'one', bytes: Buffer.from('1') }])
    await disk.restage('one', 'two')
    await disk.restage('one', 'two')
    t.alike([staged(), readFileSync(at('.backer/tmp/two'), 'utf8')], [['two'], '1'])
    await disk.stageSmall([{ name: 'one', bytes: Buffer.from('another') }])
    await disk.restage('one', 'two')
    t.alike([staged(), readFileSync(at('.backer/tmp/two'), 'utf8')], [['two'], '1'], 'what was begun already stays')
    await disk.discard(['one', 'two'])
    t.alike(staged(), [])
  })

  test(`${title}: small files are staged together, and their bytes stay the caller's`, async t => {
    const { disk, at } = await open(t)
    const shared = randomBytes(100)
    const before = Buffer.from(shared)
    await disk.stageSmall([
      { name: 'a', bytes: shared.subarray(0, 10) },
      { name: 'b', bytes: shared.subarray(10, 100) },
      { name: 'c', bytes: new Uint8Array(0) }
    ])
    await disk.stageSmall([])
    t.alike(shared, before)
    t.alike(Buffer.concat(['a', 'b', 'c'].map(name => readFileSync(at(`.backer/tmp/${name}`)))), before)
  })

  test(`${title}: without its marker nothing is installed, and a folder that is not there is absent`, async t => {
    const { disk, at } = await open(t)
    t.is(await disk.checkMarker(), true)
    t.ok((await disk.space()).totalBytes > 0)
    rmSync(at('.backer/marker'))
    t.is(await disk.checkMarker(), false)
    t.is(await codeOf(disk.install([])), 'MARKER')
    renameSync(at(''), `${at('').replace(/\/$/, '')}-away`)
    t.teardown(() => rmSync(`${at('').replace(/\/$/, '')}-away`, { recursive: true, force: true }))
    const [listing] = await disk.list([undefined])
    t.is(listing?.kind, 'absent')
    t.alike(await disk.stat([pathOf('x')]), [undefined])
    t.is(await disk.checkMarker(), false)
    t.is(await codeOf(disk.stage('name', 1)), 'MARKER')
  })

  test(`${title}: once it is closed it does nothing more`, async t => {
    const { disk } = await open(t)
    await disk.list([undefined])
    await disk.close()
    await disk.close()
    t.is(await codeOf(disk.list([undefined])), 'CLOSED')
    t.is(await codeOf(disk.hash([pathOf('x')])), 'CLOSED')
    t.is(await codeOf(disk.stage('x', 1)), 'CLOSED')
  })
}

test('the file system of the machine is named where a folder can not be opened', async t => {
  const { directory } = makeFolder(t, openFileSystem())
  t.is(await codeOf(checkDirectory(join(directory, 'none'))), 'NOT_A_DIRECTORY')
})
