import test, { type Test } from 'brittle'
import fc from 'fast-check'
import { encodeWith, uint } from '../../lib/core/codec.js'
import { EMPTY_ROOT } from '../../lib/core/tree/node.js'
import { isBackerError } from '../../lib/core/error.js'
import { realRuntime } from '../../lib/real-runtime.js'
import {
  FAREWELL_MS,
  ANSWER_DEADLINE_MS,
  CHANNEL_OPENS_MAX,
  CHUNK_BYTES,
  CHUNKS_OPEN,
  FRAME_BYTES,
  MESSAGE_KINDS,
  NEWS_BYTES,
  NODE_REQUESTS_OPEN,
  PAST_REQUESTS_OPEN,
  RELAYED_HEADS,
  UNPROVEN_FRAME_BYTES,
  UNPROVEN_REJECTIONS
} from '../../protocol/limits.js'
import { carefulMux } from '../../protocol/careful-mux.js'
import * as messages from '../../protocol/messages.js'
import { hashOf } from '../make/record.js'
import { requestChunk } from '../make/request-chunk.js'
import {
  fakeRuntime,
  helloOf,
  introduce,
  makeFolder,
  meet,
  meetSpeaker,
  noisePair,
  NUMBERS,
  quiet,
  until,
  type RecordedFolder,
  type Speaker
} from '../make/wire.js'

const hash = hashOf('something')
const content = undefined
const manyHashes = Array.from({ length: 200 }, () => hash)

/** What somebody who has the key may say, and for what the connection ends. */
const ABUSES: Record<string, [code: string, abuse: (speaker: Speaker, folder: RecordedFolder) => void]> = {
  'a message that does not decode': ['MALFORMED', speaker => speaker.say(1, NUMBERS.head, Buffer.alloc(3))],
  'bytes behind a message': ['MALFORMED', speaker => speaker.say(1, NUMBERS.cancel, 1, 2)],
  'a message of an unknown number': ['PEER_MISBEHAVED', speaker => speaker.say(1, MESSAGE_KINDS, Buffer.alloc(3))],
  'a frame of half a number': ['PEER_MISBEHAVED', speaker => speaker.say(Buffer.of(0xfd, 1))],
  'an unknown control message': ['PEER_MISBEHAVED', speaker => speaker.say(0, 9, 1)],
  'a batch': ['PEER_MISBEHAVED', speaker => speaker.say(0, 0, 1, 2, NUMBERS.cancel, 1)],
  'batches in batches': ['PEER_MISBEHAVED', speaker => speaker.say(nestedBatches(1_000_000))],
  'channel 0 opened': ['PEER_MISBEHAVED', speaker => speaker.say(0, 1, 0, 1, Buffer.of(97), 0)],
  'channels out of order': ['PEER_MISBEHAVED', speaker => speaker.say(0, 1, 77, 1, Buffer.of(97), 0)],
  'the same channel twice': ['PEER_MISBEHAVED', speaker => speaker.open(1, hash, Buffer.alloc(1))],
  'a rejection of what was not asked': ['PEER_MISBEHAVED', speaker => speaker.say(0, 2, 9)],
  'an opening cut short': ['PEER_MISBEHAVED', speaker => speaker.say(0, 1, 2, 200, Buffer.of(97))],
  'too many channels': [
    'LIMIT',
    speaker => {
      for (let i = 0; i < CHANNEL_OPENS_MAX; i++) speaker.open(2 + i, hash, Buffer.alloc(0))
    }
  ],
  'a second hello': [
    'PEER_MISBEHAVED',
    speaker => speaker.tell(NUMBERS.hello, messages.helloCodec, helloOf('somebody else'))
  ],
  'a reason that is no word': [
    'MALFORMED',
    speaker => speaker.tell(NUMBERS.obstacles, messages.obstaclesCodec, [{ path: undefined, code: '<b>' }])
  ],
  'more reasons than are told': [
    'LIMIT',
    speaker => speaker.say(1, NUMBERS.obstacles, 65, Buffer.from(Array.from({ length: 65 }, () => [0, 1, 97]).flat()))
  ],
  'news that is too much': [
    'LIMIT',
    speaker => {
      const half = Buffer.alloc(NEWS_BYTES / 2 + 1)
      speaker.tell(NUMBERS.news, messages.newsCodec, { nodes: [half], files: [half] })
    }
  ],
  'nodes that nobody asked for': [
    'PEER_MISBEHAVED',
    speaker => speaker.tell(NUMBERS.nodesAnswer, messages.nodesAnswerCodec, { id: 1, offset: 0, nodes: [hash] })
  ],
  'a chunk that nobody asked for': [
    'PEER_MISBEHAVED',
    speaker => speaker.tell(NUMBERS.chunkAnswer, messages.chunkAnswerCodec, { id: 1, chunks: [hash] })
  ],
  'a past that nobody asked for': [
    'PEER_MISBEHAVED',
    speaker => speaker.tell(NUMBERS.pastAnswer, messages.pastAnswerCodec, { id: 1, snapshots: [], revisions: [] })
  ],
  'two requests for the past of one number': [
    'PEER_MISBEHAVED',
    speaker => {
      for (let i = 0; i < 2; i++)
        speaker.tell(NUMBERS.pastRequest, messages.pastRequestCodec, { id: 7, path: undefined })
    }
  ],
  'too many requests for the past': [
    'PEER_MISBEHAVED',
    speaker => {
      for (let id = 0; id <= PAST_REQUESTS_OPEN; id++)
        speaker.tell(NUMBERS.pastRequest, messages.pastRequestCodec, { id, path: undefined })
    }
  ],
  'a past of a path that leads elsewhere': [
    'BAD_PATH',
    speaker => speaker.say(1, NUMBERS.pastRequest, 1, 1, 2, Buffer.from('..'))
  ],
  'a kept version that is a directory': ['MALFORMED', speaker => speaker.say(1, NUMBERS.pastAnswer, 1, 0, 1, 1, 3, 0)],
  'a request for no nodes': [
    'PEER_MISBEHAVED',
    speaker => speaker.tell(NUMBERS.nodesRequest, messages.nodesRequestCodec, { id: 1, content, hashes: [] })
  ],
  'a list longer than its bound': [
    'LIMIT',
    speaker => speaker.say(1, NUMBERS.nodesRequest, 1, 0, 257, ...Array.from({ length: 257 }, () => hash))
  ],
  'a list that claims to be endless': [
    'LIMIT',
    speaker => speaker.say(1, NUMBERS.relayedHeads, Buffer.from('ffffffffffffff1f00', 'hex'))
  ],
  'two requests for nodes of one number': [
    'PEER_MISBEHAVED',
    speaker => {
      for (let i = 0; i < 2; i++)
        speaker.tell(NUMBERS.nodesRequest, messages.nodesRequestCodec, { id: 7, content: hash, hashes: manyHashes })
    }
  ],
  'two requests for chunks of one number': [
    'PEER_MISBEHAVED',
    speaker => {
      for (let i = 0; i < 2; i++)
        speaker.tell(NUMBERS.chunkRequest, messages.chunkRequestCodec, { id: 7, chunks: [{ hash, length: 1 }] })
    }
  ],
  'a request for a chunk of no size': [
    'PEER_MISBEHAVED',
    speaker => speaker.tell(NUMBERS.chunkRequest, messages.chunkRequestCodec, { id: 1, chunks: [{ hash, length: 0 }] })
  ],
  'a request for a chunk over the largest': [
    'PEER_MISBEHAVED',
    speaker =>
      speaker.tell(NUMBERS.chunkRequest, messages.chunkRequestCodec, {
        id: 1,
        chunks: [{ hash, length: CHUNK_BYTES + 1 }]
      })
  ],
  'more chunk requests than may be open': [
    'PEER_MISBEHAVED',
    speaker => {
      for (let id = 0; id < CHUNKS_OPEN + 20; id++)
        speaker.tell(NUMBERS.chunkRequest, messages.chunkRequestCodec, { id, chunks: [{ hash, length: CHUNK_BYTES }] })
    }
  ]
}

for (const [what, [code, abuse]] of Object.entries(ABUSES)) {
  test(`${what} ends the connection, and no other`, async t => {
    const never = (): Promise<never> => new Promise(() => undefined)
    const handlers = { onChunk: never, onPast: never, onContentNodes: largeNodes }
    const folder = makeFolder({ handlers })
    const goesOn = await witness(t, folder)
    const { speaker, connection } = await meetSpeaker(t, folder)
    await introduce(speaker, folder)
    abuse(speaker, folder)
    await connection.closed
    t.alike(
      folder.closed.map(reason => reason?.code),
      [code]
    )
    await goesOn()
  })
}

test('A9: before any proof nothing makes more than its own connection end', async t => {
  const abuses = Object.values(ABUSES).map(([, abuse]) => abuse)
  for (const abuse of abuses) {
    const folder = makeFolder()
    const { speaker } = await meetSpeaker(t, folder)
    abuse(speaker, folder)
    await quiet()
    t.is(folder.peers.length, 0)
    speaker.stream.destroy()
  }
})

test('A9 B6: random frames do no harm, proven or not', async t => {
  const folder = makeFolder()
  const goesOn = await witness(t, folder)
  const frame = fc.tuple(fc.nat(2), fc.nat(MESSAGE_KINDS), fc.uint8Array({ maxLength: 60 }))
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(frame, { maxLength: 5 }), async (isProven, frames) => {
      const { speaker, connection } = await meetSpeaker(t, folder)
      if (isProven) await introduce(speaker, folder)
      for (const [channel, number, rest] of frames) speaker.say(channel, number, rest)
      await quiet()
      connection.destroy()
      await connection.closed
    }),
    { numRuns: 60 }
  )
  await goesOn()
})

test('A8: a large frame before any proof ends the connection, whole or in parts', async t => {
  for (const isWhole of [true, false]) {
    const folder = makeFolder()
    const { speaker, connection } = await meetSpeaker(t, folder)
    if (isWhole) speaker.say(Buffer.alloc(1024 * 1024))
    else {
      const raw = speaker.stream.rawStream
      // What announces a mebibyte, and its first bytes: the rest need never come.
      raw.write(Buffer.concat([Buffer.from('000010', 'hex'), Buffer.alloc(UNPROVEN_FRAME_BYTES)]))
    }
    await connection.closed
    t.absent(connection.proven)
  }
})

test('A8 E8: a frame larger than any message ends the connection, whole or in parts, also behind a proof', async t => {
  for (const isWhole of [true, false]) {
    const folder = makeFolder()
    const { speaker, connection } = await meetSpeaker(t, folder)
    await introduce(speaker, folder)
    if (isWhole) speaker.say(1, NUMBERS.head, Buffer.alloc(FRAME_BYTES))
    else speaker.stream.rawStream.write(Buffer.concat([Buffer.from('ffffff', 'hex'), Buffer.alloc(1000)]))
    await connection.closed
    t.alike(
      folder.closed.map(reason => reason?.code),
      ['LIMIT']
    )
  }
})

test('A9 A13: before any proof only so many channels may be asked for in vain', async t => {
  for (const [count, isTooMany] of [
    [UNPROVEN_REJECTIONS, false],
    [UNPROVEN_REJECTIONS + 1, true]
  ] as const) {
    const { speaker } = await meetSpeaker(t, makeFolder())
    for (let i = 0; i < count; i++) speaker.open(1 + i, hashOf(String(i)), Buffer.alloc(0))
    await quiet()
    t.is(speaker.stream.destroyed, isTooMany)
  }
})

test('a large frame right behind a proof is taken', async t => {
  let came = 0
  const folder = makeFolder({ handlers: { onRelayedHeads: heads => void (came += heads.length) } })
  const { speaker, connection } = await meetSpeaker(t, folder, { initiate: true })
  await until('it asked', () => speaker.heard.length > 0)
  const introduced = introduce(speaker, folder)
  speaker.tell(
    NUMBERS.relayedHeads,
    messages.relayedHeadsCodec,
    Array.from({ length: RELAYED_HEADS }, () => Buffer.alloc(1024))
  )
  await introduced
  await until('they came', () => came === RELAYED_HEADS)
  t.ok(connection.proven)
})

test('B6: a node that is not what was asked for ends the connection', async t => {
  const answers = {
    'another node': { offset: 0, nodes: [Buffer.from('another')] },
    'no nodes': { offset: 0, nodes: [] },
    'more nodes than asked for': { offset: 0, nodes: [Buffer.alloc(0), Buffer.alloc(0)] },
    'a gap': { offset: 1, nodes: [Buffer.alloc(0)] }
  }
  for (const [what, answer] of Object.entries(answers)) {
    const folder = makeFolder()
    const { speaker, connection } = await meetSpeaker(t, folder)
    await introduce(speaker, folder)
    const asked = folder.peers[0]?.requestNodes([hash]).catch(codeOf)
    speaker.tell(NUMBERS.nodesAnswer, messages.nodesAnswerCodec, { id: 1, ...answer })
    await connection.closed
    t.is(await asked, 'PEER_GONE', what)
    t.alike(
      folder.closed.map(reason => reason?.code),
      ['PEER_MISBEHAVED']
    )
  }
})

test('B3: a chunk that is not what was asked for ends the connection', async t => {
  for (const bytes of [Buffer.from('x'), Buffer.from('something else'), Buffer.from('not right')]) {
    const folder = makeFolder()
    const { speaker, connection } = await meetSpeaker(t, folder)
    await introduce(speaker, folder)
    const { signal } = new AbortController()
    const asked = requestChunk(folder.peers[0]!, hash, 9, signal).catch(codeOf)
    speaker.tell(NUMBERS.chunkAnswer, messages.chunkAnswerCodec, { id: 1, chunks: [bytes] })
    await connection.closed
    t.is(await asked, 'PEER_MISBEHAVED')
    t.alike(
      folder.closed.map(reason => reason?.code),
      ['PEER_MISBEHAVED']
    )
  }
})

test('whatever the multiplexer throws ends its connection, and not the process', async t => {
  for (const how of ['_safeDestroy', '_safeDestroyBound'] as const) {
    const [stream, other] = await noisePair()
    const mux = carefulMux(stream, { isProven: () => false, frameBytes: () => FRAME_BYTES, isOver: () => false })
    const failed = new Promise(resolve => stream.once('error', resolve))
    mux[how](new TypeError('a frame that nobody thought of'))
    t.is(codeOf(await failed), 'PEER_MISBEHAVED')
    other.destroy()
  }
})

test('nodes out of the order in which they were asked for end the connection', async t => {
  const folder = makeFolder()
  const { speaker, connection } = await meetSpeaker(t, folder)
  await introduce(speaker, folder)
  const asked = [1, 2].map(() => folder.peers[0]!.requestNodes([hash]).catch(codeOf))
  speaker.tell(NUMBERS.nodesAnswer, messages.nodesAnswerCodec, { id: 2, offset: 0, nodes: [Buffer.alloc(0)] })
  await connection.closed
  t.alike(await Promise.all(asked), ['PEER_GONE', 'PEER_GONE'])
})

test('B3: a peer that answers all but one request keeps that one no longer than its deadline', async t => {
  const { runtime, advance } = fakeRuntime()
  const folder = makeFolder()
  const { speaker } = await meetSpeaker(t, folder, { runtime })
  await introduce(speaker, folder)
  const peer = folder.peers[0]!
  const { signal } = new AbortController()
  const kept = requestChunk(peer, hash, 1, signal).catch(codeOf)
  const nodes = peer.requestNodes([hash]).catch(codeOf)
  for (let id = 2; id < 2 + (2 * ANSWER_DEADLINE_MS) / 10_000; id++) {
    const other = requestChunk(peer, hash, 1, signal).catch(codeOf)
    speaker.tell(NUMBERS.chunkAnswer, messages.chunkAnswerCodec, { id, chunks: [new Uint8Array(0)] })
    t.is(await other, 'UNAVAILABLE')
    advance(10_000)
  }
  t.is(await kept, 'TIMEOUT')
  t.is(await nodes, 'TIMEOUT')
  t.is(peer.requestsInFlight, 0)
  t.is(peer.outstandingBytes, 0)
  speaker.tell(NUMBERS.chunkAnswer, messages.chunkAnswerCodec, { id: 1, chunks: [new Uint8Array(0)] })
  speaker.tell(NUMBERS.nodesAnswer, messages.nodesAnswerCodec, { id: 1, offset: 0, nodes: [Buffer.alloc(0)] })
  await quiet()
  t.is(folder.closed.length, 0, 'an answer that comes too late does no harm')
  const later = peer.requestNodes([hash])
  speaker.tell(NUMBERS.nodesAnswer, messages.nodesAnswerCodec, { id: 2, offset: 0, nodes: [Buffer.alloc(0)] })
  t.alike(await later, [undefined])
})

test('B5: who asks for nodes without end and reads nothing is cut off', async t => {
  let reads = 0
  const handlers = { onNodes: () => [(reads++, Buffer.alloc(100_000))] }
  const folder = makeFolder({ handlers })
  const { runtime, advance } = fakeRuntime()
  const { speaker, connection } = await meetSpeaker(t, folder, { runtime })
  await introduce(speaker, folder)
  speaker.stream.pause()
  for (let id = 0; id < NODE_REQUESTS_OPEN + 10; id++)
    speaker.tell(NUMBERS.nodesRequest, messages.nodesRequestCodec, {
      id,
      content,
      hashes: manyHashes
    })
  await until('it is cut off', () => folder.closed.length === 1)
  advance(FAREWELL_MS)
  await connection.closed
  t.ok(reads < 60, `${reads} nodes were read`)
  t.alike(
    folder.closed.map(reason => reason?.code),
    ['PEER_MISBEHAVED']
  )
})

test('who is told goodbye and stays is cut off after a moment', async t => {
  const { runtime, advance } = fakeRuntime()
  const folder = makeFolder()
  const { speaker, connection } = await meetSpeaker(t, folder, { runtime })
  await introduce(speaker, folder)
  speaker.stream.removeAllListeners('end')
  speaker.say(1, 10)
  await until('it is told', () => folder.closed.length === 1)
  speaker.tell(NUMBERS.head, messages.headCodec, {
    root: hash,
    lacks: EMPTY_ROOT,
    sequence: 1,
    idle: true,
    head: undefined
  })
  await quiet()
  advance(FAREWELL_MS)
  await connection.closed
  t.is(folder.closed.length, 1)
})

/** An honest device that is connected to the folder; what comes back checks that it still is. */
async function witness(t: Test, folder: RecordedFolder): Promise<() => Promise<void>> {
  const honest = makeFolder()
  const { toB } = await meet(t, honest, folder, [realRuntime()])
  return async () => {
    t.alike(await toB.requestNodes([hash]), [undefined], 'another connection goes on')
    t.is(honest.closed.length, 0)
  }
}

/** Something large for every hash, so that the answer does not leave at once. */
function largeNodes(_content: unknown, hashes: readonly unknown[]): Uint8Array[] {
  return hashes.map(() => Buffer.alloc(50_000))
}

/** A frame of batches, each of which has the next one in it. */
function nestedBatches(bytes: number): Uint8Array {
  const level = Buffer.concat([Buffer.of(0, 0), encodeWith(uint, 2 ** 24)])
  return Buffer.concat(Array.from({ length: Math.floor(bytes / level.byteLength) }, () => level))
}

function codeOf(error: unknown): string | undefined {
  return isBackerError(error) ? error.code : undefined
}
