import test from 'brittle'
import fc from 'fast-check'
import { EMPTY_CONTENT } from '../../../lib/core/chunk/content-builder.js'
import {
  CONTENT_NODE_ENTRIES_MAX,
  decodeContentNode,
  encodeContentNode,
  type ContentNode
} from '../../../lib/core/chunk/content-node.js'
import {
  contentFromChunkList,
  contentOf,
  CONTENT_BATCH_MAX,
  decodeChunkList,
  encodeChunkList,
  nodesOfContent,
  walkContent,
  type Chunk
} from '../../../lib/core/chunk/content-tree.js'
import { CHUNK_BYTES_MAX } from '../../../lib/core/chunk/fastcdc.js'
import { hashBytes, hashesEqual, hashKey, leadingZeroGroups, type Hash } from '../../../lib/core/model/hash.js'
import type { Content } from '../../../lib/core/model/record.js'
import { decodeNode } from '../../../lib/core/tree/check.js'
import { EMPTY_NODE } from '../../../lib/core/tree/node.js'
import { isRefusedOrCanonical, mutationsOf, refusesTruncations } from '../../make/mutation.js'
import { hashOf } from '../../make/record.js'
import { codeThrownBy } from '../../make/thrown.js'

type Nodes = Map<string, Uint8Array>

/** The chunk with this number: always the same. */
function chunk(number: number): Chunk {
  return { hash: hashOf(`chunk ${number}`), length: 100_000 + number }
}

function chunksFrom(first: number, count: number): Chunk[] {
  return Array.from({ length: count }, (_, i) => chunk(first + i))
}

const sizeOf = (chunks: readonly Chunk[]): number => chunks.reduce((sum, { length }) => sum + length, 0)
const levelOf = ({ hash }: Chunk): number => leadingZeroGroups(hash, 6)

/** Chunks of which many end nodes, of all heights: few of them make high trees of odd shapes. */
const oddChunks: Chunk[] = [0, 1, 2].flatMap(level => {
  const found: Chunk[] = []
  for (let i = 0; found.length < [20, 10, 3][level]!; i++) if (levelOf(chunk(i)) === level) found.push(chunk(i))
  return found
})
const files = fc.array(
  fc.nat(oddChunks.length - 1).map(i => oddChunks[i]!),
  { maxLength: 80, size: 'max' }
)

/** The content by the rule itself: row upon row, each cut from scratch. */
function contentByRule(chunks: readonly Chunk[]): Content {
  let row = chunks.map(item => ({ hash: item.hash, bytes: item.length, chunks: 1, level: levelOf(item) }))
  if (row.length === 0) return { root: hashBytes(new Uint8Array()), height: 0 }
  for (let height = 0; row.length > 1; height++) {
    const above: typeof row = []
    let entries: typeof row = []
    for (const [i, item] of row.entries()) {
      entries.push(item)
      if (item.level < height + 1 && entries.length < 512 && i < row.length - 1) continue
      const sum = (of: 'bytes' | 'chunks'): number => entries.reduce((total, entry) => total + entry[of], 0)
      const hash = hashBytes(encodeContentNode({ height, entries }))
      above.push({ hash, bytes: sum('bytes'), chunks: sum('chunks'), level: item.level })
      entries = []
    }
    row = above
    if (row.length === 1) return { root: row[0]!.hash, height: height + 1 }
  }
  return { root: row[0]!.hash, height: 0 }
}

const sameContents = (a: Content, b: Content): boolean => a.height === b.height && hashesEqual(a.root, b.root)

test('a chunk list comes back as it was, without an object for each chunk', t => {
  const chunks = chunksFrom(0, 100)
  const list = decodeChunkList(encodeChunkList(chunks))
  t.is(list.count, 100)
  t.is(list.size, sizeOf(chunks))
  t.ok(chunks.every((item, i) => hashesEqual(list.hash(i), item.hash) && list.length(i) === item.length))
  t.ok(chunks.every((_, i) => list.offsetOf(i) === sizeOf(chunks.slice(0, i))))
  t.is(list.offsetOf(100), list.size)
  t.alike(encodeChunkList([]), new Uint8Array())
  t.is(decodeChunkList(new Uint8Array()).size, 0)
  const elsewhere = Buffer.concat([Buffer.alloc(7), encodeChunkList(chunks)]).subarray(7)
  t.is(decodeChunkList(elsewhere).length(99), 100_099)
})

test('a chunk list that no file has is refused', t => {
  const list = encodeChunkList(chunksFrom(0, 3))
  t.is(
    codeThrownBy(() => decodeChunkList(list.subarray(1))),
    'MALFORMED'
  )
  for (const length of [0, CHUNK_BYTES_MAX + 1, 2 ** 32 - 1]) {
    new DataView(list.buffer).setUint32(32, length, true)
    t.is(
      codeThrownBy(() => decodeChunkList(list)),
      'LIMIT'
    )
  }
  t.is(
    codeThrownBy(() => encodeChunkList([{ hash: hashOf('x'), length: CHUNK_BYTES_MAX + 1 }])),
    'LIMIT'
  )
})

test('the content of a file is a function of its chunks', t => {
  fc.assert(
    fc.property(files, chunks => {
      const { content, nodes } = contentOf(chunks)
      const list = encodeChunkList(chunks)
      return (
        sameContents(content, contentByRule(chunks)) &&
        sameContents(content, contentFromChunkList(list)) &&
        JSON.stringify([...nodes.keys()].sort()) === JSON.stringify([...nodesOfContent(list).keys()].sort()) &&
        [...nodes].every(([name, bytes]) => hashKey(hashBytes(bytes)) === name)
      )
    }),
    { numRuns: 500 }
  )
  const long = chunksFrom(0, 20_000)
  t.ok(sameContents(contentOf(long).content, contentByRule(long)))
  t.is(contentOf(long).content.height, 3)
})

test('a file of no chunk or one has no nodes', t => {
  t.alike(contentOf([]).content, EMPTY_CONTENT)
  t.alike(contentOf([chunk(1)]), { content: { root: chunk(1).hash, height: 0 }, nodes: new Map() })
  for (const only of oddChunks) t.is(contentOf([only]).nodes.size, 0)
  t.is(contentOf([chunk(1), chunk(2)]).content.height, 1)
})

test('a file of one chunk over and over is cut into full nodes', t => {
  for (const level of [0, 1, 2]) {
    const [same] = oddChunks.filter(item => levelOf(item) === level)
    const chunks = Array.from({ length: 2000 }, () => same!)
    const { content, nodes } = contentOf(chunks)
    t.ok(sameContents(content, contentByRule(chunks)), `level ${level}`)
    for (const bytes of nodes.values()) if (decodeContentNode(bytes).entries.length > CONTENT_NODE_ENTRIES_MAX) t.fail()
  }
})

test('an edit of a large file makes few nodes, wherever it is and whatever it shifts', t => {
  const chunks = chunksFrom(0, 10_000)
  const { content, nodes } = contentOf(chunks)
  const places = fc.record({ at: fc.nat(9_999), removed: fc.nat(3), inserted: fc.nat(3) })
  fc.assert(
    fc.property(places, ({ at, removed, inserted }) => {
      const edited = chunks.toSpliced(at, removed, ...chunksFrom(20_000, inserted))
      const fresh = [...contentOf(edited).nodes.keys()].filter(name => !nodes.has(name as never))
      return fresh.length <= 2 * content.height
    }),
    { numRuns: 100 }
  )
  t.is(content.height, 3)
})

/** Walks a content with what `from` has on demand; gives the chunk list and the batches that were asked for. */
function walk(content: Content, size: number, known: Nodes, from: Nodes): { list: Uint8Array; asked: Hash[][] } {
  const asked: Hash[][] = []
  const walking = walkContent(hash => known.get(hashKey(hash)), content, size)
  for (let step = walking.next(); ; step = walking.next()) {
    if (step.done === true) return { list: step.value, asked }
    asked.push([...step.value])
    for (const hash of step.value) {
      const bytes = from.get(hashKey(hash))
      if (bytes !== undefined) known.set(hashKey(hash), bytes)
    }
  }
}

test('a walk finds the chunks of a content that is elsewhere, and asks for each node once', t => {
  fc.assert(
    fc.property(files, chunks => {
      const { content, nodes } = contentOf(chunks)
      const { list, asked } = walk(content, sizeOf(chunks), new Map(), nodes)
      const names = asked.flat().map(hashKey)
      return (
        Buffer.compare(list, encodeChunkList(chunks)) === 0 &&
        new Set(names).size === names.length &&
        names.length === nodes.size
      )
    }),
    { numRuns: 300 }
  )
  const long = chunksFrom(0, 30_000)
  const { content, nodes } = contentOf(long)
  const { list, asked } = walk(content, sizeOf(long), new Map(), nodes)
  t.alike(Buffer.compare(list, encodeChunkList(long)), 0)
  t.ok(asked.every(hashes => hashes.length <= CONTENT_BATCH_MAX))
  t.ok(asked.length <= content.height + Math.ceil(nodes.size / CONTENT_BATCH_MAX), `${asked.length} rounds`)
})

test('nodes of an older version are not asked for again', t => {
  const old = chunksFrom(0, 10_000)
  const edited = old.toSpliced(5_000, 1, ...chunksFrom(20_000, 2))
  const { content, nodes } = contentOf(edited)
  const { list, asked } = walk(content, sizeOf(edited), new Map(contentOf(old).nodes), nodes)
  t.is(Buffer.compare(list, encodeChunkList(edited)), 0)
  t.ok(asked.flat().length <= 2 * content.height, `${asked.flat().length} nodes`)
  t.alike(walk(content, sizeOf(edited), new Map(nodes), new Map()).asked.flat(), [])
})

const encode = (node: ContentNode): Uint8Array => encodeContentNode(node)
const someNode: fc.Arbitrary<ContentNode> = fc
  .tuple(fc.integer({ min: 0, max: 15 }), fc.array(fc.nat(60_000), { minLength: 1, maxLength: 10 }))
  .map(([height, numbers]) => ({
    height,
    entries: numbers.map(i => ({ hash: hashOf(`${i}`), bytes: i * 7 + 300, chunks: height === 0 ? 1 : (i % 300) + 1 }))
  }))

test('a content node has one form in bytes, and whatever is not that form is refused', t => {
  fc.assert(fc.property(someNode, node => Buffer.compare(encode(decodeContentNode(encode(node))), encode(node)) === 0))
  fc.assert(fc.property(someNode, node => refusesTruncations(decodeContentNode, encode(node))))
  fc.assert(
    fc.property(
      someNode.chain(node => mutationsOf(encode(node))),
      bytes => isRefusedOrCanonical(decodeContentNode, encode, bytes)
    ),
    { numRuns: 3000 }
  )
  t.pass()
})

test('a content node is no tree node, nor the other way round', t => {
  const { nodes } = contentOf(chunksFrom(0, 10))
  for (const bytes of nodes.values())
    t.is(
      codeThrownBy(() => decodeNode(bytes)),
      'MALFORMED'
    )
  t.is(
    codeThrownBy(() => decodeContentNode(EMPTY_NODE)),
    'MALFORMED'
  )
})

/** Keeps a node by its hash and gives what a parent says of it. */
function part(nodes: Nodes, height: number, entries: ContentNode['entries']): ContentNode['entries'][number] {
  const bytes = encodeContentNode({ height, entries })
  const hash = hashBytes(bytes)
  nodes.set(hashKey(hash), bytes)
  const sum = (of: 'bytes' | 'chunks'): number => entries.reduce((total, entry) => total + entry[of], 0)
  return { hash, bytes: sum('bytes'), chunks: sum('chunks') }
}

const leafEntries = (chunks: readonly Chunk[]): ContentNode['entries'] =>
  chunks.map(({ hash, length }) => ({ hash, bytes: length, chunks: 1 }))

const plainChunks = chunksFrom(0, 60).filter(item => levelOf(item) === 0)

const lies: [string, string, (nodes: Nodes) => { content: Content; size: number }][] = [
  [
    'a size that the chunks do not have',
    'TREE_CORRUPT',
    nodes => {
      const root = part(nodes, 0, leafEntries(plainChunks))
      return { content: { root: root.hash, height: 1 }, size: root.bytes + 1 }
    }
  ],
  [
    'a height that the tree does not have',
    'TREE_CORRUPT',
    nodes => {
      const root = part(nodes, 0, leafEntries(plainChunks))
      return { content: { root: root.hash, height: 2 }, size: root.bytes }
    }
  ],
  [
    'a node that holds less than its parent says',
    'TREE_CORRUPT',
    nodes => {
      const leaf = part(nodes, 0, leafEntries(plainChunks))
      const root = part(nodes, 1, [{ ...leaf, chunks: leaf.chunks + 1 }])
      return { content: { root: root.hash, height: 2 }, size: root.bytes }
    }
  ],
  [
    'a node cut in two',
    'TREE_CORRUPT',
    nodes => {
      const halves = [plainChunks.slice(0, 20), plainChunks.slice(20)].map(half => part(nodes, 0, leafEntries(half)))
      const root = part(nodes, 1, halves)
      return { content: { root: root.hash, height: 2 }, size: root.bytes }
    }
  ],
  [
    'a tree for a single chunk',
    'TREE_CORRUPT',
    nodes => {
      const root = part(nodes, 0, leafEntries(plainChunks.slice(0, 1)))
      return { content: { root: root.hash, height: 1 }, size: root.bytes }
    }
  ],
  [
    'very many chunks in few nodes',
    'LIMIT',
    nodes => {
      const tiny = Array.from({ length: 512 }, () => ({ hash: hashOf('tiny'), bytes: 1, chunks: 1 }))
      const leaf = part(nodes, 0, tiny)
      const middle = part(
        nodes,
        1,
        Array.from({ length: 512 }, () => leaf)
      )
      const root = part(
        nodes,
        2,
        Array.from({ length: 200 }, () => middle)
      )
      return { content: { root: root.hash, height: 3 }, size: root.bytes }
    }
  ],
  ['an empty file that has bytes', 'MALFORMED', () => ({ content: { root: hashOf('x'), height: 0 }, size: 0 })],
  [
    'a single chunk that is too long',
    'LIMIT',
    () => ({ content: { root: hashOf('x'), height: 0 }, size: CHUNK_BYTES_MAX + 1 })
  ]
]

test('a content that no file has is found out', t => {
  for (const [what, code, lie] of lies) {
    const nodes: Nodes = new Map()
    const { content, size } = lie(nodes)
    t.is(
      codeThrownBy(() => walk(content, size, new Map(), nodes)),
      code,
      what
    )
  }
})

test('a node that does not come, or comes as another, ends the walk', t => {
  const chunks = chunksFrom(0, 1000)
  const { content, nodes } = contentOf(chunks)
  t.is(
    codeThrownBy(() => walk(content, sizeOf(chunks), new Map(), new Map())),
    'UNAVAILABLE'
  )
  const [wrong] = contentOf(chunksFrom(5, 1000)).nodes.values()
  const swapped: Nodes = new Map([...nodes.keys()].map(name => [name, wrong!]))
  t.is(
    codeThrownBy(() => walk(content, sizeOf(chunks), new Map(), swapped)),
    'MALFORMED'
  )
})
