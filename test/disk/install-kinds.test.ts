import { chmodSync, lstatSync, mkdirSync, readlinkSync, statSync, utimesSync } from 'node:fs'
import test from 'brittle'
import { sameStamp } from '../../lib/core/model/stamp.js'
import type { InstallStep } from '../../lib/disk/disk.js'
import type { FileHandle } from '../../lib/disk/filesystem.js'
import { installBatch } from '../../lib/disk/install.js'
import {
  countingBytes,
  expectedAt,
  fileStep,
  install,
  makeFolder,
  NEW_MTIME_NS,
  NOW_MS,
  pathOf,
  REVISION,
  revisionTexts,
  stampAt,
  textsBelow,
  tmpNames,
  TRAITS,
  userWrites
} from './make-folder.js'
import { watched } from './watched-filesystem.js'

const SECOND_NS = 1_000_000_000n
const NOTHING = { kind: 'nothing' } as const

test('a move takes the inode along, and its metadata is set where it differs', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'd/from', 'moved')
  userWrites(folder, 'onto', 'old')
  const inode = statSync(folder.at('d/from')).ino
  const fromStamp = stampAt(folder, 'd/from')
  t.ok(fromStamp)
  if (fromStamp === undefined) return
  const [result] = install(folder, [
    {
      kind: 'move',
      path: pathOf('onto'),
      expected: expectedAt(folder, 'onto'),
      from: pathOf('d/from'),
      fromStamp,
      mode: 0o600,
      mtimeNs: fromStamp.mtimeNs,
      displaced: REVISION
    }
  ])
  t.alike([...textsBelow(folder)], [['onto', 'moved']])
  t.is(statSync(folder.at('onto')).ino, inode)
  t.is(statSync(folder.at('onto')).mode & 0o777, 0o600)
  t.alike(result?.kind === 'done' && result.stamp, stampAt(folder, 'onto'))
  t.alike(revisionTexts(folder), ['old'])
})

test('a move of something else, or onto something else, leaves both as they are', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'from', 'moved')
  userWrites(folder, 'onto', 'old')
  const fromStamp = stampAt(folder, 'from')
  t.ok(fromStamp)
  if (fromStamp === undefined) return
  const move = { kind: 'move', mode: 0o600, mtimeNs: 0n, displaced: REVISION } as const
  const from = pathOf('from')
  const results = install(folder, [
    { ...move, from, fromStamp, path: pathOf('onto'), expected: NOTHING },
    { ...move, from, fromStamp: { ...fromStamp, ctimeNs: 1n }, path: pathOf('other'), expected: NOTHING },
    { ...move, from, fromStamp, path: pathOf('onto'), expected: { kind: 'stamped', stamp: fromStamp } }
  ])
  t.is(results.length, 3)
  t.ok(results.every(result => result.kind === 'changed'))
  t.alike([...textsBelow(folder)].sort(), [
    ['from', 'moved'],
    ['onto', 'old']
  ])
  t.alike(tmpNames(folder), [])
})

test('symlinks are made, replaced and removed, with their mtime', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'was-file', 'old')
  const make = (path: string, target: string): InstallStep => ({
    kind: 'symlink',
    path: pathOf(path),
    expected: expectedAt(folder, path),
    target,
    mtimeNs: NEW_MTIME_NS,
    displaced: REVISION
  })
  t.alike(
    install(folder, [make('new', '/etc/nowhere'), make('was-file', 'new')]).map(result => result.kind),
    ['done', 'done']
  )
  t.is(readlinkSync(folder.at('new')), '/etc/nowhere')
  t.is(lstatSync(folder.at('new'), { bigint: true }).mtimeNs, NEW_MTIME_NS)
  t.is(readlinkSync(folder.at('was-file')), 'new')
  t.alike(revisionTexts(folder), ['old'])
  const expected = expectedAt(folder, 'new')
  t.alike(install(folder, [{ kind: 'remove', path: pathOf('new'), expected, displaced: REVISION }]), [{ kind: 'done' }])
  t.is(stampAt(folder, 'new'), undefined)
  t.alike(tmpNames(folder), [])
})

test('directories are made with their mode whatever the umask, and one that is there only gets its mode', t => {
  const folder = makeFolder(t)
  mkdirSync(folder.at('there'), 0o700)
  const umask = process.umask(0o077)
  const make = (path: string, mode: number): InstallStep => ({
    kind: 'directory',
    path: pathOf(path),
    expected: NOTHING,
    mode,
    displaced: REVISION
  })
  const results = install(folder, [make('new', 0o2755), make('new/below', 0o755), make('there', 0o750)])
  process.umask(umask)
  t.ok(results.every(result => result.kind === 'done'))
  t.alike(
    ['new', 'new/below', 'there'].map(path => statSync(folder.at(path)).mode & 0o7777),
    [0o755, 0o755, 0o750]
  )
})

test('a directory takes the place of a file, and a file that of an empty directory', t => {
  for (const canExchange of [true, false]) {
    const folder = makeFolder(t)
    userWrites(folder, 'file', 'old')
    mkdirSync(folder.at('directory'))
    mkdirSync(folder.at('full'))
    userWrites(folder, 'full/of', 'life')
    const results = install(
      folder,
      [
        {
          kind: 'directory',
          path: pathOf('file'),
          expected: expectedAt(folder, 'file'),
          mode: 0o711,
          displaced: REVISION
        },
        fileStep(folder, 'file/below', 'below', { expected: NOTHING }),
        fileStep(folder, 'directory', 'new'),
        fileStep(folder, 'full', 'new')
      ],
      { ...TRAITS, canExchange }
    )
    t.alike(
      results.map(result => result.kind),
      ['done', 'done', 'done', 'blocked']
    )
    t.alike([...textsBelow(folder)].sort(), [
      ['directory', 'new'],
      ['file/below', 'below'],
      ['full/of', 'life']
    ])
    t.is(statSync(folder.at('file')).mode & 0o777, 0o711)
    t.alike(revisionTexts(folder), ['old'])
    t.is(tmpNames(folder).length, 1, 'the staged file of the blocked step')
  }
})

test('removing keeps a file as a revision, an empty directory goes, a full one blocks', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'a', 'old')
  userWrites(folder, 'full/b', 'b')
  mkdirSync(folder.at('empty'))
  const remove = (path: string): InstallStep => ({
    kind: 'remove',
    path: pathOf(path),
    expected: expectedAt(folder, path),
    displaced: REVISION
  })
  const results = install(folder, [remove('a'), remove('empty'), remove('full'), remove('absent')])
  t.alike(results, [{ kind: 'done' }, { kind: 'done' }, { kind: 'blocked', by: 'full/b' }, { kind: 'done' }])
  t.alike([...textsBelow(folder)], [['full/b', 'b']])
  t.alike(revisionTexts(folder), ['old'])
})

test('junk that may be deleted goes to the revisions with its directory', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'd/.DS_Store', 'junk')
  const step: InstallStep = {
    kind: 'remove',
    path: pathOf('d'),
    expected: expectedAt(folder, 'd'),
    displaced: REVISION
  }
  const isDeletable = (path: string): boolean => path.endsWith('.DS_Store')
  const options = { traits: TRAITS, nowMs: NOW_MS, bytes: countingBytes, isDeletable }
  t.alike(installBatch(folder.fs, folder.root, [step], options), [{ kind: 'done' }])
  t.is(stampAt(folder, 'd'), undefined)
  t.alike(revisionTexts(folder), ['junk'])
})

test('metadata is set on what was expected only; a stamp after a new mtime matches nothing', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'a', 'a')
  userWrites(folder, 'b', 'b')
  const stale = expectedAt(folder, 'b')
  chmodSync(folder.at('b'), 0o600)
  const step = { kind: 'metadata', mode: 0o751, mtimeNs: undefined } as const
  const [mode, changed] = install(folder, [
    { ...step, path: pathOf('a'), expected: expectedAt(folder, 'a') },
    { ...step, path: pathOf('b'), expected: stale }
  ])
  t.alike(mode?.kind === 'done' && mode.stamp, stampAt(folder, 'a'))
  t.is(statSync(folder.at('a')).mode & 0o777, 0o751)
  t.is(changed?.kind, 'changed')
  t.is(statSync(folder.at('b')).mode & 0o777, 0o600)
  const [time] = install(folder, [
    { ...step, path: pathOf('a'), expected: expectedAt(folder, 'a'), mtimeNs: NEW_MTIME_NS }
  ])
  const stamp = stampAt(folder, 'a')
  t.is(stamp?.mtimeNs, NEW_MTIME_NS)
  t.ok(time?.kind === 'done' && time.stamp && stamp && !sameStamp(time.stamp, stamp))
})

test('a mode or time that a user sets in the moment in which another one is set is not taken for that one', t => {
  const plain = makeFolder(t)
  userWrites(plain, 'a', 'a')
  let isSet = false
  let races = 0
  const fs = watched(plain.fs, call => {
    if (call === 'fstat' && isSet && races++ === 0) {
      chmodSync(plain.at('a'), 0o604)
      utimesSync(plain.at('a'), 1_700_000_000, 1_700_000_000)
    }
    if (call === 'setFileMetadata') isSet = true
  })
  const expected = expectedAt(plain, 'a')
  const [result] = install({ ...plain, fs }, [
    { kind: 'metadata', path: pathOf('a'), mode: 0o751, mtimeNs: NEW_MTIME_NS, expected }
  ])
  t.ok(races > 0)
  const { mode, mtimeNs } = lstatSync(plain.at('a'), { bigint: true })
  t.alike([mode & 0o777n, mtimeNs], [0o751n, NEW_MTIME_NS])
  t.alike(result?.kind === 'done' && [result.stamp?.mode, result.stamp?.mtimeNs], [0o751, NEW_MTIME_NS])
})

test('what a file system can hold only nearly is remembered as it holds it', t => {
  const plain = makeFolder(t)
  userWrites(plain, 'a', 'a')
  const fs = new Proxy(plain.fs, {
    get(target, property) {
      if (property !== 'setFileMetadata') return (Reflect.get(target, property, target) as () => unknown).bind(target)
      return (file: FileHandle, mode: number | undefined, mtimeNs: bigint | undefined): void =>
        target.setFileMetadata(file, mode, mtimeNs && mtimeNs - (mtimeNs % SECOND_NS))
    }
  })
  const expected = expectedAt(plain, 'a')
  const [result] = install({ ...plain, fs }, [
    { kind: 'metadata', path: pathOf('a'), mode: undefined, mtimeNs: NEW_MTIME_NS, expected }
  ])
  t.is(result?.kind === 'done' && result.stamp?.mtimeNs, NEW_MTIME_NS - (NEW_MTIME_NS % SECOND_NS))
})
