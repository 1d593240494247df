import test from 'brittle'
import fc from 'fast-check'
import { hashKey, type Hash } from '../../../lib/core/model/hash.js'
import { comparePaths, type RelativePath } from '../../../lib/core/model/path.js'
import { sameRecord, type Record } from '../../../lib/core/model/record.js'
import { DIFF_BATCH_MAX, diffTrees, type DiffOptions, type DiffStep } from '../../../lib/core/tree/diff.js'
import { EMPTY_ROOT, parseNode } from '../../../lib/core/tree/node.js'
import { oddPaths, oneOf, pathsOfLevel } from '../../make/levels.js'
import { edit, makeNodes, plant, sorted, type Nodes, type Records } from '../../make/nodes.js'
import { fileRecord, manyFiles, path } from '../../make/record.js'
import { codeThrownBy } from '../../make/thrown.js'

type Difference = Extract<DiffStep, { kind: 'differs' }>
type Edits = Map<RelativePath, Record | undefined>

/** What a diff did: what it found, and the batches of nodes that it asked for. */
interface Outcome {
  readonly found: Difference[]
  readonly asked: (readonly Hash[])[]
}

/** Runs a diff to its end. `answer` brings what is wanted. */
function run(
  nodes: Nodes,
  a: Hash,
  b: Hash,
  { answer, ...options }: DiffOptions & { readonly answer?: (hashes: readonly Hash[]) => void } = {}
): Outcome {
  const outcome: Outcome = { found: [], asked: [] }
  for (const step of diffTrees(nodes.source, a, b, options)) {
    if (step.kind === 'differs') outcome.found.push(step)
    if (step.kind !== 'wanted') continue
    outcome.asked.push(step.hashes)
    answer?.(step.hashes)
  }
  return outcome
}

/** Copies nodes from a peer, as many of a batch as `share` says. */
function fetchFrom(peer: Nodes, nodes: Nodes, share = DIFF_BATCH_MAX): (hashes: readonly Hash[]) => void {
  return hashes => {
    for (const hash of hashes.slice(0, share)) nodes.kept.set(hashKey(hash), peer.kept.get(hashKey(hash))!)
  }
}

/** True where `found` is exactly what differs, in order. */
function isDifference(found: readonly Difference[], a: Records, b: Records): boolean {
  const all = [...new Set([...a.keys(), ...b.keys()])].sort(comparePaths)
  const wanted = all.filter(item => !sameRecord(a.get(item), b.get(item)))
  return (
    wanted.length === found.length &&
    found.every((step, i) => {
      const item = wanted[i]!
      return step.path === item && sameRecord(step.a, a.get(item)) && sameRecord(step.b, b.get(item))
    })
  )
}

function apply(records: Records, edits: Edits): Map<RelativePath, Record> {
  const after = new Map(records)
  for (const [item, record] of edits) {
    if (record === undefined) after.delete(item)
    else after.set(item, record)
  }
  return after
}

function editsOf(paths: readonly RelativePath[], maximum: number): fc.Arbitrary<Edits> {
  const record = fc.option(
    fc.nat(2).map(version => fileRecord(`version ${version}`)),
    { nil: undefined, freq: 2 }
  )
  return fc.array(fc.tuple(oneOf(paths), record), { maxLength: maximum, size: 'max' }).map(pairs => new Map(pairs))
}

test('a diff finds what differs, in order, and nothing else', t => {
  fc.assert(
    fc.property(editsOf(oddPaths, 60), editsOf(oddPaths, 60), (first, second) => {
      const nodes = makeNodes()
      const a = apply(new Map(), first)
      const b = apply(new Map(), second)
      const roots = [plant(nodes, a), plant(nodes, b)] as const
      return isDifference(run(nodes, ...roots).found, a, b)
    }),
    { numRuns: 500 }
  )
  const paths = [...manyFiles(3000).keys()]
  fc.assert(
    fc.property(editsOf(paths, 2000), editsOf(paths, 60), editsOf(paths, 60), (base, left, right) => {
      const nodes = makeNodes()
      const a = apply(apply(new Map(), base), left)
      const b = apply(apply(new Map(), base), right)
      return isDifference(run(nodes, plant(nodes, a), plant(nodes, b), { trusted: 'both' }).found, a, b)
    }),
    { numRuns: 30 }
  )
  t.pass()
})

test('a diff with a tree that is elsewhere asks for what it lacks, once, and for nothing else', t => {
  fc.assert(
    fc.property(editsOf(oddPaths, 60), editsOf(oddPaths, 20), fc.boolean(), (first, change, isFromEmpty) => {
      const nodes = makeNodes()
      const peer = makeNodes()
      const a = isFromEmpty ? new Map<RelativePath, Record>() : apply(new Map(), first)
      const b = apply(apply(new Map(), first), change)
      const root = plant(nodes, a)
      const had = new Set(nodes.kept.keys())
      const { found, asked } = run(nodes, root, plant(peer, b), { answer: fetchFrom(peer, nodes) })
      const names = asked.flat().map(hashKey)
      return (
        isDifference(found, a, b) &&
        new Set(names).size === names.length &&
        names.every(name => peer.kept.has(name) && !had.has(name)) &&
        asked.every(hashes => hashes.length >= 1 && hashes.length <= DIFF_BATCH_MAX)
      )
    }),
    { numRuns: 500 }
  )
  t.pass()
})

test('a diff gets to its end where each answer brings only the first of the nodes', t => {
  const nodes = makeNodes()
  const peer = makeNodes()
  const a = manyFiles(2000)
  const b = apply(a, new Map([...a.keys()].filter((_, i) => i % 40 === 0).map(item => [item, fileRecord('new')])))
  const outcome = run(nodes, plant(nodes, a), plant(peer, b), { answer: fetchFrom(peer, nodes, 1) })
  t.ok(isDifference(outcome.found, a, b))
})

test('equal trees need no node at all', t => {
  const nodes = makeNodes()
  const root = plant(makeNodes(), manyFiles(100))
  t.alike(run(nodes, root, root), { found: [], asked: [] })
  t.is(nodes.reads, 0)
})

test('k edits in 20,000 records read O(k · height) nodes', t => {
  const nodes = makeNodes()
  const records = manyFiles(20_000)
  const paths = [...records.keys()]
  const a = plant(nodes, records)
  const height = parseNode(nodes.kept.get(hashKey(a))!).height
  for (const count of [1, 10, 100, 500]) {
    const changed = paths.filter((_, i) => (i * 7919) % 20_000 < count)
    const edits = new Map(changed.map((item, i) => [item, i % 3 === 0 ? undefined : fileRecord(`edited ${i}`)]))
    const b = edit(nodes, a, edits)
    nodes.reads = 0
    t.is(run(nodes, a, b).found.length, count)
    // Two trees, each node looked for and read, and now and then the neighbour of a node that ends elsewhere.
    t.ok(nodes.reads <= 5 * count * (height + 1), `${nodes.reads} for ${count} edits in a tree of height ${height}`)
  }
})

test('few edits elsewhere take a round for each height, and few nodes', t => {
  const records = manyFiles(20_000)
  const paths = [...records.keys()]
  for (const count of [1, 10, 60]) {
    const nodes = makeNodes()
    const peer = makeNodes()
    const a = plant(nodes, records)
    plant(peer, records)
    const edits = new Map(paths.filter((_, i) => (i * 7919) % 20_000 < count).map(item => [item, fileRecord('edited')]))
    const b = edit(peer, a, edits)
    const height = parseNode(peer.kept.get(hashKey(b))!).height
    const { found, asked } = run(nodes, a, b, { answer: fetchFrom(peer, nodes) })
    t.is(found.length, count)
    t.is(asked.length, height + 1, `${asked.length} rounds for ${count} edits in a tree of height ${height}`)
    t.ok(asked.flat().length <= count * (height + 1), `${asked.flat().length} nodes`)
  }
})

test('a first sync asks for full batches, and never for all at once', t => {
  const nodes = makeNodes()
  const peer = makeNodes()
  const b = plant(peer, manyFiles(40_000))
  const height = parseNode(peer.kept.get(hashKey(b))!).height
  const found: DiffStep[] = []
  const asked: number[] = []
  let askedBeforeFirst = 0
  let pauses = 0
  for (const step of diffTrees(nodes.source, EMPTY_ROOT, b)) {
    if (step.kind === 'differs' && found.push(step) === 1) askedBeforeFirst = asked.length
    if (step.kind === 'pause') pauses++
    if (step.kind !== 'wanted') continue
    asked.push(step.hashes.length)
    fetchFrom(peer, nodes)(step.hashes)
  }
  t.is(found.length, 40_000)
  t.is(nodes.kept.size, peer.kept.size)
  t.ok(Math.max(...asked) <= DIFF_BATCH_MAX)
  t.ok(asked.length <= height + 2 + Math.ceil(peer.kept.size / DIFF_BATCH_MAX), `${asked.length} rounds`)
  t.ok(askedBeforeFirst <= height + 1, 'the first records come before the last nodes')
  t.ok(pauses >= 3, `${pauses} pauses`)
})

test('trees of different heights are told apart where they differ only', t => {
  const [high] = pathsOfLevel(3, 1)
  const nodes = makeNodes()
  const low = manyFiles(1000)
  const tall = new Map([...low, [high!, fileRecord('high')]] as const)
  const a = plant(nodes, low)
  const b = plant(nodes, tall)
  const heights = [a, b].map(root => parseNode(nodes.kept.get(hashKey(root))!).height)
  t.ok(heights[0]! < heights[1]!, `heights ${heights.join(' and ')}`)
  for (const [from, to, before, after] of [
    [a, b, low, tall],
    [b, a, tall, low]
  ] as const) {
    nodes.reads = 0
    t.ok(isDifference(run(nodes, from, to).found, before, after))
    t.ok(nodes.reads <= 8 * (heights[1]! + 1), `${nodes.reads} nodes read`)
  }
})

test('an edit in a run that no path ends moves its cuts and is found', t => {
  const nodes = makeNodes()
  const plain = pathsOfLevel(0, 1500)
  const records = new Map(plain.map(item => [item, fileRecord(item)]))
  const first = sorted(records)[0]![0]
  const a = plant(nodes, records)
  const b = edit(nodes, a, new Map([[first, undefined]]))
  t.ok(isDifference(run(nodes, a, b).found, records, apply(records, new Map([[first, undefined]]))))
})

test('a node that nobody brings ends the diff', t => {
  const nodes = makeNodes()
  const peer = makeNodes()
  const b = plant(peer, manyFiles(2000))
  t.is(
    codeThrownBy(() => run(nodes, EMPTY_ROOT, b)),
    'UNAVAILABLE'
  )
  let rounds = 0
  const onlyOnce = (hashes: readonly Hash[]): void => {
    if (rounds++ === 0) fetchFrom(peer, nodes)(hashes)
  }
  t.is(
    codeThrownBy(() => run(nodes, EMPTY_ROOT, b, { answer: onlyOnce })),
    'UNAVAILABLE'
  )
})

test('nodes of both trees are asked for where both are elsewhere', t => {
  const nodes = makeNodes()
  const peer = makeNodes()
  const a = manyFiles(2000)
  const b = apply(a, new Map([[path('new'), fileRecord('new')]]))
  const outcome = run(nodes, plant(peer, a), plant(peer, b), { answer: fetchFrom(peer, nodes) })
  t.ok(isDifference(outcome.found, a, b))
})

test('what a held tree has just as the other side has it is passed over, and nothing else is', t => {
  fc.assert(
    fc.property(
      editsOf(oddPaths, 60),
      editsOf(oddPaths, 60),
      editsOf(oddPaths, 20),
      editsOf(oddPaths, 10),
      (first, second, third, own) => {
        const nodes = makeNodes()
        const a = apply(new Map(), first)
        const b = apply(a, second)
        const held = apply(apply(b, third), own)
        const { found } = run(nodes, plant(nodes, a), plant(nodes, b), { held: plant(nodes, held) })
        const told = new Map(found.map(step => [step.path, step]))
        for (const [item, record] of b) {
          const isNews = !sameRecord(record, a.get(item)) && !sameRecord(record, held.get(item))
          if (isNews && !sameRecord(told.get(item)?.b, record)) return false
        }
        return found.every(step => step.b === undefined || sameRecord(step.b, b.get(step.path)))
      }
    ),
    { numRuns: 300 }
  )
  t.pass()
})

test('a peer that copies this device is followed without reading what it copied', t => {
  const nodes = makeNodes()
  const all = manyFiles(20_000)
  const entries = sorted(all)
  const half = new Map(entries.slice(0, 10_000))
  const more = new Map(entries.slice(0, 12_000))
  const own = plant(nodes, all)
  const [from, to] = [plant(nodes, half), plant(nodes, more)]
  const found = run(nodes, from, to).found
  t.is(found.length, 2000)
  nodes.reads = 0
  const passed = run(nodes, from, to, { held: own }).found.length
  t.ok(passed < 300 && nodes.reads < 100, `${passed} differences, ${nodes.reads} reads`)
})
