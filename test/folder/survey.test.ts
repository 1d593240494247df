import test from 'brittle'
import type { RelativePath } from '../../lib/core/model/path.js'
import type { Listed, Listing } from '../../lib/disk/disk.js'
import { parseIgnore } from '../../lib/disk/ignore.js'
import type { FolderContext } from '../../lib/folder/context.js'
import { Ledger } from '../../lib/folder/ledger.js'
import { Problems } from '../../lib/folder/problems.js'
import { survey, type Findings, type Places } from '../../lib/folder/survey.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { MemoryIndex, MemoryStore } from '../../lib/store/memory.js'
import { STAMP } from '../make/entry.js'
import { fileRecord, path, recordOf } from '../make/record.js'

/** More than one call takes as arguments. */
const MANY = 150_000
/** The most that is handed on at a time, and what may come on top of it in one turn. */
const NEW_MAX = 4000 + 4000
const FOUND_MAX = 50_000 + 4000

/** A folder of which the disk shows `items` in its root and no directory, and the index holds `known`. */
function makeFolder(items: readonly string[], known: readonly RelativePath[]) {
  const runtime = realRuntime()
  let breaths = 0
  const breathe = (): Promise<void> => {
    breaths++
    return runtime.timers.breathe()
  }
  const index = new MemoryIndex()
  for (const at of known) index.entries.set(at, { record: fileRecord('f'), stamp: STAMP })
  if (known.length > 0)
    index.entries.set(path('d'), {
      record: recordOf({ kind: 'directory', mode: 0o755 }),
      stamp: { ...STAMP, kind: 'directory' }
    })
  const store = new MemoryStore(index, runtime)
  const rules = parseIgnore(undefined)
  const entries: readonly Listed[] = items.map(name => ({ name, stamp: STAMP }))
  const listing: Listing = { kind: 'listed', entries, missing: [], badNames: [], problems: [] }
  const context = {
    disk: {
      list: (asked: readonly unknown[]): Promise<readonly Listing[]> =>
        Promise.resolve(asked.map(at => (at === undefined ? listing : { kind: 'absent' }))),
      stat: () => Promise.resolve([undefined])
    },
    store,
    ledger: new Ledger(store, { oncommit: () => undefined, onseen: () => undefined }),
    runtime: { ...runtime, timers: { ...runtime.timers, breathe } },
    problems: new Problems(() => undefined),
    ignore: () => rules,
    watching: () => undefined,
    closed: new AbortController().signal
  } as unknown as FolderContext
  return { context, breaths: () => breaths }
}

async function piecesOf(context: FolderContext, places: Places): Promise<readonly Findings[]> {
  const pieces: Findings[] = []
  for await (const piece of survey(context, places)) pieces.push(piece)
  return pieces
}

test('a directory of very many items is handed on in pieces, and others have their turn', async t => {
  const names = Array.from({ length: MANY }, (_, i) => `file-${i}`)
  const { context, breaths } = makeFolder(names, [])
  const pieces = await piecesOf(context, { paths: [], directories: [], everything: true })
  t.ok(pieces.every(({ changed }) => changed.length <= NEW_MAX))
  t.is(new Set(pieces.flatMap(({ changed }) => changed.map(({ path: at }) => at))).size, MANY)
  t.ok(breaths() >= MANY / 5000, `${breaths()} times`)
})

test('so is all that the index has below a directory that is gone', async t => {
  const known = Array.from({ length: MANY }, (_, i) => path(`d/file-${i}`))
  const { context, breaths } = makeFolder([], known)
  const pieces = await piecesOf(context, { paths: [path('d')], directories: [], everything: false })
  t.ok(pieces.every(({ missing }) => missing.length <= FOUND_MAX))
  t.is(new Set(pieces.flatMap(({ missing }) => missing.map(([at]) => at))).size, MANY + 1)
  t.ok(breaths() >= MANY / 5000, `${breaths()} times`)
})

test('what was in a directory that is gone is found missing once, however often the directory is found gone', async t => {
  const files = Array.from({ length: 50 }, (_, i) => path(`d/e/file-${i}`))
  const { context } = makeFolder([], files)
  const directories = [path('d/e'), path('d'), path('d/e'), undefined]
  const pieces = await piecesOf(context, { paths: [path('d'), path('d')], directories, everything: false })
  const missing = pieces.flatMap(piece => piece.missing.map(([at]) => at as string))
  t.alike(missing.filter(at => at !== 'd').sort(), [...files].sort())
})
