import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import test from 'brittle'
import { encodeWith } from '../../lib/core/codec.js'
import { KnownItems, NO_STAMP } from '../../lib/core/model/known-items.js'
import { spanOf } from '../../lib/core/span.js'
import { stampCodec } from '../../lib/core/model/stamp-codec.js'
import { PATH_BYTES_MAX, parsePath, type RelativePath } from '../../lib/core/model/path.js'
import type { Listing } from '../../lib/disk/disk.js'
import type { FileSystem } from '../../lib/disk/filesystem.js'
import { listDirectory, statPaths } from '../../lib/disk/list.js'
import { openFileSystem } from '../../lib/disk/open-filesystem.js'
import { PortableFileSystem } from '../../lib/disk/portable.js'
import { asNobody } from './as-nobody.js'
import { makeFolder, pathOf, type Folder } from './make-folder.js'
import { systemError, watched } from './watched-filesystem.js'

const ODD_NAMES = [
  'a\nb',
  'a\rb',
  '\t',
  '\u001b[31mred',
  '\u0085',
  '\u{1f600}',
  'caf\u00e9',
  'cafe\u0301',
  'README',
  'readme',
  'dots..',
  'space ',
  ' ',
  '...',
  'CON',
  'nul.txt',
  'a:b',
  'a\\b',
  '\\xff',
  '__proto__',
  'constructor',
  '-rf',
  '*',
  '?<>|"',
  '%2f',
  '$HOME',
  '`id`',
  '\u202egpj.exe',
  '\ufeffbom',
  '\ufffd',
  'x'.repeat(255)
]

const NOT_TEXT: readonly (readonly [bytes: number[], shown: string])[] = [
  [[0xff], '\\xff'],
  [[0x61, 0xc3], 'a\\xc3'],
  [[0xed, 0xa0, 0x80], '\\xed\\xa0\\x80'],
  [[0xc0, 0xaf, 0x5c], '\\xc0\\xaf\\x5c']
]

function list(folder: Folder, path?: string, fs: FileSystem = folder.fs): Listing {
  return listDirectory(fs, folder.root, path === undefined ? undefined : parsePath(path))
}

/** Of what stands at these paths, as if the index had it so. */
function knownOf(folder: Folder, ...names: readonly string[]): Uint8Array {
  const items = new KnownItems()
  for (const name of names) {
    const [found] = statPaths(folder.fs, folder.root, [pathOf(`d/${name}`)])
    if (typeof found !== 'object') throw new Error(name)
    items.add({ name: spanOf(Buffer.from(name)), stamp: spanOf(encodeWith(stampCodec, found.stamp)) })
  }
  return items.take()
}

function namesIn(listing: Listing): string[] {
  return listing.kind === 'listed' ? listing.entries.map(({ name }) => name).sort() : [listing.kind]
}

function stat(folder: Folder, path: string, fs: FileSystem = folder.fs): string | undefined {
  const [found] = statPaths(fs, folder.root, [pathOf(path)])
  return typeof found === 'object' ? found.stamp.kind : found
}

const kinds: readonly (readonly [title: string, fs: FileSystem])[] = [
  ['by descriptors', openFileSystem()],
  ['by paths', new PortableFileSystem()]
]

for (const [title, fs] of kinds) {
  test(`${title}: names are listed as they are, however odd`, t => {
    const folder = makeFolder(t, fs)
    mkdirSync(folder.at('d'))
    for (const name of ODD_NAMES) writeFileSync(folder.at(`d/${name}`), name)
    const listing = list(folder, 'd')
    t.alike(namesIn(listing), [...ODD_NAMES].sort())
    t.alike(listing.kind === 'listed' && listing.badNames, [])
    const found = statPaths(
      fs,
      folder.root,
      ODD_NAMES.map(name => pathOf(`d/${name}`))
    )
    t.alike(
      found.map(each => typeof each === 'object' && each.name),
      ODD_NAMES
    )
  })

  test(`${title}: names that are no text are told, each in a form of its own`, t => {
    const folder = makeFolder(t, fs)
    for (const [bytes] of NOT_TEXT)
      writeFileSync(Buffer.concat([Buffer.from(`${folder.directory}/`), Buffer.from(bytes)]), '')
    writeFileSync(folder.at('\\xff'), 'its name is text')
    const listing = list(folder)
    t.alike(namesIn(listing), ['\\xff'])
    if (listing.kind !== 'listed') return
    t.alike([...listing.badNames].sort(), NOT_TEXT.map(([, shown]) => shown).sort())
    t.ok(listing.problems.length === NOT_TEXT.length && listing.problems.every(({ code }) => code === 'bad-name'))
  })

  test(`${title}: a directory that is not there is absent, and so is whatever else stands there`, t => {
    const folder = makeFolder(t, fs)
    mkdirSync(folder.at('real/below'), { recursive: true })
    writeFileSync(folder.at('file'), '')
    symlinkSync('real', folder.at('link'))
    for (const path of ['missing', 'missing/below', 'file', 'file/below', 'link', 'link/below'])
      t.is(list(folder, path).kind, 'absent', path)
    t.is(stat(folder, 'link/below'), undefined, 'no symlink is followed')
    t.is(stat(folder, 'link'), 'symlink')
    t.is(stat(folder, 'file/x'), undefined)
    t.is(stat(folder, 'real/below'), 'directory')
  })
}

test('what is no file, directory or symlink is special', async t => {
  const folder = makeFolder(t)
  execFileSync('mkfifo', [folder.at('fifo')])
  const server = createServer().listen(folder.at('socket'))
  await once(server, 'listening')
  const isRoot = process.getuid?.() === 0
  if (isRoot) execFileSync('mknod', [folder.at('device'), 'c', '1', '3'])
  const listing = list(folder)
  t.alike(namesIn(listing), isRoot ? ['device', 'fifo', 'socket'] : ['fifo', 'socket'])
  t.ok(listing.kind === 'listed' && listing.entries.every(({ stamp }) => stamp.kind === 'special'))
  server.close()
})

test('of a symlink its target is told; one that is no text makes it a bad name', t => {
  const folder = makeFolder(t)
  symlinkSync('../somewhere/\u00e9', folder.at('good'))
  symlinkSync(Buffer.from([0x61, 0xff]), folder.at('bad'))
  const listing = list(folder)
  if (listing.kind !== 'listed') {
    t.fail(listing.kind)
    return
  }
  t.alike(
    listing.entries.map(({ name, target }) => [name, target]),
    [['good', '../somewhere/\u00e9']]
  )
  t.alike(listing.badNames, ['bad'])
  t.ok(listing.problems[0]?.message.includes('symlink'))
  t.is(stat(folder, 'bad'), 'unknown', 'what stands there can not be told')
})

test("backer's own directory is never listed, and what some computers would take for it is told", t => {
  const folder = makeFolder(t)
  mkdirSync(folder.at('d/.backer'), { recursive: true })
  writeFileSync(folder.at('.BACKER'), '')
  const listing = list(folder)
  t.alike(namesIn(listing), ['d'])
  t.alike(listing.kind === 'listed' && listing.badNames, ['.BACKER'])
  t.alike(namesIn(list(folder, 'd')), ['.backer'])
})

test('a path that would be too long is told, not cut', t => {
  const folder = makeFolder(t)
  const { fs, root } = folder
  const name = 'x'.repeat(255)
  // Node can't remove what has so long a path.
  t.teardown(() => execFileSync('rm', ['-rf', folder.at(name)]))
  const levels = Math.floor((PATH_BYTES_MAX + 1) / 256)
  let directory = root
  for (let i = 0; i < levels; i++) {
    fs.mkdir(directory, name, 0o755)
    directory = fs.openDirectory(directory, name)
  }
  fs.mkdir(directory, 'y', 0o755)
  const deepest = new Array<string>(levels).fill(name).join('/') as RelativePath
  const listing = listDirectory(fs, root, deepest)
  t.alike(namesIn(listing), [])
  t.alike(listing.kind === 'listed' && listing.problems.map(({ code }) => code), ['too-deep'])
})

test('no error is ever taken for an empty directory or for nothing', t => {
  const folder = makeFolder(t)
  mkdirSync(folder.at('a/b'), { recursive: true })
  writeFileSync(folder.at('a/b/file'), '')
  const codes = [
    'EACCES',
    'EPERM',
    'EIO',
    'EMFILE',
    'ENFILE',
    'ENOMEM',
    'ESTALE',
    'ENOTCONN',
    'ETIMEDOUT',
    'ENAMETOOLONG'
  ]
  for (const call of ['openDirectory', 'names', 'lstat']) {
    for (const code of codes) {
      const failing = watched(folder.fs, made => {
        if (made === call) throw systemError(code)
      })
      const listing = list(folder, 'a/b', failing)
      t.is(listing.kind, 'failed', `${code} of ${call}`)
      t.ok(listing.kind === 'failed' && listing.problem.message.includes(code))
      if (call !== 'names') t.is(stat(folder, 'a/b/file', failing), 'unknown')
    }
  }
})

test('a directory that another user may not read is failed, and what is in it is unknown', async t => {
  const folder = makeFolder(t)
  mkdirSync(folder.at('closed'), { mode: 0o700 })
  mkdirSync(folder.at('unsearchable/inner'), { recursive: true })
  writeFileSync(folder.at('closed/file'), '')
  chmodSync(folder.at('unsearchable'), 0o744)
  const found = await asNobody(
    folder.directory,
    `const { listDirectory, statPaths } = await load('list.js')
     const kinds = ['closed', 'unsearchable'].map(path => listDirectory(fs, root, path).kind)
     return [...kinds, ...statPaths(fs, root, ['closed/file', 'closed/none', 'unsearchable/inner', 'none'])]`
  )
  if (found === undefined) {
    t.comment('needs root, to become another user')
    return
  }
  t.alike(found, ['failed', 'failed', 'unknown', 'unknown', 'unknown', null])
})

test('what looks as it is known to is left out, but for directories; what is known and is not there is told', t => {
  const folder = makeFolder(t)
  mkdirSync(folder.at('d/below'), { recursive: true })
  const names = ['same', 'larger', 'touched', 'replaced', 'executable', 'gone', 'caf\u00e9', '__proto__']
  for (const name of names) writeFileSync(folder.at(`d/${name}`), 'x')
  symlinkSync('x', folder.at('d/link'))
  const known = knownOf(folder, ...names, 'link', 'below')
  writeFileSync(folder.at('d/larger'), 'xx')
  utimesSync(folder.at('d/touched'), 1, 1)
  rmSync(folder.at('d/replaced'))
  writeFileSync(folder.at('d/replaced'), 'x')
  chmodSync(folder.at('d/executable'), 0o755)
  rmSync(folder.at('d/gone'))
  writeFileSync(folder.at('d/new'), 'x')
  const listing = listDirectory(folder.fs, folder.root, pathOf('d'), known)
  t.alike(namesIn(listing), ['below', 'executable', 'larger', 'new', 'replaced', 'touched'])
  t.alike(listing.kind === 'listed' && listing.missing, ['gone'])
})

test('what is known without a stamp is always told, and so is what has become unfit', t => {
  const folder = makeFolder(t)
  mkdirSync(folder.at('d'))
  writeFileSync(folder.at('d/file'), 'x')
  symlinkSync(Buffer.from([0xff]), folder.at('d/link'))
  const items = new KnownItems()
  for (const name of ['file', 'link', 'none']) items.add({ name: spanOf(Buffer.from(name)), stamp: NO_STAMP })
  const listing = listDirectory(folder.fs, folder.root, pathOf('d'), items.take())
  t.alike(namesIn(listing), ['file'])
  t.ok(listing.kind === 'listed')
  if (listing.kind !== 'listed') return
  t.alike(listing.missing, ['none'])
  t.alike(listing.badNames, ['link'])
})
