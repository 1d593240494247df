import test, { type Test } from 'brittle'
import fc from 'fast-check'
import { encodeChunkList } from '../../lib/core/chunk/content-tree.js'
import { hashBytes, hashKey } from '../../lib/core/model/hash.js'
import { copyOf } from '../../lib/core/span.js'
import { ExpectedItems, KnownItems } from '../../lib/core/model/known-items.js'
import { comparePaths, type RelativePath } from '../../lib/core/model/path.js'
import { sameRecord, type Record } from '../../lib/core/model/record.js'
import { EMPTY_ROOT } from '../../lib/core/tree/node.js'
import { iterate } from '../../lib/core/tree/read.js'
import { buildTree, updateTree } from '../../lib/core/tree/update.js'
import type { Entry, Store } from '../../lib/store/store.js'
import { commitRecords, STAMP } from '../make/entry.js'
import { arbitraryPath, arbitraryRecord, deletedRecord, fileRecord, manyFiles, path, recordOf } from '../make/record.js'

/** Somewhere that a store can be opened at, again and again: what one wrote the next one finds. */
export interface StorePlace {
  open(): Promise<Store>
}

const NO_COMMIT = { nodes: new Map<string, Uint8Array>(), chunkLists: new Map<string, Uint8Array>() }

/** What every store does, whatever it is made of. */
export function testStore(name: string, makePlace: (t: Test) => Promise<StorePlace>): void {
  test(`${name}: a new index is fresh and empty, and keeps its replica id from then on`, async t => {
    const place = await makePlace(t)
    const first = await place.open()
    t.ok(first.fresh)
    t.alike(first.root, EMPTY_ROOT)
    t.is([...first.below(undefined)].length, 0)
    await first.close()
    const second = await place.open()
    t.absent(second.fresh)
    t.is(second.replica, first.replica)
    await second.close()
  })

  test(`${name}: what was committed is there, in order, also after it was opened anew`, async t => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(arbitraryPath, fc.option(arbitraryRecord, { nil: undefined })), { maxLength: 40 }),
        fc.integer({ min: 1, max: 15 }),
        async (edits, batch) => {
          const place = await makePlace(t)
          const store = await place.open()
          const model = new Map<RelativePath, Record>()
          for (let i = 0; i < edits.length; i += batch) {
            const records = new Map(edits.slice(i, i + batch))
            await commitRecords(store, records)
            for (const [one, record] of records) {
              if (record === undefined) model.delete(one)
              else model.set(one, record)
            }
          }
          assertHolds(store, model)
          await store.close()
          const again = await place.open()
          assertHolds(again, model)
          await again.close()
        }
      ),
      { numRuns: 12 }
    )
    t.pass()
  })

  test(`${name}: a directory's children are its own, and what lies below it all of that`, async t => {
    const store = await (await makePlace(t)).open()
    const long = `${'d'.repeat(200)}/`.repeat(15)
    const paths = ['a', 'a/b', 'a/b/c', 'a/b.txt', 'a b/x', 'a!/y', 'b', `${long}x`, `${long}y/z`].map(path)
    await commitRecords(store, new Map(paths.map(one => [one, fileRecord(one)])))
    const names = (entries: Iterable<readonly [RelativePath, unknown]>): string[] => [...entries].map(([one]) => one)
    t.alike(names(store.children(undefined)).sort(), ['a', 'b'])
    t.alike(names(store.children(path('a'))), ['a/b', 'a/b.txt'])
    t.alike(
      names(store.below(path('a'))),
      ['a/b', 'a/b/c', 'a/b.txt'].sort((x, y) => comparePaths(path(x), path(y)))
    )
    t.alike(names(store.children(path(long.slice(0, -1)))), [`${long}x`])
    t.is(names(store.below(path('d'.repeat(200)))).length, 2)
    t.is(names(store.below(undefined)).length, paths.length)
    await store.close()
  })

  test(`${name}: what a directory's items should look like is told of those that stand there or should`, async t => {
    const store = await (await makePlace(t)).open()
    const long = `${'d'.repeat(200)}/`.repeat(15)
    const paths = ['a', 'd/whole', 'd/sub/x', `${long}x`, `${long}y/z`].map(path)
    await commitRecords(store, new Map(paths.map(one => [one, fileRecord(one)])))
    const put = (at: string, entry: Omit<Entry, 'record'>, record = fileRecord(at)): Promise<void> =>
      store.commit({
        ...NO_COMMIT,
        root: store.root,
        lacks: store.lacks,
        entries: [{ path: path(at), entry: { record, ...entry } }]
      })
    await put('d/held', { stamp: undefined })
    await put('d/deleted', { stamp: undefined }, deletedRecord())
    await put('d/kept', { stamp: STAMP }, deletedRecord())
    await put('d/dropping', { stamp: STAMP, lack: { kind: 'dropped' } })
    await put('d/damaged', { stamp: STAMP, lack: { kind: 'damaged', found: hashBytes(Buffer.from('damage')) } })
    await put('d/other kind', { stamp: { ...STAMP, kind: 'directory' } })
    const known = (at: string | undefined): string[] =>
      Array.from(store.known(at === undefined ? undefined : path(at)), ({ name, stamp }) => {
        return `${copyOf(name).toString()} ${stamp.end > stamp.start}`
      }).sort()
    t.alike(known(undefined), ['a true'])
    t.alike(known('d'), [
      'damaged false',
      'dropping false',
      'held false',
      'kept false',
      'other kind false',
      'whole true'
    ])
    t.alike(known(long.slice(0, -1)), ['x true'])
    for (const item of store.known(path('d'))) {
      const items = new KnownItems()
      items.add(item)
      const isWhole = copyOf(item.name).toString() === 'whole'
      const bytes = items.take()
      t.is(new ExpectedItems(bytes).find('whole', STAMP), isWhole)
      t.absent(new ExpectedItems(bytes).find('whole', { ...STAMP, ctimeNs: STAMP.ctimeNs + 1n }))
    }
    await store.close()
  })

  test(`${name}: contents and chunks are found where they lie, and no longer where they are gone`, async t => {
    const store = await (await makePlace(t)).open()
    const chunks = [70_000, 80_000].map((length, i) => ({ hash: hashBytes(Buffer.from(`chunk ${i}`)), length }))
    const list = encodeChunkList(chunks)
    const large = { root: hashBytes(list), height: 1 }
    const file = (content: typeof large, size: number): Record =>
      recordOf({ kind: 'file', size, mtimeNs: 0n, mode: 0o600, content })
    const small = { root: chunks[0]!.hash, height: 0 }
    await commitRecords(
      store,
      new Map([
        [path('large'), file(large, 150_000)],
        [path('copy'), file(large, 150_000)],
        [path('small'), file(small, 70_000)]
      ]),
      [list]
    )
    t.alike([...store.pathsWithContent(large.root, 9)].sort(), ['copy', 'large'])
    t.is(store.pathsWithContent(large.root, 1).length, 1)
    t.alike(store.chunkList(large.root) && Buffer.from(store.chunkList(large.root)!), Buffer.from(list))
    const second = [...store.places(chunks[1]!.hash, 9)].sort((a, b) => (a.path < b.path ? -1 : 1))
    t.alike(
      second,
      ['copy', 'large'].map(one => ({ path: path(one), offset: 70_000, length: 80_000 }))
    )
    t.is([...store.places(chunks[0]!.hash, 9)].length, 3)
    await commitRecords(
      store,
      new Map([
        [path('large'), deletedRecord()],
        [path('copy'), undefined]
      ])
    )
    t.is(store.pathsWithContent(large.root, 9).length, 0)
    t.is([...store.places(chunks[1]!.hash, 9)].length, 0)
    await store.collect([])
    t.is(store.chunkList(large.root), undefined)
    t.is([...store.places(chunks[0]!.hash, 9)].length, 1)
    await store.close()
  })

  test(`${name}: a chunk that stays through any number of edits is found where it lies`, async t => {
    const place = await makePlace(t)
    let store = await place.open()
    const stays = { hash: hashBytes(Buffer.from('stays')), length: 70_000 }
    const edits = Array.from({ length: 50 }, (_, i) => {
      const first = { hash: hashBytes(Buffer.from(`first ${i}`)), length: 70_000 + i }
      return { first, list: encodeChunkList([first, stays]) }
    })
    for (const [i, edit] of edits.entries()) {
      // Each second edit is taken back.
      for (const { first, list } of i % 2 === 0 ? [edit] : [edit, edits[i - 1] ?? edit]) {
        const content = { root: hashBytes(list), height: 1 }
        const size = first.length + stays.length
        const record = recordOf({ kind: 'file', size, mtimeNs: 0n, mode: 0o600, content })
        await commitRecords(store, new Map([[path('log'), record]]), [list])
        t.alike([...store.places(stays.hash, 4)], [{ path: path('log'), offset: first.length, length: 70_000 }])
        t.alike([...store.places(first.hash, 4)], [{ path: path('log'), offset: 0, length: first.length }])
      }
      if (i % 7 > 0) continue
      await store.close()
      store = await place.open()
    }
    await store.collect([])
    const listed = edits.filter(({ list }) => store.chunkList(hashBytes(list)) !== undefined)
    t.is(listed.length, 1, 'and the lists that were are gone')
    t.is([...store.places(stays.hash, 4)].length, 1)
    await store.close()
  })

  test(`${name}: a sweep keeps what the given roots reach and drops the rest`, async t => {
    const store = await (await makePlace(t)).open()
    const files = manyFiles(3000)
    await commitRecords(store, files)
    const old = store.root
    const other = buildTree([[path('elsewhere'), fileRecord('by a peer')]])
    await store.putNodes(other.nodes)
    await commitRecords(
      store,
      new Map([...files.keys()].slice(0, 500).map(one => [one, fileRecord('new', { counter: 2 })]))
    )
    t.is((await store.collect([old, other.root])).nodes, 0)
    t.ok(store.node(other.root))
    const dropped = await store.collect([])
    t.ok(dropped.nodes > 1)
    t.absent(store.node(other.root))
    t.absent(store.node(old))
    t.is([...iterate(hash => store.node(hash), store.root)].length, files.size)
    t.is((await store.collect([])).nodes, 0)
    await store.close()
  })

  test(`${name}: every commit has a number, and its root is known by it`, async t => {
    const place = await makePlace(t)
    const roots: string[] = []
    for (let i = 0; i < 3; i++) {
      const store = await place.open()
      t.is(store.sequence, roots.length)
      for (let j = 0; j < 3; j++) {
        await commitRecords(store, new Map([[path(`${i}-${j}`), fileRecord(`${i}-${j}`)]]))
        roots.push(hashKey(store.root))
        t.is(store.sequence, roots.length)
      }
      await store.close()
    }
    const store = await place.open()
    t.alike(
      roots.map((_, i) => hashKey(store.rootAt(i + 1) ?? EMPTY_ROOT)),
      roots
    )
    t.is(store.rootAt(roots.length + 1), undefined)
    await store.close()
  })

  test(`${name}: heads and facts are kept`, async t => {
    const place = await makePlace(t)
    const store = await place.open()
    store.noteHead({ writer: 'ab'.repeat(33), bytes: Buffer.from('a head') })
    await store.saveHeads()
    await store.putFact('one', Buffer.from('1'))
    await store.putFact('two', Buffer.from('2'))
    await store.putFact('one', undefined)
    await store.close()
    const again = await place.open()
    t.alike(
      again.heads().map(({ writer, bytes }) => [writer, Buffer.from(bytes).toString()]),
      [['ab'.repeat(33), 'a head']]
    )
    t.is(again.getFact('one'), undefined)
    t.is(Buffer.from(again.getFact('two') ?? []).toString(), '2')
    await again.close()
  })

  test(`${name}: a head that was noted is kept with the next commit`, async t => {
    const place = await makePlace(t)
    const store = await place.open()
    const writer = 'cd'.repeat(33)
    store.noteHead({ writer, bytes: Buffer.from('an older head') })
    store.noteHead({ writer, bytes: Buffer.from('a head') })
    await commitRecords(store, new Map([[path('a'), fileRecord('a')]]))
    await store.close()
    const again = await place.open()
    t.alike(
      again.heads().map(head => [head.writer, Buffer.from(head.bytes).toString()]),
      [[writer, 'a head']]
    )
    await again.close()
  })

  test(`${name}: a closed index takes nothing more`, async t => {
    const store = await (await makePlace(t)).open()
    await store.close()
    await store.close()
    const commit = { entries: [], lacks: store.lacks, root: EMPTY_ROOT, nodes: new Map(), chunkLists: new Map() }
    await t.exception(async () => store.commit(commit), /closed/)
  })
}

function assertHolds(store: Store, model: ReadonlyMap<RelativePath, Record>): void {
  const found = new Map(store.below(undefined))
  if (found.size !== model.size) throw new Error(`${found.size} entries for ${model.size}`)
  for (const [one, record] of model) {
    const entry = store.get(one)
    if (!sameRecord(entry?.record, record)) throw new Error(`${one} has another record`)
    if (JSON.stringify(entry?.stamp, bigints) !== JSON.stringify(STAMP, bigints))
      throw new Error(`${one} has another stamp`)
    if (!sameRecord(found.get(one)?.record, record)) throw new Error(`${one} is listed with another record`)
  }
  const { root } = updateTree(hash => store.node(hash), EMPTY_ROOT, model)
  if (hashKey(root) !== hashKey(store.root)) throw new Error('the root is another one')
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
