import test from 'brittle'
import fc from 'fast-check'
import { encodeWith } from '../../../lib/core/codec.js'
import { hashOf, arbitraryPath, arbitraryRecord, fileRecord, manyFiles, path } from '../../make/record.js'
import { comparePaths } from '../../../lib/core/model/path.js'
import { recordCodec } from '../../../lib/core/model/record.js'
import { decodeNode } from '../../../lib/core/tree/check.js'
import { encodeChild } from '../../../lib/core/tree/child.js'
import { asKey, keyOf, levelOf } from '../../../lib/core/tree/key.js'
import {
  EMPTY_NODE,
  encodeNode,
  NODE_BYTES_MAX,
  NODE_ENTRIES_MAX,
  NODE_FILL_BYTES,
  parseNode,
  TREE_HEIGHT_MAX,
  type Entry,
  type TreeNode
} from '../../../lib/core/tree/node.js'
import { buildTree } from '../../../lib/core/tree/update.js'
import { isRefusedOrCanonical, mutationsOf, refusesTruncations } from '../../make/mutation.js'
import { codeThrownBy } from '../../make/thrown.js'
import { sorted } from '../../make/nodes.js'

/** Leaves and inner nodes that can stand in a tree. */
const arbitraryNode: fc.Arbitrary<TreeNode> = fc
  .tuple(
    fc.uniqueArray(arbitraryPath, { minLength: 1, maxLength: 12 }),
    fc.array(arbitraryRecord, { minLength: 12, maxLength: 12 }),
    fc.nat(3)
  )
  .map(([paths, records, height]) => {
    const keys = paths.sort(comparePaths).map(keyOf)
    const end = keys.findIndex(key => levelOf(key) > height)
    const entries = keys.slice(0, end < 0 ? keys.length : end + 1).map((key, i): Entry => {
      const sums = { records: i + 1, files: i, bytes: i * 1000 }
      const value = height === 0 ? encodeWith(recordCodec, records[i]!) : encodeChild({ hash: hashOf(`${i}`), sums })
      return { key, value }
    })
    return { height, entries }
  })

const encode = ({ height, entries }: TreeNode): Uint8Array => encodeNode(height, entries)
const text = ({ height, entries }: TreeNode): string =>
  JSON.stringify([height, entries.map(({ key, value }) => [[...key], [...value]])])

test('a node comes back from its bytes as it was', t => {
  fc.assert(
    fc.property(arbitraryNode, node => {
      const bytes = encode(node)
      return text(decodeNode(bytes)) === text(node) && text(parseNode(bytes)) === text(node)
    })
  )
  t.is(decodeNode(EMPTY_NODE).entries.length, 0)
})

test('a node has one form in bytes, and whatever is not that form is refused', t => {
  fc.assert(fc.property(arbitraryNode, node => refusesTruncations(decodeNode, encode(node))))
  fc.assert(
    fc.property(
      arbitraryNode.chain(node => mutationsOf(encode(node))),
      bytes => isRefusedOrCanonical(decodeNode, encode, bytes)
    ),
    { numRuns: 5000 }
  )
  t.pass()
})

test('no bytes make parsing a node do anything but answer or throw a BackerError', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
      bytes[0] = 1
      const code = codeThrownBy(() => parseNode(bytes))
      return code === undefined || code === 'MALFORMED' || code === 'LIMIT'
    }),
    { numRuns: 3000 }
  )
  t.pass()
})

const record = encodeWith(recordCodec, fileRecord('x'))
const child = encodeChild({ hash: hashOf('child'), sums: { records: 1, files: 1, bytes: 1 } })
const entry = (name: string, value = record): Entry => ({ key: asKey(Buffer.from(name)), value })
/** Paths whose level is 0, sorted: entries that may stand side by side in a leaf. */
const plain = Array.from({ length: 700 }, (_, i) => path(`plain ${1000 + i}`)).filter(
  item => levelOf(keyOf(item)) === 0
)
const ending = Array.from({ length: 200 }, (_, i) => path(`ending ${1000 + i}`)).find(item => levelOf(keyOf(item)) > 0)!

const refused: [string, string, Uint8Array][] = [
  ['no bytes', 'MALFORMED', new Uint8Array()],
  ['another version', 'MALFORMED', Uint8Array.of(2, 0, 0)],
  ['a content node', 'MALFORMED', Uint8Array.of(0x81, 0, 0)],
  ['too high', 'LIMIT', Uint8Array.of(1, TREE_HEIGHT_MAX + 1, 0)],
  ['an empty inner node', 'TREE_CORRUPT', Uint8Array.of(1, 1, 0)],
  ['bytes left over', 'MALFORMED', Uint8Array.of(1, 0, 0, 0)],
  ['more entries than bytes', 'MALFORMED', Uint8Array.of(1, 0, 9)],
  ['more entries than allowed', 'LIMIT', Uint8Array.of(1, 0, 0xfd, 0xff, 0xff)],
  ['a key that shares with nothing', 'MALFORMED', Uint8Array.of(1, 0, 1, 3, 1, 0x61, 0)],
  ['a path out of the folder', 'BAD_PATH', encodeNode(0, [entry('../x')])],
  ['an absolute path', 'BAD_PATH', encodeNode(0, [entry('/etc/passwd')])],
  ['a path in .backer', 'BAD_PATH', encodeNode(0, [entry('.backer/tmp/x')])],
  ['a path that is not UTF-8', 'MALFORMED', encodeNode(0, [{ key: asKey(Uint8Array.of(0xff)), value: record }])],
  ['a path that is too long', 'LIMIT', encodeNode(0, [entry('x/'.repeat(2048) + 'xx')])],
  ['no path', 'BAD_PATH', encodeNode(0, [entry('')])],
  ['a path twice', 'TREE_CORRUPT', encodeNode(0, [entry('a'), entry('a')])],
  ['paths out of order', 'TREE_CORRUPT', encodeNode(0, [entry('b'), entry('a')])],
  ['the slash in the wrong place', 'TREE_CORRUPT', encodeNode(0, [entry('a b'), entry('a/b')])],
  ['a record that is none', 'MALFORMED', encodeNode(0, [entry('a', Uint8Array.of(0, 0))])],
  ['a record with bytes left over', 'MALFORMED', encodeNode(0, [entry('a', Buffer.concat([record, record]))])],
  ['a record over its bound', 'LIMIT', encodeNode(0, [entry('a', new Uint8Array(64 * 1024 + 1))])],
  ['a child that is none', 'MALFORMED', encodeNode(1, [entry('a', child.subarray(1))])],
  ['a leaf in an inner node', 'MALFORMED', encodeNode(1, [entry('a', record)])],
  ['a node that goes on behind a boundary', 'TREE_CORRUPT', encodeNode(0, [entry(ending), entry('zzz')])],
  [
    'a node that goes on when it is full',
    'LIMIT',
    encodeNode(
      0,
      plain.slice(0, NODE_ENTRIES_MAX + 1).map(item => entry(item))
    )
  ],
  ['a node of too many bytes', 'LIMIT', new Uint8Array(NODE_BYTES_MAX + 1).fill(1)]
]

test('a node that no tree has is refused', t => {
  for (const [what, code, bytes] of refused)
    t.is(
      codeThrownBy(() => decodeNode(bytes)),
      code,
      what
    )
})

test('a key that shares more than it says is refused', t => {
  const bytes = Uint8Array.of(1, 0, 2, 0, 1, 0x61, record.length, ...record, 0, 2, 0x61, 0x62, record.length, ...record)
  t.is(
    codeThrownBy(() => decodeNode(bytes)),
    'MALFORMED'
  )
})

test('a node that goes on behind the entry that fills it by its bytes is refused', t => {
  const symlink = (i: number): Entry => {
    const target = `${i}`.padEnd(4000, 'x')
    const context = fileRecord('x').context
    const versions = [{ dots: context, payload: { kind: 'symlink' as const, target, mtimeNs: 0n } }]
    return entry(plain[i]!, encodeWith(recordCodec, { context, versions }))
  }
  const count = Math.ceil(NODE_FILL_BYTES / 4040)
  const entries = Array.from({ length: count + 1 }, (_, i) => symlink(i))
  t.is(decodeNode(encodeNode(0, entries.slice(0, count))).entries.length, count)
  t.is(
    codeThrownBy(() => decodeNode(encodeNode(0, [...entries, symlink(count + 1)]))),
    'TREE_CORRUPT'
  )
})

test('a node is small: paths are kept by what tells them from the one before', t => {
  const records = manyFiles(2000)
  const { nodes } = buildTree(sorted(records))
  const stored = [...nodes.values()].reduce((sum, bytes) => sum + bytes.length, 0)
  const plainly = [...records].reduce(
    (sum, [item, value]) => sum + item.length + encodeWith(recordCodec, value).length,
    0
  )
  t.ok(stored < plainly, `${stored} bytes of nodes for ${plainly} bytes of paths and records`)
})
