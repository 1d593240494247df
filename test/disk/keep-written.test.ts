import test from 'brittle'
import { mkdirSync } from 'node:fs'
import { keepWritten } from '../../lib/disk/keep-written.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import { codeThrownBy } from '../make/thrown.js'
import { makeFolder, userWrites } from './make-folder.js'
import { systemError, watched } from './watched-filesystem.js'

test('what a user saved is synced with its directory, and what is gone with the directory that it is gone from', t => {
  const folder = makeFolder(t)
  mkdirSync(folder.at('d'))
  userWrites(folder, 'd/saved', 'new')
  const calls: string[] = []
  const fs = watched(folder.fs, call => void calls.push(call))
  keepWritten(fs, folder.root, ['d/saved', 'd/gone', 'nowhere/x'] as RelativePath[])
  t.is(calls.filter(call => call === 'sync').length, 1)
  t.is(calls.filter(call => call === 'syncDirectory').length, 1)
  t.ok(calls.indexOf('sync') < calls.indexOf('syncDirectory'), 'the name is on the disk behind the content')
})

test('of many files the whole file system is synced at once', t => {
  const folder = makeFolder(t)
  const names = Array.from({ length: 50 }, (_, i) => `file ${i}`)
  for (const name of names) userWrites(folder, name, name)
  const calls: string[] = []
  const fs = watched(folder.fs, call => void calls.push(call))
  keepWritten(fs, folder.root, names as RelativePath[])
  t.alike(calls.filter(call => call.startsWith('sync')).slice(0, 1), ['syncFileSystem'])
})

test('a sync that fails is told, and never taken for done', t => {
  const folder = makeFolder(t)
  userWrites(folder, 'a', 'new')
  const fs = watched(folder.fs, call => {
    if (call === 'sync') throw systemError('EIO')
  })
  t.is(
    codeThrownBy(() => keepWritten(fs, folder.root, ['a' as RelativePath])),
    'FILE_SYSTEM'
  )
})
