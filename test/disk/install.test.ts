import { execFileSync } from 'node:child_process'
import { linkSync, lstatSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { sameStamp } from '../../lib/core/model/stamp.js'
import type { InstallStep } from '../../lib/disk/disk.js'
import { isBackerError } from '../../lib/core/error.js'
import {
  fileStep,
  install,
  makeFolder,
  NEW_MTIME_NS,
  pathOf,
  REVISION,
  revisionTexts,
  stampAt,
  textsBelow,
  tmpNames,
  userWrites
} from './make-folder.js'
import { systemError, watched } from './watched-filesystem.js'

const NOTHING = { kind: 'nothing' } as const

test('a new file has its content, mode and mtime to the nanosecond', t => {
  const folder = makeFolder(t)
  const [result] = install(folder, [fileStep(folder, 'a.txt', 'new', { mode: 0o4755 })])
  t.is(result?.kind, 'done')
  t.is(readFileSync(folder.at('a.txt'), 'utf8'), 'new')
  const stats = statSync(folder.at('a.txt'), { bigint: true })
  t.is(stats.mtimeNs, NEW_MTIME_NS)
  t.is(stats.mode & 0o7777n, 0o755n, 'setuid is never applied')
  t.alike(result?.kind === 'done' && result.stamp, stampAt(folder, 'a.txt'))
  t.alike(tmpNames(folder), [])
})

test('hundreds of files of one batch have theirs, whether staging could give it to them or not', t => {
  const folder = makeFolder(t)
  const modes = [0o600, 0o640, 0o444, 0o4755]
  const steps = Array.from({ length: 300 }, (_, i) =>
    fileStep(folder, `f${i}`, `text ${i}`, { mode: modes[i % 4] ?? 0 })
  )
  const results = install(folder, steps)
  t.is(results.filter(({ kind }) => kind === 'done').length, steps.length)
  const off = steps.filter((_, i) => {
    const { mode, mtimeNs } = statSync(folder.at(`f${i}`), { bigint: true })
    const text = readFileSync(folder.at(`f${i}`), 'utf8')
    return text !== `text ${i}` || mtimeNs !== NEW_MTIME_NS || (mode & 0o7777n) !== BigInt((modes[i % 4] ?? 0) & 0o777)
  })
  t.alike(off, [])
  t.alike(tmpNames(folder), [])
})

test('mtimes before 1970 and with 999,999,999 nanoseconds are kept', t => {
  const folder = makeFolder(t)
  for (const mtimeNs of [-1n, -1_000_000_001n, 999_999_999n, 4_102_444_800_999_999_999n]) {
    const path = `at${mtimeNs}`
    install(folder, [{ ...fileStep(folder, path, 'x'), mtimeNs } as InstallStep])
    t.is(statSync(folder.at(path), { bigint: true }).mtimeNs, mtimeNs)
  }
})

test('a replaced file becomes a revision with the very same inode', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'd/e/a.txt', 'old')
  const inode = statSync(folder.at('d/e/a.txt')).ino
  const [result] = install(folder, [fileStep(folder, 'd/e/a.txt', 'new')])
  t.is(result?.kind, 'done')
  t.is(readFileSync(folder.at('d/e/a.txt'), 'utf8'), 'new')
  const [[path, text] = []] = textsBelow(folder, '.backer/revisions')
  t.is(text, 'old')
  t.ok(/^\.backer\/revisions\/d\/e\/a~20260102-030405~[a-z2-7]{6}\.txt$/.test(path ?? ''), path)
  t.is(statSync(folder.at(path ?? '')).ino, inode)
})

test('a loser becomes a conflict copy, or a revision where its name is taken', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'a', 'one')
  userWrites(folder, 'b', 'two')
  userWrites(folder, 'b.conflict', 'taken')
  const [a, b] = install(folder, [
    fileStep(folder, 'a', 'new a', { conflict: 'a.conflict' }),
    fileStep(folder, 'b', 'new b', { conflict: 'b.conflict' })
  ])
  t.is(readFileSync(folder.at('a.conflict'), 'utf8'), 'one')
  t.alike(a?.kind === 'done' && a.conflictStamp, stampAt(folder, 'a.conflict'))
  t.is(readFileSync(folder.at('b.conflict'), 'utf8'), 'taken')
  t.is(b?.kind === 'done' && b.conflictStamp, undefined)
  t.alike(revisionTexts(folder), ['two'])
})

test('what is not as expected stays as it is, and the staged file can be tried again', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'edited', 'old')
  userWrites(folder, 'gone', 'old')
  userWrites(folder, 'touched', 'same')
  const steps = [
    fileStep(folder, 'edited', 'new', { mode: 0o444 }),
    fileStep(folder, 'gone', 'new'),
    fileStep(folder, 'made', 'new'),
    fileStep(folder, 'touched', 'new')
  ]
  writeFileSync(folder.at('edited'), "the user's")
  rmSync(folder.at('gone'))
  writeFileSync(folder.at('made'), "the user's")
  // Another ctime alone: written with the same size, and the mtime set back.
  writeFileSync(folder.at('touched'), 'SAME')
  utimesSync(folder.at('touched'), 1_500_000_000, 1_500_000_000)
  t.alike(
    install(folder, steps).map(result => result.kind),
    ['changed', 'changed', 'changed', 'changed']
  )
  t.alike([...textsBelow(folder)].sort(), [
    ['edited', "the user's"],
    ['made', "the user's"],
    ['touched', 'SAME']
  ])
  t.alike(
    tmpNames(folder),
    steps.map(step => (step.kind === 'file' ? step.staged : '')).sort(),
    'under their own names'
  )
  for (const name of tmpNames(folder)) t.is(statSync(folder.at(`.backer/tmp/${name}`)).mode & 0o777, 0o600)
  t.alike(revisionTexts(folder), [])
})

test('E3: a parent that is a symlink, a file or missing blocks the step, and nothing outside is touched', t => {
  const folder = makeFolder(t)
  const outside = makeFolder(t)
  userWrites(outside, 'target/sentinel', 'sentinel')
  const before = lstatSync(outside.at('target'), { bigint: true }).ctimeNs
  symlinkSync(outside.at('target'), folder.at('link'))
  userWrites(folder, 'file', 'x')
  const sentinel = stampAt(outside, 'target/sentinel')
  t.ok(sentinel)
  if (sentinel === undefined) return
  const expected = { kind: 'stamped', stamp: sentinel } as const
  const results = install(folder, [
    fileStep(folder, 'link/new', 'new', { expected: NOTHING }),
    fileStep(folder, 'link/sentinel', 'new', { expected }),
    fileStep(folder, 'file/new', 'new', { expected: NOTHING }),
    fileStep(folder, 'missing/new', 'new', { expected: NOTHING }),
    { kind: 'remove', path: pathOf('link/sentinel'), expected, displaced: REVISION },
    { kind: 'metadata', path: pathOf('link/sentinel'), expected, mode: 0o777, mtimeNs: 0n },
    { kind: 'directory', path: pathOf('link/made'), expected: NOTHING, mode: 0o755, displaced: REVISION },
    {
      kind: 'move',
      path: pathOf('moved'),
      expected: NOTHING,
      from: pathOf('link/sentinel'),
      fromStamp: sentinel,
      mode: 0o644,
      mtimeNs: 0n,
      displaced: REVISION
    }
  ])
  t.alike(
    results.map(result => (result.kind === 'blocked' ? result.by : result.kind)),
    ['link', 'link', 'file', 'missing', 'link', 'link', 'link', 'link']
  )
  t.alike([...textsBelow(outside)], [['target/sentinel', 'sentinel']])
  t.ok(sameStamp(stampAt(outside, 'target/sentinel') ?? sentinel, sentinel))
  t.is(lstatSync(outside.at('target'), { bigint: true }).ctimeNs, before)
})

test('the name itself being a symlink is replaced, not followed', t => {
  const folder = makeFolder(t)
  const outside = makeFolder(t)
  userWrites(outside, 'sentinel', 'sentinel')
  symlinkSync(outside.at('sentinel'), folder.at('link'))
  const [result] = install(folder, [fileStep(folder, 'link', 'new')])
  t.is(result?.kind, 'done')
  t.ok(lstatSync(folder.at('link')).isFile())
  t.is(readFileSync(outside.at('sentinel'), 'utf8'), 'sentinel')
})

test('names of 255 bytes are installed, displaced and found again', t => {
  const folder = makeFolder(t)
  const name = `${'\u{1f600}'.repeat(62)}abc.txt`
  t.is(Buffer.byteLength(name), 255)
  userWrites(folder, name, 'old')
  t.is(install(folder, [fileStep(folder, name, 'new')])[0]?.kind, 'done')
  t.is(readFileSync(folder.at(name), 'utf8'), 'new')
  t.alike(revisionTexts(folder), ['old'])
})

test('a path far beyond PATH_MAX works by descriptors', { timeout: 20_000 }, t => {
  const folder = makeFolder(t)
  if (!folder.fs.canExchange) {
    t.pass('not on this system')
    return
  }
  // Node's own rm goes by paths.
  t.teardown(() => execFileSync('rm', ['-rf', folder.directory]), { order: -2 })
  const levels = Array.from({ length: 61 }, (_, i) => `${String(i)}${'x'.repeat(60)}`)
  const steps: InstallStep[] = levels.map((_, i) => ({
    kind: 'directory',
    path: pathOf(levels.slice(0, i + 1).join('/')),
    expected: NOTHING,
    mode: 0o755,
    displaced: REVISION
  }))
  // The folder's own directory makes the absolute path longer than any one call may take.
  const path = `${levels.join('/')}/${'y'.repeat(240)}`
  const results = install(folder, [...steps, stepWithoutStaged(path)])
  t.ok(results.slice(0, -1).every(result => result.kind === 'done'))
  t.is(results.at(-1)?.kind, 'failed', 'no staged file was there, but the batch went on')
  const text = fileStep(folder, path, 'deep')
  t.is(install(folder, [text])[0]?.kind, 'done')
  t.is(install(folder, [fileStep(folder, path, 'deeper')])[0]?.kind, 'done')
  t.ok(Buffer.byteLength(join(folder.directory, '.backer/revisions', path)) > 4096)
  t.is(stampAt(folder, path)?.size, 6)
})

function stepWithoutStaged(path: string): InstallStep {
  const staged = 'not-there'
  return { kind: 'file', path: pathOf(path), expected: NOTHING, staged, mtimeNs: 0n, mode: 0o644, displaced: REVISION }
}

test('hard links inside and outside the folder keep their content', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'a', 'old')
  linkSync(folder.at('a'), folder.at('b'))
  t.is(install(folder, [fileStep(folder, 'a', 'new')])[0]?.kind, 'done')
  t.is(readFileSync(folder.at('a'), 'utf8'), 'new')
  t.is(readFileSync(folder.at('b'), 'utf8'), 'old')
})

test('data is durable before its name, and names before the batch returns', t => {
  for (const count of [1, 20]) {
    const folder = makeFolder(t)
    const steps: InstallStep[] = []
    for (let i = 0; i < count; i++) {
      userWrites(folder, `f${i}`, 'old')
      steps.push(fileStep(folder, `f${i}`, 'new'))
    }
    const calls: string[] = []
    const unsynced = new Set<unknown>()
    const fs = watched(folder.fs, (call, _, values) => {
      calls.push(call)
      if (call === 'exchange' || call === 'renameNoReplace') unsynced.add(values[0]).add(values[2])
      if (call === 'syncDirectory') unsynced.delete(values[0])
      if (call === 'syncFileSystem') unsynced.clear()
    })
    install({ ...folder, fs }, steps)
    const untilNamed = calls.slice(0, calls.indexOf('renameNoReplace'))
    const lastMetadata = untilNamed.lastIndexOf('setFileMetadata')
    const syncs = untilNamed.slice(lastMetadata).filter(call => call === 'sync' || call === 'syncFileSystem').length
    t.ok(lastMetadata > 0)
    t.is(syncs, 1, count === 1 ? 'the one file' : 'all at one go')
    t.is(unsynced.size, 0, 'every directory')
  }
})

test('a failing sync ends the batch; other errors are results of their step', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'a', 'old')
  const failing = (call: string, code: string) =>
    watched(folder.fs, now => {
      if (now === call) throw systemError(code)
    })
  const step = fileStep(folder, 'a', 'new')
  try {
    install({ ...folder, fs: failing('sync', 'EIO') }, [step])
    t.fail('it should throw')
  } catch (error) {
    t.ok(isBackerError(error, 'FILE_SYSTEM'))
  }
  const again = fileStep(folder, 'a', 'new')
  for (const code of ['EACCES', 'ENOSPC', 'EROFS', 'ENAMETOOLONG', 'EINVAL', 'EXDEV']) {
    const [result] = install({ ...folder, fs: failing('exchange', code) }, [again])
    t.is(result?.kind, 'failed')
    t.ok(result?.kind === 'failed' && result.problem.message.includes(code), code)
    t.is(readFileSync(folder.at('a'), 'utf8'), 'old')
  }
  t.is(install(folder, [again])[0]?.kind, 'done')
})
