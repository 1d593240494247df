import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { ChunkList } from '../../lib/core/chunk/content-tree.js'
import { hashKey } from '../../lib/core/model/hash.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import { historyOf } from '../../lib/disk/history.js'
import type { HistoryOperations, KeptRevision } from '../../lib/disk/kept.js'
import { openFileSystem } from '../../lib/disk/open-filesystem.js'
import {
  emptyDirectory,
  fileStep,
  install,
  makeFolder,
  openFolder,
  pathOf,
  textsBelow,
  userWrites,
  type Folder
} from './make-folder.js'
import { systemError, watched } from './watched-filesystem.js'

/** Nothing has to go for want of room. */
const SWEEP = { held: undefined, share: 1, untouchableMs: 0 }

/** Lets a change of another device replace what stands at a path, so that a revision of it is kept. */
function replace(folder: Folder, path: string, text: string): void {
  userWrites(folder, path, text)
  install(folder, [fileStep(folder, path, `${text.slice(0, 20)} replaced`)])
}

/** Text that does not repeat itself, so that chunks are as large as those of other files. */
function longText(seed: number, length: number): string {
  const words: string[] = []
  for (let i = 0, state = seed; words.length * 8 < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345 + i) >>> 0
    words.push(state.toString(36).padStart(7, '0'))
  }
  return words.join(' ')
}

function packAll(history: HistoryOperations): number {
  let count = 0
  let next: RelativePath | undefined
  do {
    const packed = history.pack(next)
    count += packed.count
    next = packed.next
  } while (next !== undefined)
  return count
}

/** The bytes of a packed revision, put together again. */
function bytesOf(history: HistoryOperations, { manifest }: KeptRevision): Uint8Array | undefined {
  if (manifest?.kind !== 'file') return undefined
  if (manifest.size === 0) return new Uint8Array(0)
  if (manifest.content.height === 0) return history.chunk(manifest.content.root)
  const bytes = history.chunkList(manifest.content.root)
  if (bytes === undefined) return undefined
  const list = new ChunkList(bytes)
  const chunks = Array.from({ length: list.count }, (_, i) => history.chunk(list.hash(i)))
  return chunks.every(chunk => chunk !== undefined) ? Buffer.concat(chunks) : undefined
}

const storedFiles = (folder: Folder): string[] => [...textsBelow(folder, '.backer/history/chunks').keys()]

test('packed revisions give back every byte, and equal chunks are kept once', t => {
  const folder = makeFolder(t)
  const history = historyOf(folder.fs, folder.root)
  const large = longText(1, 1_500_000)
  replace(folder, 'a.txt', large)
  replace(folder, 'd/b.txt', `${large} and a little more`)
  replace(folder, 'd/small', 'small')
  replace(folder, 'd/empty', '')
  const before = history.list(pathOf('d')).revisions.length
  t.is(packAll(history), 4)
  t.alike([...textsBelow(folder, '.backer/revisions')], [], 'nothing lies there twice')
  const found = [...history.list(undefined).revisions, ...history.list(pathOf('d')).revisions]
  t.is(before, 3)
  const texts = new Map(found.map(one => [one.path, Buffer.from(bytesOf(history, one) ?? 'lost').toString()]))
  t.is(texts.get(pathOf('a.txt')), large)
  t.is(texts.get(pathOf('d/b.txt')), `${large} and a little more`)
  t.alike([texts.get(pathOf('d/small')), texts.get(pathOf('d/empty'))], ['small', ''])
  const { bytes, chunks } = history.sweep(SWEEP)
  t.ok(bytes < 0.8 * large.length, `both take ${bytes} bytes: less than one of them`)
  t.is(chunks, storedFiles(folder).length + readdirSync(folder.at('.backer/history/contents')).length)
  t.is(packAll(history), 0)
})

test('what is dropped goes with the next sweep, except for what others need', t => {
  const folder = makeFolder(t)
  const history = historyOf(folder.fs, folder.root)
  for (const path of ['a', 'b']) replace(folder, path, longText(2, 600_000))
  replace(folder, 'c', longText(3, 600_000))
  packAll(history)
  const [a, b, c] = ['a', 'b', 'c'].map(path => history.list(undefined).revisions.find(found => found.path === path))
  if (a === undefined || b === undefined || c === undefined) throw new Error('a revision is missing')
  t.is(history.drop([a.storedAt, c.storedAt]), 2)
  const { removed, removedBytes } = history.sweep(SWEEP)
  t.ok(removed > 1 && removedBytes > 200_000)
  t.is(Buffer.from(bytesOf(history, b) ?? '').toString(), longText(2, 600_000))
  t.is(bytesOf(history, c), undefined)
  t.is(history.sweep(SWEEP).removed, 0)
  t.is(history.drop([a.storedAt]), 0)
})

test('a damaged revision is told, and nothing that it may need is removed', t => {
  const folder = makeFolder(t)
  const history = historyOf(folder.fs, folder.root)
  replace(folder, 'a', longText(4, 300_000))
  replace(folder, 'b', 'short')
  packAll(history)
  const [a, b] = ['a', 'b'].map(path => history.list(undefined).revisions.find(found => found.path === path))
  if (a === undefined || b === undefined) throw new Error('a revision is missing')
  const manifest = folder.at(`.backer/history/revisions/${a.storedAt}`)
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"size":', '"size":1'))
  history.drop([b.storedAt])
  t.alike(history.list(undefined).damaged, [a.storedAt])
  const swept = history.sweep(SWEEP)
  t.alike([swept.damaged, swept.removed], [[a.storedAt], 0])
})

test('a chunk that is not what it was is not given', t => {
  const folder = makeFolder(t)
  const history = historyOf(folder.fs, folder.root)
  replace(folder, 'a', 'some text')
  packAll(history)
  const { manifest } = history.list(undefined).revisions[0] ?? {}
  if (manifest?.kind !== 'file') throw new Error('the revision is missing')
  const key = hashKey(manifest.content.root)
  const at = folder.at(join('.backer/history/chunks', key.slice(0, 2), key))
  const bytes = readFileSync(at)
  bytes[3] = (bytes[3] ?? 0) ^ 1
  writeFileSync(at, bytes)
  t.is(history.chunk(manifest.content.root), undefined)
})

test('packing that is cut off anywhere loses no revision, and the next one ends it', t => {
  const texts = [longText(5, 200_000), 'one', 'two', '']
  const failing = ['create', 'write', 'sync', 'renameNoReplace', 'syncDirectory', 'syncFileSystem', 'unlink'] as const
  let failures = 0
  for (const call of failing) {
    for (const nth of [1, 2, 5]) {
      const folder = openFolder(t, openFileSystem(), emptyDirectory(t, true))
      texts.forEach((text, i) => replace(folder, `d${i % 2}/${i}`, text))
      let count = 0
      const broken = watched(folder.fs, name => {
        if (name === call && ++count === nth) throw systemError('ENOSPC')
      })
      try {
        packAll(historyOf(broken, folder.root))
      } catch {
        failures++
      }
      const history = historyOf(folder.fs, folder.root)
      packAll(history)
      history.sweep(SWEEP)
      const found = ['d0', 'd1'].flatMap(directory => history.list(pathOf(directory)).revisions)
      t.alike(
        found.map(one => Buffer.from(bytesOf(history, one) ?? 'lost').toString()).sort(),
        [...texts].sort(),
        `${call} ${nth}`
      )
      t.alike(readdirSync(folder.at('.backer/history/new')), [])
    }
  }
  t.ok(failures > 10, `${failures} of them did fail`)
})

for (const texts of [
  [longText(6, 700_000), 'one', 'two'],
  ['one', 'two']
])
  test(`a revision goes only when all that it was packed into is on the disk: ${texts.length} together`, t => {
    const folder = makeFolder(t)
    texts.forEach((text, i) => replace(folder, `d${i % 2}/${i}`, text))
    /** Files that were made since, by name, until they are synced. */
    const volatile = new Set<unknown>()
    const opened = new Map<unknown, unknown>()
    let made = 0
    let gone = 0
    const fs = new Proxy(folder.fs, {
      get(target, property) {
        const call: unknown = Reflect.get(target, property, target)
        if (typeof call !== 'function') return call
        return (...values: unknown[]): unknown => {
          if (property === 'unlink') t.is(volatile.size, 0, `${String(values[1])} goes`)
          const result: unknown = Reflect.apply(call, target, values)
          if (property === 'create' || property === 'openWrite' || property === 'openRead')
            opened.set(result, values[1])
          if (property === 'create') volatile.add(values[1])
          if (property === 'sync') volatile.delete(opened.get(values[0]))
          if (property === 'syncFileSystem') volatile.clear()
          made += Number(property === 'create')
          gone += Number(property === 'unlink')
          return result
        }
      }
    })
    t.is(packAll(historyOf(fs, folder.root)), texts.length)
    t.ok(made > texts.length && gone >= texts.length, `${made} files were made, ${gone} have gone`)
  })
