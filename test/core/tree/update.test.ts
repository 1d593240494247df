import test from 'brittle'
import fc from 'fast-check'
import { encodeWith } from '../../../lib/core/codec.js'
import { hashBytes, hashesEqual, hashKey, type Hash } from '../../../lib/core/model/hash.js'
import { RECORD_BYTES_MAX, recordCodec, type Record } from '../../../lib/core/model/record.js'
import type { RelativePath } from '../../../lib/core/model/path.js'
import { encodeChild, sumsOfNode } from '../../../lib/core/tree/child.js'
import { keyOf, levelOf } from '../../../lib/core/tree/key.js'
import { EMPTY_ROOT, encodeNode, NODE_ENTRIES_MAX, parseNode, type Entry } from '../../../lib/core/tree/node.js'
import { iterate, nodeHashes } from '../../../lib/core/tree/read.js'
import { buildTree, updateTree } from '../../../lib/core/tree/update.js'
import { oddPaths, oneOf, pathsOfLevel } from '../../make/levels.js'
import { edit, makeNodes, plant, sorted, type Nodes, type Records } from '../../make/nodes.js'
import { fileRecord, manyFiles, path, recordOf } from '../../make/record.js'
import { codeThrownBy } from '../../make/thrown.js'

type Edits = Map<RelativePath, Record | undefined>

/** The root of a set of records by the rule itself: row upon row, each cut from scratch. */
function rootByRule(records: Records): Hash {
  let row = sorted(records).map(([item, record]): Entry => ({
    key: keyOf(item),
    value: encodeWith(recordCodec, record)
  }))
  for (let height = 0; ; height++) {
    const nodes: Entry[][] = [[]]
    let weight = 0
    for (const entry of row) {
      nodes.at(-1)!.push(entry)
      weight += entry.key.length + entry.value.length
      if (levelOf(entry.key) < height + 1 && nodes.at(-1)!.length < 512 && weight < 131072) continue
      nodes.push([])
      weight = 0
    }
    if (nodes.at(-1)!.length === 0 && nodes.length > 1) nodes.pop()
    const hashOf = (entries: readonly Entry[]): Hash => hashBytes(encodeNode(height, entries))
    if (nodes.length === 1) return hashOf(nodes[0]!)
    row = nodes.map(entries => {
      const child = { hash: hashOf(entries), sums: sumsOfNode({ height, entries }) }
      return { key: entries.at(-1)!.key, value: encodeChild(child) }
    })
  }
}

function apply(records: Records, edits: Edits): Map<RelativePath, Record> {
  const after = new Map(records)
  for (const [item, record] of edits) {
    if (record === undefined) after.delete(item)
    else after.set(item, record)
  }
  return after
}

/** Batches of edits of few paths, so that they meet again and again. Removing is as common as putting. */
function histories(paths: readonly RelativePath[], batchMax: number): fc.Arbitrary<Edits[]> {
  const record = fc.option(
    fc.nat(2).map(version => fileRecord(`version ${version}`)),
    { nil: undefined, freq: 2 }
  )
  return fc.array(
    fc.array(fc.tuple(oneOf(paths), record), { maxLength: batchMax, size: 'max' }).map(pairs => new Map(pairs)),
    {
      maxLength: 6
    }
  )
}

/** Plays a history and says at each step whether the tree is the one that its records have. */
function staysTrue(start: Records, history: readonly Edits[]): boolean {
  const nodes = makeNodes()
  let records = new Map(start)
  let root = plant(nodes, records)
  return history.every(edits => {
    records = apply(records, edits)
    root = edit(nodes, root, edits)
    return hashesEqual(root, rootByRule(records)) && sameEntries(nodes, root, records)
  })
}

function sameEntries(nodes: Nodes, root: Hash, records: Records): boolean {
  const found = [...iterate(nodes.source, root)]
  const wanted = sorted(records)
  return (
    found.length === wanted.length &&
    found.every(
      ([item, record], i) =>
        item === wanted[i]![0] && JSON.stringify(text(record)) === JSON.stringify(text(wanted[i]![1]))
    )
  )
}

function text(record: Record): string {
  return Buffer.from(encodeWith(recordCodec, record)).toString('hex')
}

test('a tree depends on its records alone, not on the order or the batching of edits', t => {
  const paths = Array.from({ length: 1500 }, (_, i) => path(`${i % 7}/file ${i}`))
  fc.assert(
    fc.property(histories(paths, 400), history => staysTrue(new Map(), history)),
    { numRuns: 25 }
  )
  t.pass()
})

test('a tree depends on its records alone where many paths end nodes of all heights', t => {
  fc.assert(
    fc.property(histories(oddPaths, 40), history => staysTrue(new Map(), history)),
    { numRuns: 400 }
  )
  t.pass()
})

test('a tree depends on its records alone where no path ends a node, and nodes are cut because they are full', t => {
  const plain = pathsOfLevel(0, 2400)
  const paths = [...plain, ...pathsOfLevel(1, 4), ...pathsOfLevel(2, 1)]
  const start = new Map(plain.map(item => [item, fileRecord(item)]))
  t.ok(parseNode(buildTree(sorted(start)).nodes.get(hashKey(rootByRule(start)))!).height > 0, 'more than one leaf')
  fc.assert(
    fc.property(histories(paths, 12), history => staysTrue(start, history)),
    { numRuns: 8 }
  )
})

test('a tree depends on its records alone where records are so large that nodes are cut by their bytes', t => {
  const large = (i: number): Record => recordOf({ kind: 'symlink', target: `${i}`.padEnd(4000, 'x'), mtimeNs: 0n })
  const plain = pathsOfLevel(0, 120)
  const start = new Map(plain.map((item, i) => [item, large(i)]))
  t.ok(plain.length < NODE_ENTRIES_MAX && buildTree(sorted(start)).nodes.size > 3)
  fc.assert(
    fc.property(histories([...plain, ...pathsOfLevel(1, 2)], 6), history => staysTrue(start, history)),
    { numRuns: 25 }
  )
})

test('a tree is built as it would be by edits', t => {
  const nodes = makeNodes()
  const records = manyFiles(3000)
  const built = buildTree(sorted(records))
  const { root, nodes: made } = updateTree(nodes.source, EMPTY_ROOT, records)
  t.alike(root, built.root)
  t.alike([...made.keys()].sort(), [...built.nodes.keys()].sort())
  t.alike(root, rootByRule(records))
})

test('no records make the empty tree', t => {
  const nodes = makeNodes()
  t.alike(buildTree([]).root, EMPTY_ROOT)
  const records = manyFiles(300)
  const root = plant(nodes, records)
  t.alike(edit(nodes, root, new Map([...records.keys()].map(item => [item, undefined]))), EMPTY_ROOT)
  t.alike(edit(nodes, EMPTY_ROOT, new Map([[path('never there'), undefined]])), EMPTY_ROOT)
})

test('an update gives the nodes that are new, all of them and no others', t => {
  const names = (nodes: Nodes, root: Hash): Set<string> => new Set([...nodeHashes(nodes.source, root)].map(hashKey))
  fc.assert(
    fc.property(histories(oddPaths, 40), history => {
      const nodes = makeNodes()
      let root = plant(nodes, new Map())
      return history.every(edits => {
        const before = names(nodes, root)
        const update = updateTree(nodes.source, root, edits)
        root = nodes.keep(update)
        const fresh = [...names(nodes, root)].filter(name => !before.has(name)).sort()
        return JSON.stringify([...update.nodes.keys()].sort()) === JSON.stringify(fresh)
      })
    }),
    { numRuns: 300 }
  )
  t.pass()
})

test('edits that change nothing make nothing', t => {
  const nodes = makeNodes()
  const records = manyFiles(2000)
  const root = plant(nodes, records)
  const same = new Map([...records].filter((_, i) => i % 97 === 0))
  for (const edits of [new Map(), same, new Map([[path('never there'), undefined]])]) {
    const update = updateTree(nodes.source, root, edits)
    t.alike(update.root, root)
    t.is(update.nodes.size, 0)
  }
})

test('few edits in 20,000 records read and make few nodes', t => {
  const nodes = makeNodes()
  const records = manyFiles(20_000)
  const paths = [...records.keys()]
  const root = plant(nodes, records)
  const height = parseNode(nodes.kept.get(hashKey(root))!).height
  for (const count of [1, 10, 100]) {
    const edits = new Map(paths.filter((_, i) => i % (20_000 / count) === 7).map(item => [item, fileRecord('edited')]))
    nodes.reads = 0
    const update = updateTree(nodes.source, root, edits)
    t.is(edits.size, count)
    t.ok(nodes.reads <= count * (height + 1), `${nodes.reads} read for ${count} edits in a tree of height ${height}`)
    t.ok(update.nodes.size <= count * (height + 1), `${update.nodes.size} made`)
  }
})

test('the old tree stays as it was', t => {
  const nodes = makeNodes()
  const records = manyFiles(500)
  const root = plant(nodes, records)
  edit(nodes, root, new Map([...records.keys()].map(item => [item, undefined])))
  t.ok(sameEntries(nodes, root, records))
})

test('a missing node and a record over its bound are told by their codes', t => {
  const nodes = makeNodes()
  const records = manyFiles(500)
  const root = plant(nodes, records)
  const [first] = records.keys()
  for (const name of nodes.kept.keys()) if (name !== hashKey(root)) nodes.kept.delete(name)
  t.is(
    codeThrownBy(() => updateTree(nodes.source, root, new Map([[first!, undefined]]))),
    'TREE_CORRUPT'
  )
  const versions = Array.from({ length: 20 }, (_, i) => ({
    dots: fileRecord('x').context,
    payload: { kind: 'symlink' as const, target: `${i}`.padEnd(4000, 'x'), mtimeNs: BigInt(-i) }
  }))
  const huge = { context: fileRecord('x').context, versions }
  t.ok(encodeWith(recordCodec, huge).length > RECORD_BYTES_MAX)
  t.is(
    codeThrownBy(() => updateTree(nodes.source, EMPTY_ROOT, new Map([[path('huge'), huge]]))),
    'LIMIT'
  )
})
