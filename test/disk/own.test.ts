import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import test from 'brittle'
import fc from 'fast-check'
import { isBackerError } from '../../lib/core/error.js'
import { hashBytes } from '../../lib/core/model/hash.js'
import { checkMarker, createMarker, readMarker } from '../../lib/disk/marker.js'
import { awayName, isStagedName, moveName, parseTmpName, pathHash, stagedName, swapName } from '../../lib/disk/names.js'
import { withTmp } from '../../lib/disk/own.js'
import { probeTraits } from '../../lib/disk/probe.js'
import { historyOf } from '../../lib/disk/history.js'
import { parseRevisionName, revisionName, toldPath } from '../../lib/disk/revisions.js'
import { discardStaged, openStaged, readStaged, stageSmall } from '../../lib/disk/stage.js'
import { Directories, MissingDirectory, withParent } from '../../lib/disk/walk.js'
import {
  countingBytes,
  fileStep,
  install,
  makeFolder,
  NOW_MS,
  pathOf,
  tmpNames,
  TRAITS,
  userWrites,
  type Folder
} from './make-folder.js'

function codeThrown(fn: () => unknown): string {
  try {
    fn()
    return 'nothing'
  } catch (error) {
    return isBackerError(error) ? error.code : String(error)
  }
}

test('the marker tells what it is, which folder and which copy', t => {
  const folder = makeFolder(t)
  const marker = { folder: 'folder-id', instance: 'instance-id' }
  t.alike(readMarker(folder.fs, folder.root), marker)
  t.ok(checkMarker(folder.fs, folder.root, marker))
  t.absent(checkMarker(folder.fs, folder.root, { ...marker, instance: 'another' }))
  t.absent(checkMarker(folder.fs, folder.root, { ...marker, folder: 'another' }))
  t.is(statSync(folder.at('.backer')).mode & 0o777, 0o700)
  t.ok(readFileSync(folder.at('.backer/marker'), 'utf8').startsWith("This directory is backer's."))
  t.alike(readdirSync(folder.at('.backer')).sort(), ['marker', 'revisions', 'tmp'])
  t.is(
    codeThrown(() => createMarker(folder.fs, folder.root, { folder: 'x', instance: 'y' })),
    'MARKER'
  )
  t.alike(readMarker(folder.fs, folder.root), marker, 'a second one changes nothing')
  t.alike(tmpNames(folder), [])
})

test('a marker that is gone, a link or garbage is no marker', t => {
  const marker = { folder: 'folder-id', instance: 'instance-id' }
  const spoilt: Record<string, (folder: Folder) => void> = {
    gone: folder => rmSync(folder.at('.backer/marker')),
    'all gone': folder => rmSync(folder.at('.backer'), { recursive: true }),
    garbage: folder => writeFileSync(folder.at('.backer/marker'), 'garbage'),
    'a link': folder => {
      renameSync(folder.at('.backer'), folder.at('elsewhere'))
      symlinkSync('elsewhere', folder.at('.backer'))
    }
  }
  for (const [title, spoil] of Object.entries(spoilt)) {
    const folder = makeFolder(t)
    spoil(folder)
    t.absent(checkMarker(folder.fs, folder.root, marker), title)
  }
  const folder = makeFolder(t)
  rmSync(folder.at('.backer'), { recursive: true })
  t.is(readMarker(folder.fs, folder.root), undefined)
  t.is(
    codeThrown(() => install(folder, [])),
    'MARKER'
  )
})

test('the probe finds what this file system can do, and leaves nothing', t => {
  const folder = makeFolder(t)
  // What a crash in the middle of a probe leaves.
  userWrites(folder, '.backer/tmp/probe-a', 'x')
  const traits = withTmp(folder.fs, folder.root, tmp => probeTraits(folder.fs, tmp))
  if (process.platform === 'linux') t.alike(traits, TRAITS)
  t.alike(tmpNames(folder), [])
})

test('staged files are written in any order, resumed, cut and discarded', t => {
  const folder = makeFolder(t)
  const { fs } = folder
  withTmp(fs, folder.root, tmp => {
    const { file, resumed } = openStaged(fs, tmp, 'part', 10)
    t.absent(resumed)
    fs.write(file, Buffer.from('56789'), 5)
    fs.write(file, Buffer.from('01234'), 0)
    fs.close(file)
    const again = openStaged(fs, tmp, 'part', 8)
    t.ok(again.resumed)
    t.is(Buffer.from(readStaged(fs, again.file, 2, 100)).toString(), '234567')
    fs.close(again.file)
    stageSmall(fs, tmp, [{ name: 'part', bytes: Buffer.from('ab') }], true)
    t.is(readFileSync(folder.at('.backer/tmp/part'), 'utf8'), 'ab')
    discardStaged(fs, tmp, 'part')
    discardStaged(fs, tmp, 'part')
  })
  t.alike(tmpNames(folder), [])
  t.is(statSync(folder.at('.backer/tmp')).mode & 0o777, 0o700)
})

test('a small file is staged with its mode and time, but for a mode that keeps its owner from staging it again', t => {
  const folder = makeFolder(t)
  const { fs } = folder
  const file = (name: string, mode: number) => ({
    name,
    bytes: Buffer.from('ab'),
    metadata: { mode, mtimeNs: 5n * 10n ** 9n }
  })
  withTmp(fs, folder.root, tmp => {
    for (let i = 0; i < 2; i++) stageSmall(fs, tmp, [file('free', 0o640), file('shut', 0o440)], true)
    stageSmall(fs, tmp, [file('set', 0o4755)], true)
    t.is(fs.lstat(tmp, 'set')?.mode, 0o755, 'setuid is never applied')
    const [free, shut] = [fs.lstat(tmp, 'free'), fs.lstat(tmp, 'shut')]
    t.alike([free?.mode, free?.mtimeNs], [0o640, 5n * 10n ** 9n])
    t.is(shut?.mode, 0o600)
    stageSmall(fs, tmp, [{ name: 'free', bytes: Buffer.from('other') }], true)
    t.is(readFileSync(folder.at('.backer/tmp/free'), 'utf8'), 'other')
  })
})

test('each name in tmp tells what it is', t => {
  const root = hashBytes(Buffer.from('x'))
  for (const staged of [stagedName(root, pathOf('d/a')), stagedName(root, pathOf('d/a'), 'restore')]) {
    t.ok(isStagedName(staged))
    t.alike(parseTmpName(staged), { kind: 'partial' })
    const swap = parseTmpName(swapName(staged))
    t.ok(swap.kind === 'swap' && swap.staged === staged && swap.path === pathHash(pathOf('d/a')))
  }
  t.alike(parseTmpName(awayName(pathOf('d/a'), countingBytes(8))), { kind: 'away', path: pathHash(pathOf('d/a')) })
  t.alike(parseTmpName(moveName(pathOf('b'), pathOf('d/a'), 255n)), {
    kind: 'move',
    from: pathHash(pathOf('b')),
    path: pathHash(pathOf('d/a')),
    inode: 255n
  })
  for (const name of ['notes.txt', 'marker-new', 'probe-a', 'away-x']) t.alike(parseTmpName(name), { kind: 'other' })
  for (const name of ['swap-x', 'away-x', 'move-x', '../x', 'a/b', '', 'x'.repeat(201)]) t.absent(isStagedName(name))
})

test('the name of a revision fits, ends as the file did, and gives its time and name back', t => {
  const naming = { nowMs: NOW_MS, bytes: countingBytes }
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 120 }), name => {
      const stored = revisionName(name, naming)
      if (Buffer.byteLength(stored) > 255 || !stored.isWellFormed()) return false
      const parsed = parseRevisionName(stored)
      const isCut = Buffer.byteLength(name) + 23 > 255
      return parsed?.atMs === NOW_MS && (isCut || parsed.name === name)
    })
  )
  t.is(revisionName('.bashrc', naming).replace(/~[^~]*$/, ''), '.bashrc~20260102-030405')
  t.ok(revisionName('a.tar.gz', naming).endsWith('.gz'))
  for (const name of ['a', 'a~20260102-030405', 'a~20260102-030405~ABCDEF', 'a~20261302-030405~abcdef'])
    t.is(parseRevisionName(name), undefined)
})

test('revisions are listed by directory, with their path, time and size', t => {
  const folder = makeFolder(t)
  const long = `${'n'.repeat(250)}.txt`
  for (const path of ['d/a.txt', 'd/b', long]) {
    userWrites(folder, path, 'old')
    install(folder, [fileStep(folder, path, 'newer')])
  }
  install(folder, [fileStep(folder, 'd/a.txt', 'newest')])
  const history = historyOf(folder.fs, folder.root)
  const [root, below] = [history.list(undefined), history.list(pathOf('d'))]
  t.alike([root.directories, below.directories], [['d'], []])
  t.alike([...root.revisions, ...below.revisions].map(({ path, size, atMs }) => [path, size, atMs]).sort(), [
    ['d/a.txt', 3, NOW_MS],
    ['d/a.txt', 5, NOW_MS],
    ['d/b', 3, NOW_MS],
    [`${'n'.repeat(228)}.txt`, 3, NOW_MS]
  ])
  t.is(toldPath(pathOf(long)), `${'n'.repeat(228)}.txt`)
  t.is(history.list(pathOf('no/such')).revisions.length, 0)
  for (const { storedAt, size } of below.revisions)
    t.is(statSync(folder.at(`.backer/revisions/${storedAt}`)).size, size)
})

test('a revision whose directory is taken by another revision is kept under recovered', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'd/a', 'old')
  userWrites(folder, '.backer/revisions/d', 'a file in the way')
  t.is(install(folder, [fileStep(folder, 'd/a', 'new')])[0]?.kind, 'done')
  const [revision] = historyOf(folder.fs, folder.root).list(pathOf('recovered')).revisions
  t.is(revision?.path, 'recovered/a')
})

test('a walk opens nothing but directories, and closes what it opened', t => {
  const folder = makeFolder(t)
  mkdirSync(folder.at('a/b/c'), { recursive: true })
  symlinkSync('a', folder.at('link'))
  userWrites(folder, 'file', 'x')
  const open = (): number => readdirSync('/proc/self/fd').length
  const before = process.platform === 'linux' ? open() : 0
  t.is(
    withParent(
      folder.fs,
      folder.root,
      pathOf('a/b/c/d'),
      (parent, name) => `${name} ${folder.fs.names(parent).length}`
    ),
    'd 0'
  )
  const missing = { 'link/x': 'link ENOTDIR', 'file/x': 'file ENOTDIR', 'a/x/y/z': 'a/x ENOENT' }
  for (const [path, expected] of Object.entries(missing)) {
    try {
      withParent(folder.fs, folder.root, pathOf(path), () => undefined)
      t.fail(path)
    } catch (error) {
      t.ok(error instanceof MissingDirectory && `${error.at} ${error.code}` === expected, path)
    }
  }
  if (process.platform === 'linux') t.is(open(), before)
})

test('the directories of a batch are bounded, and forgotten with what is below them', t => {
  const folder = makeFolder(t)
  for (let i = 0; i < 100; i++) mkdirSync(folder.at(`d${i}/e`), { recursive: true })
  const open = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0)
  const before = open()
  const directories = new Directories(folder.fs, folder.root)
  for (let i = 0; i < 100; i++) {
    directories.open(pathOf(`d${i}`))
    directories.open(pathOf(`d${i}/e`))
    directories.markChanged(pathOf(`d${i}/e`))
  }
  t.ok(open() <= before + 32)
  t.is(directories.changedCount, 100)
  directories.open(pathOf('d99/e'))
  rmSync(folder.at('d99'), { recursive: true })
  directories.forget(pathOf('d99'))
  t.ok(codeThrown(() => directories.open(pathOf('d99/e'))).includes('ENOENT'))
  directories.sync()
  directories.close()
  t.is(open(), before)
})
