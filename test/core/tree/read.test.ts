import test from 'brittle'
import fc from 'fast-check'
import { hashKey, hashFromKey, type HashKey } from '../../../lib/core/model/hash.js'
import { comparePaths, isBelow, type RelativePath } from '../../../lib/core/model/path.js'
import { payloadOf, sameRecord, type Record } from '../../../lib/core/model/record.js'
import { EMPTY_ROOT, parseNode } from '../../../lib/core/tree/node.js'
import { getRecord, iterate, nodeHashes, subtreeSums } from '../../../lib/core/tree/read.js'
import type { Sums } from '../../../lib/core/tree/sums.js'
import { oddPaths, oneOf } from '../../make/levels.js'
import { makeNodes, plant, sorted, type Records } from '../../make/nodes.js'
import {
  arbitraryPath,
  arbitraryRecord,
  deletedRecord,
  fileRecord,
  manyFiles,
  path,
  recordOf
} from '../../make/record.js'
import { codeThrownBy } from '../../make/thrown.js'

const somePath = fc.oneof(arbitraryPath, oneOf(oddPaths))
const someRecords: fc.Arbitrary<Records> = fc
  .array(fc.tuple(somePath, arbitraryRecord), { maxLength: 60, size: 'max' })
  .map(pairs => new Map(pairs))

function sumsByHand(records: Iterable<readonly [RelativePath, Record]>): Sums {
  let sums = { records: 0, files: 0, bytes: 0 }
  for (const [, record] of records) {
    const payload = payloadOf(record)
    const size = payload.kind === 'file' ? payload.size : 0
    const files = sums.files + (payload.kind === 'file' ? 1 : 0)
    sums = { records: sums.records + 1, files, bytes: Math.min(sums.bytes + size, Number.MAX_SAFE_INTEGER) }
  }
  return sums
}

test('a record is found at its path, and nothing at any other', t => {
  fc.assert(
    fc.property(someRecords, somePath, (records, other) => {
      const nodes = makeNodes()
      const root = plant(nodes, records)
      return [...records.keys(), other].every(item =>
        sameRecord(getRecord(nodes.source, root, item), records.get(item))
      )
    })
  )
  t.is(getRecord(makeNodes().source, EMPTY_ROOT, path('a')), undefined)
})

test('a range gives what lies in it, in order, and nothing else', t => {
  fc.assert(
    fc.property(
      someRecords,
      fc.option(somePath, { nil: undefined }),
      fc.option(somePath, { nil: undefined }),
      (records, near, from) => {
        const nodes = makeNodes()
        const root = plant(nodes, records)
        const directories = new Set([near, near?.split('/')[0] as RelativePath | undefined])
        return [...directories].every(below => {
          const wanted = sorted(records).filter(
            ([item]) =>
              (below === undefined || isBelow(item, below)) && (from === undefined || comparePaths(item, from) >= 0)
          )
          const found = [...iterate(nodes.source, root, { below, from })]
          return (
            found.length === wanted.length &&
            found.every(([item, record], i) => item === wanted[i]![0] && sameRecord(record, wanted[i]![1]))
          )
        })
      }
    ),
    { numRuns: 300 }
  )
  t.pass()
})

test('the sums of a directory are those of what lies below it', t => {
  fc.assert(
    fc.property(someRecords, somePath, (records, near) => {
      const nodes = makeNodes()
      const root = plant(nodes, records)
      return [undefined, near, near.split('/')[0] as RelativePath].every(directory => {
        const wanted = sumsByHand([...records].filter(([item]) => directory === undefined || isBelow(item, directory)))
        return JSON.stringify(subtreeSums(nodes.source, root, directory)) === JSON.stringify(wanted)
      })
    }),
    { numRuns: 300 }
  )
  t.pass()
})

test('only live regular files count as files, and a sum of sizes never overflows', t => {
  const nodes = makeNodes()
  const root = plant(
    nodes,
    new Map([
      [path('d'), recordOf({ kind: 'directory', mode: 0o755 })],
      [path('d/gone'), deletedRecord()],
      [path('d/link'), recordOf({ kind: 'symlink', target: 'x', mtimeNs: 0n })],
      [path('d/small'), fileRecord('small', { size: 7 })],
      [path('huge'), fileRecord('huge', { size: Number.MAX_SAFE_INTEGER })],
      [path('huge too'), fileRecord('huge too', { size: Number.MAX_SAFE_INTEGER })]
    ])
  )
  t.alike(subtreeSums(nodes.source, root, path('d')), { records: 3, files: 1, bytes: 7 })
  t.alike(subtreeSums(nodes.source, root, undefined), { records: 6, files: 3, bytes: Number.MAX_SAFE_INTEGER })
})

test('reading one path, one directory or its sums reads few nodes', t => {
  const nodes = makeNodes()
  const records = manyFiles(20_000)
  const root = plant(nodes, records)
  const height = parseNode(nodes.kept.get(hashKey(root))!).height
  const readsOf = (act: () => unknown): number => {
    nodes.reads = 0
    act()
    return nodes.reads
  }
  const one = readsOf(() => getRecord(nodes.source, root, path('directory 17/file 217.txt')))
  t.is(one, height + 1)
  const range = readsOf(() => [...iterate(nodes.source, root, { below: path('directory 17') })])
  t.ok(range <= 20 + height, `${range} for a directory of 100`)
  const sums = readsOf(() => subtreeSums(nodes.source, root, path('directory 17')))
  t.ok(sums <= 2 * height + 1, `${sums} for its sums`)
})

test('all nodes of a tree are named once, without reading a leaf', t => {
  const nodes = makeNodes()
  const root = plant(nodes, manyFiles(5000))
  const leaves = [...nodes.kept].filter(([, bytes]) => parseNode(bytes).height === 0).map(([name]) => name)
  const names = [...nodeHashes(nodes.source, root)].map(hashKey)
  t.alike([...names].sort(), [...nodes.kept.keys()].sort())
  t.ok(leaves.length > 100)
  for (const name of leaves) nodes.kept.delete(name)
  t.alike([...nodeHashes(nodes.source, root)].map(hashKey), names)
})

test('naming the nodes of a tree goes on behind one that is missing', t => {
  const nodes = makeNodes()
  const root = plant(nodes, manyFiles(5000))
  const inner = [...nodes.kept].filter(([, bytes]) => parseNode(bytes).height === 1).map(([name]) => name)
  const all = new Set([...nodeHashes(nodes.source, root)].map(hashKey))
  const below = parseNode(nodes.kept.get(inner[1]!)!).entries.length
  nodes.kept.delete(inner[1]!)
  const named = [...nodeHashes(nodes.source, root)].map(hashKey)
  t.is(named.length, all.size - below)
  t.ok(named.includes(inner[1] as HashKey) && named.every(name => all.has(name)))
  t.alike([...nodeHashes(nodes.source, hashFromKey(inner[1] as HashKey))].map(hashKey), [inner[1]])
})

test('a tree with a node missing or in the wrong place says so', t => {
  const nodes = makeNodes()
  const root = plant(nodes, manyFiles(500))
  const [leaf] = [...nodes.kept].find(([, bytes]) => parseNode(bytes).height === 0)!
  nodes.kept.set(leaf, nodes.kept.get(hashKey(root))!)
  t.is(
    codeThrownBy(() => [...iterate(nodes.source, root)]),
    'TREE_CORRUPT'
  )
  nodes.kept.delete(leaf)
  t.is(
    codeThrownBy(() => [...iterate(nodes.source, root)]),
    'TREE_CORRUPT'
  )
})
