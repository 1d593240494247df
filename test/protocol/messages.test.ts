import test from 'brittle'
import fc from 'fast-check'
import { CONTENT_NODE_BYTES_MAX } from '../../lib/core/chunk/content-node.js'
import { decodeWith, encodeWith, type Codec } from '../../lib/core/codec.js'
import type { Hash } from '../../lib/core/model/hash.js'
import { parsePath } from '../../lib/core/model/path.js'
import { NODE_BYTES_MAX } from '../../lib/core/tree/node.js'
import * as limits from '../../protocol/limits.js'
import * as messages from '../../protocol/messages.js'
import { isRefusedOrCanonical, mutationsOf, refusesTruncations } from '../make/mutation.js'
import { hashOf, replica } from '../make/record.js'
import { codeThrownBy } from '../make/thrown.js'

interface Case {
  readonly name: string
  readonly codec: Codec<unknown>
  readonly values: fc.Arbitrary<unknown>
}

const role = fc.constantFrom<messages.HelloMessage['role'][]>('writer', 'reader')

const integer = fc.oneof(fc.nat(), fc.constantFrom(0, 0xfc, 0xfd, 0xffff, 0x10000, 2 ** 32, Number.MAX_SAFE_INTEGER))
const bytes = fc.uint8Array({ maxLength: 40 })
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const hash = fc.nat(9).map((number): Hash => hashOf(String(number)))
const deviceName = fc.string({ unit: 'grapheme', maxLength: 16 }).filter(name => Buffer.byteLength(name) <= 64)
const text = fc.string({ maxLength: 20 })
const range = fc.tuple(fc.nat(2 ** 31), fc.integer({ min: 1, max: 2 ** 31 - 1 }))
const keptPayload = fc.oneof(
  fc.record({
    kind: fc.constant('file' as const),
    size: integer,
    mtimeNs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    mode: fc.nat(0o777),
    content: fc.record({ root: hash, height: fc.nat(16) })
  }),
  fc.record({ kind: fc.constant('symlink' as const), target: fc.constantFrom('a', '../b'), mtimeNs: fc.constant(-1n) })
)
const cases: readonly Case[] = [
  caseOf('opening', messages.openingCodec, fc.record({ proof: bytes32 })),
  caseOf(
    'hello',
    messages.helloCodec,
    fc.record<messages.HelloMessage>({
      name: deviceName,
      role,
      replica: fc.nat().map(replica)
    })
  ),
  caseOf(
    'head',
    messages.headCodec,
    fc.record({
      root: hash,
      lacks: hash,
      sequence: integer,
      idle: fc.boolean(),
      head: fc.option(bytes, { nil: undefined })
    })
  ),
  caseOf('relayed heads', messages.relayedHeadsCodec, fc.array(bytes, { maxLength: 4 })),
  caseOf(
    'nodes request',
    messages.nodesRequestCodec,
    fc.record({ id: integer, content: fc.option(hash, { nil: undefined }), hashes: fc.array(hash, { maxLength: 4 }) })
  ),
  caseOf(
    'nodes answer',
    messages.nodesAnswerCodec,
    fc.record({ id: integer, offset: integer, nodes: fc.array(bytes, { maxLength: 4 }) })
  ),
  caseOf('have', messages.haveCodec, fc.record({ content: hash, ranges: fc.array(range, { maxLength: 4 }) })),
  caseOf(
    'chunk request',
    messages.chunkRequestCodec,
    fc.record({ id: integer, chunks: fc.array(fc.record({ hash, length: integer }), { maxLength: 4 }) })
  ),
  caseOf(
    'chunk answer',
    messages.chunkAnswerCodec,
    fc.record({ id: integer, chunks: fc.array(bytes, { maxLength: 4 }) })
  ),
  caseOf('cancel', messages.cancelCodec, integer),
  caseOf('close', messages.closeCodec, fc.record({ code: text, message: text })),
  caseOf('ping', messages.pingCodec, integer),
  caseOf('pong', messages.pongCodec, integer),
  caseOf(
    'roads',
    messages.roadsCodec,
    fc.record({
      addresses: fc.array(text, { maxLength: 4 }),
      relay: fc.option(bytes32, { nil: undefined })
    })
  ),
  caseOf(
    'past request',
    messages.pastRequestCodec,
    fc.record({ id: integer, path: fc.constantFrom(undefined, parsePath('a/b')) })
  ),
  caseOf(
    'past answer',
    messages.pastAnswerCodec,
    fc.record({
      id: integer,
      snapshots: fc.array(fc.record({ head: bytes, isPinned: fc.boolean() }), { maxLength: 4 }),
      revisions: fc.array(fc.record({ atMs: integer, payload: keptPayload }), { maxLength: 4 })
    })
  ),
  caseOf(
    'hold request',
    messages.holdRequestCodec,
    fc.record({ id: integer, path: fc.constant(parsePath('a/b')), content: hash, size: integer, nonce: bytes32 })
  ),
  caseOf(
    'hold answer',
    messages.holdAnswerCodec,
    fc.record({ id: integer, proof: fc.option(bytes32, { nil: undefined }) })
  ),
  caseOf(
    'reasons',
    messages.obstaclesCodec,
    fc.array(
      fc.record({
        path: fc.constantFrom(undefined, parsePath('a/b')),
        code: fc.constantFrom('DISK_FLOOR', 'too-deep')
      }),
      { maxLength: 4 }
    )
  ),
  caseOf(
    'news',
    messages.newsCodec,
    fc.record({ nodes: fc.array(bytes, { maxLength: 4 }), files: fc.array(bytes, { maxLength: 4 }) })
  )
]

function caseOf<T>(name: string, codec: Codec<T>, values: fc.Arbitrary<T>): Case {
  return { name, codec: codec as Codec<unknown>, values }
}

test('the cases are all the messages that there are', t => {
  const codecs = Object.values(messages)
  t.is(cases.length, codecs.length)
  t.ok(cases.every(({ codec }) => codecs.includes(codec as (typeof codecs)[number])))
})

for (const { name, codec, values } of cases) {
  const decode = (encoded: Uint8Array): unknown => decodeWith(codec, encoded, name)
  const encode = (value: unknown): Uint8Array => encodeWith(codec, value)

  test(`${name}: what is encoded comes back`, t => {
    fc.assert(fc.property(values, value => Buffer.compare(encode(decode(encode(value))), encode(value)) === 0))
    for (const value of fc.sample(values, 5)) t.alike(normal(decode(encode(value))), normal(value))
  })

  test(`${name}: every beginning is refused, and so is anything behind the end`, t => {
    fc.assert(fc.property(values, value => refusesTruncations(decode, encode(value))))
    fc.assert(
      fc.property(
        values,
        value => codeThrownBy(() => decode(Buffer.concat([encode(value), Buffer.of(0)]))) !== undefined
      )
    )
    t.pass()
  })

  test(`${name}: changed bytes are refused, or are the one form of something else`, t => {
    const mutations = values.chain(value => mutationsOf(encode(value)))
    fc.assert(fc.property(mutations, mutated => isRefusedOrCanonical(decode, encode, mutated)))
    t.pass()
  })
}

test('what is over a bound is refused on either side', t => {
  const many = (count: number): Hash[] => Array.from({ length: count }, () => hashOf('x'))
  const long = (length: number): Uint8Array => new Uint8Array(length)
  t.is(over(messages.helloCodec, { name: 'x'.repeat(65), role: 'writer', replica: replica(1) }), 'LIMIT')
  t.is(
    over(messages.headCodec, { root: hashOf('x'), lacks: hashOf('y'), sequence: 1, idle: true, head: long(1025) }),
    'LIMIT'
  )
  t.is(
    over(
      messages.relayedHeadsCodec,
      Array.from({ length: limits.RELAYED_HEADS + 1 }, () => long(0))
    ),
    'LIMIT'
  )
  t.is(over(messages.roadsCodec, { addresses: Array.from({ length: 17 }, () => 'a'), relay: undefined }), 'LIMIT')
  t.is(over(messages.roadsCodec, { addresses: ['a'.repeat(65)], relay: undefined }), 'LIMIT')
  t.is(over(messages.nodesRequestCodec, { id: 1, content: undefined, hashes: many(257) }), 'LIMIT')
  t.is(over(messages.nodesAnswerCodec, { id: 1, offset: 0, nodes: [long(limits.NODE_BYTES + 1)] }), 'LIMIT')
  t.is(over(messages.chunkAnswerCodec, { id: 1, chunks: [long(limits.CHUNK_BYTES + 1)] }), 'LIMIT')
  const chunks = many(limits.CHUNKS_PER_REQUEST + 1).map(hash => ({ hash, length: 1 }))
  t.is(over(messages.chunkRequestCodec, { id: 1, chunks }), 'LIMIT')
  t.is(over(messages.closeCodec, { code: 'x', message: 'x'.repeat(limits.REASON_BYTES + 1) }), 'LIMIT')
  // A length that nothing stands behind must not be believed.
  const claim = Buffer.concat([hashOf('x'), Buffer.from('ffffffffffffff1f00', 'hex')])
  t.is(
    codeThrownBy(() => decodeWith(messages.haveCodec, claim, 'have')),
    'LIMIT'
  )
})

test('a range of no chunks, or of chunks that no file has, is refused', t => {
  for (const range of [
    [0, 0],
    [2 ** 32, 1]
  ] as const) {
    const encoded = encodeWith(messages.haveCodec, { content: hashOf('x'), ranges: [range] })
    t.is(
      codeThrownBy(() => decodeWith(messages.haveCodec, encoded, 'have')),
      'LIMIT'
    )
  }
})

function over<T>(codec: Codec<T>, value: NoInfer<T>): string | undefined {
  return codeThrownBy(() => encodeWith(codec, value))
}

/** Plain arrays instead of views, which compare by their kind. */
function normal(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(normal)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, normal(inner)]))
}

test('a node of either tree is no larger than a message may hold, and no message larger than a frame', t => {
  t.ok(NODE_BYTES_MAX <= limits.NODE_BYTES && CONTENT_NODE_BYTES_MAX <= limits.NODE_BYTES)
  const nodes = Array.from(
    { length: limits.NODES_PER_REQUEST },
    () => new Uint8Array(limits.NODES_ANSWER_BYTES / limits.NODES_PER_REQUEST)
  )
  const id = Number.MAX_SAFE_INTEGER
  const hash = hashOf('x')
  const largest = [
    encodeWith(messages.nodesAnswerCodec, { id, offset: 255, nodes }),
    encodeWith(
      messages.relayedHeadsCodec,
      Array.from({ length: limits.RELAYED_HEADS }, () => new Uint8Array(1024))
    ),
    encodeWith(messages.chunkAnswerCodec, { id, chunks: [new Uint8Array(limits.CHUNK_BYTES)] }),
    encodeWith(messages.haveCodec, {
      content: hash,
      ranges: Array.from({ length: limits.HAVE_RANGES }, (_, i) => [2 ** 31 + i, 1] as const)
    }),
    encodeWith(messages.nodesRequestCodec, {
      id,
      content: hash,
      hashes: Array.from({ length: limits.NODES_PER_REQUEST }, () => hash)
    })
  ]
  for (const bytes of largest) t.ok(bytes.byteLength + 20 < limits.FRAME_BYTES, `${bytes.byteLength} bytes`)
})
