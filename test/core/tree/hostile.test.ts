import test from 'brittle'
import fc from 'fast-check'
import { encodeWith } from '../../../lib/core/codec.js'
import { isBackerError, type ErrorCode } from '../../../lib/core/error.js'
import { hashBytes, hashesEqual, hashKey, type Hash } from '../../../lib/core/model/hash.js'
import { comparePaths, type RelativePath } from '../../../lib/core/model/path.js'
import { recordCodec, type Record } from '../../../lib/core/model/record.js'
import { childOf, encodeChild, sumsOfNode, type Child } from '../../../lib/core/tree/child.js'
import { diffTrees } from '../../../lib/core/tree/diff.js'
import { asKey, keyOf, levelOf } from '../../../lib/core/tree/key.js'
import { EMPTY_ROOT, encodeNode, parseNode, type Entry, type TreeNode } from '../../../lib/core/tree/node.js'
import { mutationsOf } from '../../make/mutation.js'
import { oddPaths, oneOf } from '../../make/levels.js'
import { makeNodes, plant, sorted, type Nodes, type Records } from '../../make/nodes.js'
import { fileRecord, manyFiles, path } from '../../make/record.js'

/** What a diff against a hostile tree ends in, and how far it came: the number of differences, each path behind the one before. */
function walk(nodes: Nodes, root: Hash, mine: Hash = EMPTY_ROOT): { code: ErrorCode | undefined; found: number } {
  let found = 0
  let last: string | undefined
  try {
    for (const step of diffTrees(nodes.source, mine, root)) {
      if (step.kind !== 'differs') continue
      if (last !== undefined && comparePaths(last, step.path) >= 0) throw new Error('out of order')
      last = step.path
      found++
    }
    return { code: undefined, found }
  } catch (error) {
    if (isBackerError(error)) return { code: error.code, found }
    throw error
  }
}

function keep(nodes: Nodes, { height, entries }: TreeNode): Hash {
  const bytes = encodeNode(height, entries)
  const hash = hashBytes(bytes)
  nodes.kept.set(hashKey(hash), bytes)
  return hash
}

/** What an honest parent says of a node; `lie` changes it. */
function parentEntry(nodes: Nodes, node: TreeNode, lie: Partial<Child> & { readonly key?: Entry['key'] } = {}): Entry {
  const child = { hash: lie.hash ?? keep(nodes, node), sums: lie.sums ?? sumsOfNode(node) }
  return { key: lie.key ?? node.entries.at(-1)?.key ?? asKey(Buffer.from('zzz')), value: encodeChild(child) }
}

/** An honest tree of two rows, to be changed. */
function honest(): { nodes: Nodes; root: TreeNode; leaves: TreeNode[] } {
  const nodes = makeNodes()
  const hash = plant(nodes, manyFiles(300))
  const root = parseNode(nodes.kept.get(hashKey(hash))!)
  const leaves = root.entries.map(entry => parseNode(nodes.kept.get(hashKey(childOf(entry).hash))!))
  return { nodes, root, leaves }
}

/** The root of the honest tree with its `index`-th child taken away and `entries` in its place. */
function withChild(nodes: Nodes, root: TreeNode, index: number, ...entries: Entry[]): Hash {
  return keep(nodes, { height: root.height, entries: root.entries.toSpliced(index, 1, ...entries) })
}

const value = encodeWith(recordCodec, fileRecord('x'))
const zeroLevel = (prefix: string): Entry['key'] =>
  Array.from({ length: 50 }, (_, i) => keyOf(path(`${prefix}${i}`))).find(key => levelOf(key) === 0)!

test('an honest tree is walked to its end', t => {
  const { nodes, root, leaves } = honest()
  t.ok(root.height === 1 && leaves.length >= 6 && leaves.every(leaf => leaf.height === 0))
  t.alike(walk(nodes, keep(nodes, root)), { code: undefined, found: 300 })
})

const lies: [string, (world: ReturnType<typeof honest>) => Hash][] = [
  [
    'a parent that claims more records',
    ({ nodes, root, leaves: [, leaf] }) => {
      const sums = { ...sumsOfNode(leaf!), records: leaf!.entries.length + 1 }
      return withChild(nodes, root, 1, parentEntry(nodes, leaf!, { sums }))
    }
  ],
  [
    'a parent that claims more bytes',
    ({ nodes, root, leaves: [, leaf] }) => {
      const sums = { ...sumsOfNode(leaf!), bytes: Number.MAX_SAFE_INTEGER }
      return withChild(nodes, root, 1, parentEntry(nodes, leaf!, { sums }))
    }
  ],
  [
    'a parent that names another end',
    ({ nodes, root, leaves: [, leaf] }) => {
      const key = asKey(Buffer.concat([leaf!.entries.at(-1)!.key, Buffer.from('x')]))
      return withChild(nodes, root, 1, parentEntry(nodes, leaf!, { key }))
    }
  ],
  [
    'a child that is as high as its parent',
    ({ nodes, root }) => withChild(nodes, root, root.entries.length - 1, parentEntry(nodes, root))
  ],
  [
    'a child that is empty',
    ({ nodes, root }) => withChild(nodes, root, 1, parentEntry(nodes, { height: 0, entries: [] }))
  ],
  [
    'a child that begins before its place',
    ({ nodes, root, leaves: [, leaf] }) => {
      const before = { key: zeroLevel('!before'), value }
      return withChild(nodes, root, 1, parentEntry(nodes, { height: 0, entries: [before, ...leaf!.entries] }))
    }
  ],
  ['a child that stands twice', ({ nodes, root }) => withChild(nodes, root, 1, root.entries[1]!, root.entries[1]!)],
  [
    'a node cut in two',
    ({ nodes, root, leaves }) => {
      const index = leaves.findIndex((leaf, i) => i < leaves.length - 1 && leaf.entries.length > 1)
      const { entries } = leaves[index]!
      const halves = [entries.slice(0, 1), entries.slice(1)].map(half => ({ height: 0, entries: half }))
      return withChild(nodes, root, index, ...halves.map(half => parentEntry(nodes, half)))
    }
  ],
  [
    'two nodes in one',
    ({ nodes, root, leaves }) => {
      const merged = { height: 0, entries: [...leaves[1]!.entries, ...leaves[2]!.entries] }
      const entries = root.entries.toSpliced(1, 2, parentEntry(nodes, merged))
      return keep(nodes, { height: 1, entries })
    }
  ],
  [
    'a root with a single child',
    ({ nodes, leaves: [leaf] }) => keep(nodes, { height: 1, entries: [parentEntry(nodes, leaf!)] })
  ],
  ['a root above a root', ({ nodes, root }) => keep(nodes, { height: 2, entries: [parentEntry(nodes, root)] })]
]

test('a tree that lies or has another shape is found out, from wherever one comes', t => {
  for (const [what, lie] of lies) {
    const world = honest()
    const root = lie(world)
    t.is(walk(world.nodes, root).code, 'TREE_CORRUPT', what)
    t.is(walk(world.nodes, root, keep(world.nodes, world.root)).code, 'TREE_CORRUPT', `${what}, beside an honest one`)
  }
})

/** Rows of nodes over `records`, cut where the rule cuts, except where `flips` says otherwise. */
function shape(nodes: Nodes, records: Records, flips: readonly number[]): Hash {
  const remaining = [...flips]
  let row = sorted(records).map(([item, record]): Entry => ({
    key: keyOf(item),
    value: encodeWith(recordCodec, record)
  }))
  for (let height = 0; ; height++) {
    const made: Entry[] = []
    let entries: Entry[] = []
    for (const [i, entry] of row.entries()) {
      entries.push(entry)
      const isFlipped = remaining[0] !== undefined && remaining[0]-- === 0
      if (isFlipped) remaining.shift()
      if (levelOf(entry.key) > height === isFlipped && i < row.length - 1) continue
      made.push(parentEntry(nodes, { height, entries }))
      entries = []
    }
    if (made.length === 1) return childOf(made[0]!).hash
    row = made
  }
}

/** The root of the tree that the records which a walk finds should have; undefined where the walk finds the tree out. */
function rootOfFound(nodes: Nodes, root: Hash): Hash | undefined {
  const found = new Map<RelativePath, Record>()
  try {
    for (const step of diffTrees(nodes.source, EMPTY_ROOT, root))
      if (step.kind === 'differs' && step.b !== undefined) found.set(step.path, step.b)
  } catch (error) {
    if (isBackerError(error)) return undefined
    throw error
  }
  return plant(makeNodes(), found)
}

const someRecords = fc
  .array(oneOf(oddPaths), { minLength: 5, maxLength: 60, size: 'max' })
  .map(paths => new Map(paths.map(item => [item, fileRecord(item)])))

test('of all ways to cut one set of records into nodes only one is taken', t => {
  let refused = 0
  fc.assert(
    fc.property(someRecords, fc.array(fc.nat(40), { minLength: 0, maxLength: 3 }), (records, flips) => {
      const nodes = makeNodes()
      const root = shape(nodes, records, flips)
      const honestRoot = plant(makeNodes(), records)
      const found = rootOfFound(nodes, root)
      if (found === undefined) refused++
      return hashesEqual(root, honestRoot) ? found !== undefined : found === undefined
    }),
    { numRuns: 1000 }
  )
  t.ok(refused > 100, `${refused} of 1,000 were refused`)
})

test('B6: whatever a hostile writer puts for a node is found out, or is the tree of the records that it holds', t => {
  const { nodes, root, leaves } = honest()
  const change = fc
    .nat(leaves.length - 1)
    .chain(i => mutationsOf(encodeNode(0, leaves[i]!.entries)).map(bytes => ({ i, bytes })))
  let taken = 0
  fc.assert(
    fc.property(change, ({ i, bytes }) => {
      const forged = makeNodes()
      for (const [name, kept] of nodes.kept) forged.kept.set(name, kept)
      const hash = hashBytes(bytes)
      forged.kept.set(hashKey(hash), bytes)
      const forgedRoot = withChild(forged, root, i, entryFor(bytes, hash, root.entries[i]!))
      const found = rootOfFound(forged, forgedRoot)
      if (found !== undefined) taken++
      return found === undefined || hashesEqual(found, forgedRoot)
    }),
    { numRuns: 1500 }
  )
  t.ok(taken > 20, `${taken} of 1,500 were records of another kind`)
})

/** The best lie for a changed node: what an honest parent would say, where the bytes are a node at all. */
function entryFor(bytes: Uint8Array, hash: Hash, before: Entry): Entry {
  try {
    const node = parseNode(bytes)
    return { key: node.entries.at(-1)!.key, value: encodeChild({ hash, sums: sumsOfNode(node) }) }
  } catch {
    return { key: before.key, value: encodeChild({ ...childOf(before), hash }) }
  }
}
