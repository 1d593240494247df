import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import test, { type Test } from 'brittle'
import type { DirectoryHandle, FileSystem } from '../../lib/disk/filesystem.js'
import { openFileSystem } from '../../lib/disk/open-filesystem.js'
import { PortableFileSystem } from '../../lib/disk/portable.js'
import { codeOf } from '../../lib/disk/problem.js'
import { emptyDirectory } from './make-folder.js'

const native = openFileSystem()
const kinds: readonly (readonly [title: string, fs: FileSystem])[] = [
  [native.canExchange ? 'by descriptors' : 'native', native],
  ['by paths', new PortableFileSystem()]
]

interface Place {
  readonly fs: FileSystem
  readonly root: DirectoryHandle
  readonly directory: string
}

function makePlace(t: Test, fs: FileSystem): Place {
  const directory = emptyDirectory(t)
  const root = fs.openRoot(directory)
  t.teardown(() => fs.closeDirectory(root))
  return { fs, root, directory }
}

function codeThrown(fn: () => unknown): string | undefined {
  try {
    fn()
    return undefined
  } catch (error) {
    return codeOf(error) ?? String(error)
  }
}

function make({ fs, root }: Place, name: string, text: string): void {
  const file = fs.create(root, name)
  fs.write(file, Buffer.from(text), 0)
  fs.close(file)
}

for (const [title, fs] of kinds) {
  test(`${title}: what is written is read back, wherever it was written`, t => {
    const { root } = makePlace(t, fs)
    const file = fs.create(root, 'a')
    fs.write(file, Buffer.from('world'), 6)
    fs.write(file, Buffer.from('hello '), 0)
    const bytes = new Uint8Array(20)
    t.is(fs.read(file, bytes, 2, 18, 0), 11)
    t.is(Buffer.from(bytes.subarray(2, 13)).toString(), 'hello world')
    t.is(fs.read(file, bytes, 0, 5, 11), 0, 'nothing behind the end')
    fs.truncate(file, 5)
    t.is(fs.fstat(file).size, 5)
    t.is(fs.fstat(file).mode, 0o600)
    fs.sync(file)
    fs.close(file)
    t.is(
      codeThrown(() => fs.create(root, 'a')),
      'EEXIST'
    )
  })

  test(`${title}: bytes are copied between files, fewer where the source ends`, t => {
    const place = makePlace(t, fs)
    make(place, 'from', '0123456789'.repeat(100_000))
    const from = fs.openRead(place.root, 'from')
    const to = fs.create(place.root, 'to')
    t.is(fs.copyRange(from, 5, to, 1_000_000, 900_000), 900_000)
    t.is(fs.copyRange(from, 999_990, to, 0, 100), 10)
    const bytes = new Uint8Array(20)
    fs.read(to, bytes, 0, 20, 1_000_000)
    t.is(Buffer.from(bytes).toString(), '56789012345678901234')
    t.is(fs.fstat(to).size, 1_900_000)
    fs.close(from)
    fs.close(to)
  })

  test(`${title}: holes that are copied are zeros, whatever stood there`, t => {
    const place = makePlace(t, fs)
    const from = fs.create(place.root, 'from')
    for (const at of [0, 3_000_000, 9_000_000]) fs.write(from, Buffer.alloc(5000, 'data'), at)
    fs.truncate(from, 12_000_000)
    const to = fs.create(place.root, 'to')
    fs.write(to, Buffer.alloc(7_000_000, 'x'), 0)
    fs.truncate(to, 12_000_000)
    t.is(fs.copyRange(from, 1000, to, 1000, 11_000_000), 11_000_000)
    const expected = Buffer.alloc(12_000_000)
    readFileSync(join(place.directory, 'from')).copy(expected)
    expected.fill('x', 0, 1000)
    t.ok(Buffer.compare(readFileSync(join(place.directory, 'to')), expected) === 0)
    if (fs === native && native.canExchange)
      t.ok(statSync(join(place.directory, 'to')).blocks * 512 < 1_000_000, 'and take no space')
    t.is(fs.copyRange(from, 11_000_000, to, 11_500_000, 2_000_000), 1_000_000, 'and reach as far as the file does')
    t.is(fs.fstat(to).size, 12_500_000)
    fs.close(from)
    fs.close(to)
  })

  test(`${title}: nothing is ever replaced by a rename`, t => {
    const place = makePlace(t, fs)
    make(place, 'a', 'a')
    make(place, 'b', 'b')
    fs.mkdir(place.root, 'd', 0o755)
    fs.symlink(place.root, 'l', 'nowhere')
    t.alike(
      ['a', 'd', 'l'].map(name => codeThrown(() => fs.renameNoReplace(place.root, name, place.root, 'b'))),
      ['EEXIST', 'EEXIST', 'EEXIST']
    )
    const sub = fs.openDirectory(place.root, 'd')
    fs.renameNoReplace(place.root, 'a', sub, 'a')
    fs.renameNoReplace(place.root, 'l', sub, 'l')
    t.is(fs.lstat(place.root, 'a'), undefined)
    t.is(fs.lstat(sub, 'a')?.size, 1)
    t.is(fs.lstat(sub, 'l')?.kind, 'symlink')
    t.is(Buffer.from(fs.readlink(sub, 'l')).toString(), 'nowhere')
    t.is(
      codeThrown(() => fs.renameNoReplace(place.root, 'gone', place.root, 'c')),
      'ENOENT'
    )
    fs.syncDirectory(sub)
    fs.closeDirectory(sub)
  })

  test(`${title}: exchange swaps whatever stands there, or says that it can't`, t => {
    const place = makePlace(t, fs)
    make(place, 'a', 'a')
    fs.mkdir(place.root, 'd', 0o755)
    if (!fs.canExchange) {
      t.is(
        codeThrown(() => fs.exchange(place.root, 'a', place.root, 'd')),
        'ENOSYS'
      )
      return
    }
    const inode = fs.lstat(place.root, 'a')?.inode
    fs.exchange(place.root, 'a', place.root, 'd')
    t.is(fs.lstat(place.root, 'a')?.kind, 'directory')
    t.is(fs.lstat(place.root, 'd')?.inode, inode)
    t.is(
      codeThrown(() => fs.exchange(place.root, 'a', place.root, 'gone')),
      'ENOENT'
    )
  })

  test(`${title}: no symlink is followed`, t => {
    const { root, directory } = makePlace(t, fs)
    const outside = makePlace(t, fs)
    writeFileSync(join(outside.directory, 'file'), 'outside')
    symlinkSync(outside.directory, join(directory, 'd'))
    symlinkSync(join(outside.directory, 'file'), join(directory, 'f'))
    t.ok(['ENOTDIR', 'ELOOP'].includes(codeThrown(() => fs.openDirectory(root, 'd')) ?? ''))
    t.is(
      codeThrown(() => fs.openRead(root, 'f')),
      'ELOOP'
    )
    t.is(
      codeThrown(() => fs.openWrite(root, 'f')),
      'ELOOP'
    )
    t.is(
      codeThrown(() => fs.create(root, 'f')),
      'EEXIST'
    )
    const before = statSync(join(outside.directory, 'file'), { bigint: true })
    fs.setMetadata(root, 'f', undefined, 5_000_000_000n)
    t.is(fs.lstat(root, 'f')?.mtimeNs, 5_000_000_000n)
    t.is(statSync(join(outside.directory, 'file'), { bigint: true }).ctimeNs, before.ctimeNs)
  })

  test(`${title}: a directory that was swapped for a symlink after it was opened leads nowhere else`, t => {
    const { root, directory } = makePlace(t, fs)
    const outside = makePlace(t, fs)
    mkdirSync(join(directory, 'd'))
    const opened = fs.openDirectory(root, 'd')
    renameSync(join(directory, 'd'), join(directory, 'moved'))
    symlinkSync(outside.directory, join(directory, 'd'))
    codeThrown(() => fs.close(fs.create(opened, 'new')))
    t.is(fs.names(outside.root).length, 0)
    fs.closeDirectory(opened)
  })

  test(`${title}: a FIFO is opened without waiting, and told by its stamp`, t => {
    const { root, directory } = makePlace(t, fs)
    execFileSync('mkfifo', [join(directory, 'fifo')])
    t.is(fs.lstat(root, 'fifo')?.kind, 'special')
    const file = fs.openRead(root, 'fifo')
    t.is(fs.fstat(file).kind, 'special')
    fs.close(file)
  })

  test(`${title}: names are bytes, and what is not there has no stamp`, t => {
    const { root, directory } = makePlace(t, fs)
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0xfe])]), '')
    writeFileSync(join(directory, 'ä'), '')
    t.alike(
      fs
        .names(root)
        .map(name => Buffer.from(name).toString('hex'))
        .sort(),
      ['c3a4', 'fffe']
    )
    t.is(fs.lstat(root, 'gone'), undefined)
    t.ok(fs.space(root).freeBytes > 0)
  })

  test(`${title}: permission bits are set, and never more than those`, t => {
    const place = makePlace(t, fs)
    make(place, 'a', 'a')
    fs.mkdir(place.root, 'd', 0o700)
    fs.setMetadata(place.root, 'a', 0o6751, undefined)
    fs.setMetadata(place.root, 'd', 0o1511, undefined)
    t.is(statSync(join(place.directory, 'a')).mode & 0o7777, 0o751)
    t.is(statSync(join(place.directory, 'd')).mode & 0o7777, 0o511)
    const file = fs.openRead(place.root, 'a')
    fs.setFileMetadata(file, 0o6444, undefined)
    t.is(fs.fstat(file).mode, 0o444)
    t.is(statSync(join(place.directory, 'a')).mode & 0o7777, 0o444)
    fs.close(file)
  })

  test(`${title}: an mtime before 1970 is none of "now"`, t => {
    const place = makePlace(t, fs)
    make(place, 'a', 'a')
    const file = fs.openWrite(place.root, 'a')
    for (const mtimeNs of [-5_000_000_000n, 0n, 1_600_000_000_123_456_000n]) {
      fs.setFileMetadata(file, undefined, mtimeNs)
      const off = fs.fstat(file).mtimeNs - mtimeNs
      t.ok(off >= -2000n && off <= 2000n, `${mtimeNs} is off by ${off} ns`)
    }
    fs.close(file)
  })
}

test('by descriptors: mtimes are exact to the nanosecond', t => {
  const place = makePlace(t, native)
  make(place, 'a', 'a')
  const file = native.openWrite(place.root, 'a')
  for (const mtimeNs of native.canExchange ? [-1n, 999_999_999n, 1_600_000_000_999_999_999n, -2_000_000_001n] : []) {
    native.setFileMetadata(file, undefined, mtimeNs)
    t.is(native.fstat(file).mtimeNs, mtimeNs)
    native.setMetadata(place.root, 'a', undefined, mtimeNs + 1n)
    t.is(native.fstat(file).mtimeNs, mtimeNs + 1n)
  }
  native.close(file)
  t.is(readFileSync(join(place.directory, 'a'), 'utf8'), 'a')
})

test('a directory closed twice closes nothing else', t => {
  const { fs, root } = makePlace(t, native)
  fs.mkdir(root, 'd', 0o755)
  const directory = fs.openDirectory(root, 'd')
  fs.closeDirectory(directory)
  const file = fs.create(root, 'a')
  codeThrown(() => fs.closeDirectory(directory))
  t.is(fs.fstat(file).kind, 'file')
  fs.close(file)
})

test('worker threads have the file system of their own', async t => {
  const { directory } = makePlace(t, native)
  const code = `
    const { parentPort } = require('node:worker_threads')
    import(${JSON.stringify(new URL('../../lib/disk/open-filesystem.js', import.meta.url).href)}).then(module => {
      const fs = module.openFileSystem()
      const root = fs.openRoot(${JSON.stringify(directory)})
      fs.mkdir(root, 'd' + process.hrtime.bigint(), 0o755)
      fs.closeDirectory(root)
      parentPort.postMessage(fs.canExchange)
    })`
  const answers = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(code, { eval: true })
          worker.once('message', resolve)
          worker.once('error', reject)
        })
    )
  )
  t.alike(answers, [native.canExchange, native.canExchange, native.canExchange])
  t.is(native.names(native.openRoot(directory)).length, 3)
})

test('what is opened stays in this process', t => {
  const place = makePlace(t, native)
  make(place, 'a', 'secret')
  const file = native.openRead(place.root, 'a')
  t.teardown(() => native.close(file))
  const held = execFileSync('ls', ['-l', '/proc/self/fd']).toString()
  t.absent(held.includes(place.directory), 'a program that is started has neither the directory nor the file')
})
