import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import test, { type Test } from 'brittle'
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws'
import { encodeWith } from '../../lib/core/codec.js'
import { isBackerError } from '../../lib/core/error.js'
import { hashBytes, hashKey, type Hash, type HashKey } from '../../lib/core/model/hash.js'
import { EMPTY_ROOT } from '../../lib/core/tree/node.js'
import {
  ANSWER_DEADLINE_MS,
  CHUNK_BYTES,
  CHUNKS_OPEN,
  HOLD_REQUESTS_OPEN,
  NODE_REQUESTS_OPEN,
  NODES_PER_REQUEST,
  PAST_REQUESTS_OPEN,
  REVISIONS_TOLD,
  SERVE_BYTES
} from '../../protocol/limits.js'
import { parsePath } from '../../lib/core/model/path.js'
import * as messages from '../../protocol/messages.js'
import { hashOf } from '../make/record.js'
import { requestChunk } from '../make/request-chunk.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { Connection } from '../../protocol/connection.js'
import { secureStream } from '../../protocol/handshake.js'
import type { HoldQuestion } from '../../protocol/peer-link.js'
import { channelId, proofOf } from '../../protocol/proof.js'
import {
  fakeRuntime,
  helloOf,
  introduce,
  keyPairOf,
  makeFolder,
  meet,
  meetSpeaker,
  NUMBERS,
  quiet,
  until
} from '../make/wire.js'

test('nodes come in the order in which they were asked for, and absent ones as such', async t => {
  const nodes = manyPieces(3 * NODES_PER_REQUEST)
  const handlers = {
    onNodes: (hashes: readonly Hash[]) => hashes.map(hash => nodes.get(hashKey(hash))),
    onContentNodes: (content: Hash) => [Buffer.from(content)]
  }
  const { toB } = await meet(t, makeFolder(), makeFolder({ handlers }))
  const wanted = [...nodes.values()].map(hashBytes)
  wanted.splice(5, 0, hashOf('what nobody has'))
  const got = await toB.requestNodes(wanted)
  t.is(got.length, wanted.length)
  t.ok(got.every((bytes, i) => (bytes === undefined ? i === 5 : hashKey(hashBytes(bytes)) === hashKey(wanted[i]!))))
  const content = hashOf('content')
  const [echoed] = await toB.requestContentNodes(hashBytes(content), [hashBytes(hashBytes(content))])
  t.is(hashKey(echoed as Hash), hashKey(hashBytes(content)), 'the peer is told which content tree is meant')
})

test('nodes that are large come in several answers', async t => {
  const large = Array.from({ length: 20 }, (_, i) => Buffer.alloc(200_000, i))
  const nodes = new Map(large.map(bytes => [hashKey(hashBytes(bytes)), bytes]))
  const handlers = { onNodes: (hashes: readonly Hash[]) => hashes.map(hash => nodes.get(hashKey(hash))) }
  const { toB } = await meet(t, makeFolder(), makeFolder({ handlers }))
  const got = await toB.requestNodes(large.map(hashBytes))
  t.is(Buffer.concat(got.map(bytes => bytes ?? Buffer.alloc(0))).byteLength, 20 * 200_000)
})

test('any number of requests may be made at once: the peer is never asked more than it takes', async t => {
  const bytes = Buffer.from('a chunk')
  const handlers = { onChunk: () => Promise.resolve(bytes) }
  const b = makeFolder({ handlers })
  const { toB } = await meet(t, makeFolder(), b)
  const nodes = Array.from({ length: 3 * NODE_REQUESTS_OPEN }, () => toB.requestNodes([hashOf('x')]))
  const chunks = Array.from({ length: 3 * CHUNKS_OPEN }, () => requestChunk(toB, hashBytes(bytes), bytes.byteLength))
  t.is(toB.requestsInFlight, chunks.length)
  t.is((await Promise.all(nodes)).length, nodes.length)
  t.ok((await Promise.all(chunks)).every(chunk => Buffer.compare(chunk, bytes) === 0))
  t.is(b.closed.length, 0)
  t.is(toB.outstandingBytes, 0)
})

test('a chunk that the peer lacks, can not read, or has in another length is unavailable', async t => {
  const answers = [
    () => Promise.resolve(undefined),
    () => Promise.reject(new Error('the disk is broken')),
    () => Promise.resolve(Buffer.from('longer than asked for'))
  ]
  for (const onChunk of answers) {
    const b = makeFolder({ handlers: { onChunk } })
    const { toB } = await meet(t, makeFolder(), b)
    t.is(await codeOf(requestChunk(toB, hashOf('x'), 3)), 'UNAVAILABLE')
    t.is(b.closed.length, 0)
  }
})

test('what is called off is let go at once, is not read, and does not hold up the rest', async t => {
  const bytes = Buffer.alloc(CHUNK_BYTES, 1)
  let reads = 0
  let release = (): void => undefined
  const gate = new Promise<void>(resolve => (release = resolve))
  const onChunk = async (): Promise<Uint8Array> => {
    reads++
    await gate
    return bytes
  }
  const { toB } = await meet(t, makeFolder(), makeFolder({ handlers: { onChunk } }))
  const abort = new AbortController()
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const calledOff = Array.from({ length: 200 }, () =>
    codeOf(requestChunk(toB, hashBytes(bytes), CHUNK_BYTES, abort.signal))
  )
  const kept = requestChunk(toB, hashBytes(bytes), CHUNK_BYTES)
  await until('some are being read', () => reads > 0)
  abort.abort()
  t.is(await codeOf(requestChunk(toB, hashBytes(bytes), CHUNK_BYTES, abort.signal)), 'UNAVAILABLE')
  t.ok((await Promise.all(calledOff)).every(code => code === 'UNAVAILABLE'))
  t.is(toB.outstandingBytes, CHUNK_BYTES)
  await quiet()
  release()
  t.is((await kept).byteLength, CHUNK_BYTES)
  t.ok(reads <= SERVE_BYTES / CHUNK_BYTES + 1, `${reads} chunks were read`)
  t.alike(warnings, [])
})

test('small chunks are not held up by large ones, nor large ones for ever by small ones', async t => {
  const order: string[] = []
  const large = hashOf('large')
  const onChunk = async (hash: Hash): Promise<undefined> => {
    order.push(hashKey(hash) === hashKey(large) ? 'large' : 'small')
    await quiet()
  }
  const { toB } = await meet(t, makeFolder(), makeFolder({ handlers: { onChunk } }))
  const asked = [
    ...Array.from({ length: 30 }, () => codeOf(requestChunk(toB, large, CHUNK_BYTES))),
    ...Array.from({ length: 100 }, () => codeOf(requestChunk(toB, hashOf('small'), 100)))
  ]
  await Promise.all(asked)
  const lastSmall = order.lastIndexOf('small')
  const largeBefore = order.slice(0, lastSmall).filter(kind => kind === 'large').length
  t.ok(largeBefore < 20, `${largeBefore} large ones came before the last small one`)
  t.ok(largeBefore > 8, 'large ones had their turn')
})

test('a peer that asks for a thousand chunks and reads nothing costs no more than SERVE_BYTES', async t => {
  let reads = 0
  const bytes = Buffer.alloc(CHUNK_BYTES)
  const folder = makeFolder({ handlers: { onChunk: () => Promise.resolve((reads++, bytes)) } })
  const { speaker } = await meetSpeaker(t, folder)
  await introduce(speaker, folder)
  speaker.stream.pause()
  for (let id = 1; id <= 1000; id++)
    speaker.tell(NUMBERS.chunkRequest, messages.chunkRequestCodec, {
      id,
      chunks: [{ hash: hashBytes(bytes), length: CHUNK_BYTES }]
    })
  await quiet()
  t.ok(reads <= (2 * SERVE_BYTES) / CHUNK_BYTES, `${reads} chunks were read`)
  const before = reads
  for (let id = 1; id <= 1000; id++) speaker.tell(NUMBERS.cancel, messages.cancelCodec, id)
  await quiet()
  t.is(reads, before, 'and cancelling makes no answers pile up')
  t.is(folder.closed.length, 0)
  speaker.stream.resume()
  await until('every request is answered once', () => speaker.heard.length >= 1000)
  await quiet()
  t.is(speaker.heard.filter(frame => frame[1] === NUMBERS.chunkAnswer).length, 1000)
})

test('what is small waits behind one large answer at most, whichever folder it is of', async t => {
  const bytes = Buffer.alloc(CHUNK_BYTES)
  const folder = makeFolder({ handlers: { onChunk: () => Promise.resolve(bytes) } })
  const other = makeFolder({ number: 2, handlers: { onChunk: () => Promise.resolve(bytes) } })
  const { speaker, connection } = await meetSpeaker(t, folder)
  await introduce(speaker, folder)
  connection.offer(other.link, { initiate: false })
  const proof = proofOf(other.link, speaker.facts, speaker.side)
  speaker.open(2, channelId(other.link, speaker.facts), encodeWith(messages.openingCodec, { proof }))
  speaker.say(2, NUMBERS.hello, encodeWith(messages.helloCodec, helloOf('speaker')))
  await until('both are open', () => other.peers.length === 1)
  speaker.stream.pause()
  const request = (id: number): Uint8Array =>
    encodeWith(messages.chunkRequestCodec, { id, chunks: [{ hash: hashBytes(bytes), length: CHUNK_BYTES }] })
  for (let id = 1; id <= 100; id++) speaker.say(1, NUMBERS.chunkRequest, request(id))
  for (let id = 1; id <= 3; id++) speaker.say(2, NUMBERS.chunkRequest, request(id))
  await quiet()
  const before = speaker.heard.length
  other.peers[0]?.sendHead({ root: hashOf('x'), lacks: EMPTY_ROOT, sequence: 1, idle: true, head: undefined })
  speaker.stream.resume()
  await until('all came', () => speaker.heard.length >= before + 104)
  const heard = speaker.heard.slice(before)
  const headAt = heard.findIndex(frame => frame[0] === 2 && frame[1] === NUMBERS.head)
  t.ok(headAt <= 3, `the head came behind ${headAt} chunks`)
  const lastOfOther = heard.findLastIndex(frame => frame[0] === 2 && frame[1] === NUMBERS.chunkAnswer)
  t.ok(lastOfOther < 40, `the other folder had its chunks after ${lastOfOther} frames`)
})

test('a line that is slow, but moves, is not let go, and what it owes has its time', async t => {
  const { runtime, advance } = fakeRuntime()
  const folder = makeFolder()
  const { speaker } = await meetSpeaker(t, folder, { runtime })
  await introduce(speaker, folder)
  const [peer] = folder.peers
  const asked = Array.from({ length: 8 }, () => codeOf(requestChunk(peer!, hashOf('x'), CHUNK_BYTES)))
  const heads = Array.from({ length: 20 }, () => Buffer.alloc(1024))
  // The first has a minute, the last one the time for seven chunks before it too: at 8 KiB a second 64 seconds each.
  for (let elapsed = 0; elapsed < 7 * 64_000; elapsed += ANSWER_DEADLINE_MS / 4) {
    speaker.tell(NUMBERS.relayedHeads, messages.relayedHeadsCodec, heads)
    await quiet()
    advance(ANSWER_DEADLINE_MS / 4)
  }
  t.is(folder.closed.length, 0)
  t.is(peer!.requestsInFlight, 1)
  speaker.tell(NUMBERS.chunkAnswer, messages.chunkAnswerCodec, { id: 8, chunks: [new Uint8Array(0)] })
  t.alike(await Promise.all(asked), [...Array.from({ length: 7 }, () => 'TIMEOUT'), 'UNAVAILABLE'])
})

test('a peer that owes an answer for too long is let go', async t => {
  for (const what of ['nodes', 'chunk']) {
    const { runtime, advance } = fakeRuntime()
    const folder = makeFolder()
    const { speaker, connection } = await meetSpeaker(t, folder, { runtime })
    await introduce(speaker, folder)
    const [peer] = folder.peers
    const asked = codeOf(what === 'nodes' ? peer!.requestNodes([hashOf('x')]) : requestChunk(peer!, hashOf('x'), 1))
    for (let elapsed = 0; elapsed < ANSWER_DEADLINE_MS; elapsed += ANSWER_DEADLINE_MS / 4)
      advance(ANSWER_DEADLINE_MS / 4)
    t.is(folder.closed.length, 0, 'not before')
    advance(ANSWER_DEADLINE_MS / 4)
    t.is(await asked, 'TIMEOUT')
    await connection.closed
    t.alike(
      folder.closed.map(reason => reason?.code),
      ['TIMEOUT']
    )
  }
})

test('a peer that answers slowly, but answers, is not let go', async t => {
  const { runtime, advance } = fakeRuntime()
  const folder = makeFolder()
  const { speaker } = await meetSpeaker(t, folder, { runtime })
  await introduce(speaker, folder)
  const asked = Array.from({ length: 10 }, () => codeOf(requestChunk(folder.peers[0]!, hashOf('x'), 1)))
  for (let id = 1; id <= 10; id++) {
    advance(ANSWER_DEADLINE_MS / 20)
    speaker.tell(NUMBERS.chunkAnswer, messages.chunkAnswerCodec, { id, chunks: [new Uint8Array(0)] })
    await asked[id - 1]
  }
  advance(10 * ANSWER_DEADLINE_MS)
  t.is(folder.closed.length, 0)
})

test('what waits when the connection ends is rejected, and so is what comes later', async t => {
  const a = makeFolder()
  const b = makeFolder({ handlers: { onChunk: () => new Promise(() => undefined) } })
  const { toB, connections } = await meet(t, a, b)
  const asked = codeOf(requestChunk(toB, hashOf('x'), 1))
  connections[1]?.destroy()
  t.is(await asked, 'PEER_GONE')
  t.is(await codeOf(toB.requestNodes([hashOf('x')])), 'PEER_GONE')
  t.is(await codeOf(requestChunk(toB, hashOf('x'), 1)), 'PEER_GONE')
  toB.sendHead({ root: hashOf('x'), lacks: EMPTY_ROOT, sequence: 1, idle: true, head: undefined })
  t.is(a.closed.length, 1)
})

test('heads, news and what a peer has arrive as they were sent', async (t: Test) => {
  const heard: unknown[] = []
  const handlers = {
    onNews: (news: unknown) => void heard.push(news),
    onHead: (update: unknown) => void heard.push(update),
    onHave: (_content: Hash, ranges: unknown) => void heard.push(ranges)
  }
  const { toB } = await meet(t, makeFolder(), makeFolder({ handlers }))
  const update = { root: hashOf('x'), lacks: EMPTY_ROOT, sequence: 3, idle: false, head: undefined }
  const ranges = Array.from({ length: 5000 }, (_, i) => [2 * i, 1] as const)
  const news = { nodes: [Uint8Array.of(1, 2)], files: [Uint8Array.of(3)] }
  toB.sendNews(news)
  toB.sendHead(update)
  toB.announceHave(hashOf('y'), ranges)
  await until('they came', () => heard.length === 4)
  t.alike(heard[0], news)
  t.is(hashKey((heard[1] as { root: Hash }).root), hashKey(update.root))
  t.alike([...(heard[2] as unknown[]), ...(heard[3] as unknown[])], ranges)
})

for (const [what, makePair] of [
  ['TCP', tcpPair],
  ['a WebSocket', webSocketPair]
] as const) {
  test(`chunks of all sizes come over ${what} as they are`, async t => {
    const chunks = [1, 1000, 64 * 1024, 100_000, CHUNK_BYTES].map((size, i) => Buffer.alloc(size, i + 1))
    const byHash = new Map(chunks.map(bytes => [hashKey(hashBytes(bytes)), bytes]))
    const handlers = { onChunk: (hash: Hash) => Promise.resolve(byHash.get(hashKey(hash))) }
    const [a, b] = [makeFolder(), makeFolder({ handlers })]
    const { raw, close } = await makePair()
    t.teardown(close)
    const runtime = realRuntime()
    const streams = await Promise.all(
      raw.map((stream, i) => secureStream(stream, { keyPair: keyPairOf(i + 1), runtime }))
    )
    const connections = streams.map(stream => Connection.over(stream, { runtime }))
    t.teardown(() => connections.forEach(connection => connection.destroy()), { order: -1 })
    connections[0]?.offer(a.link, { initiate: true })
    connections[1]?.offer(b.link, { initiate: true })
    await until('they meet', () => a.peers.length === 1 && b.peers.length === 1)
    const wanted = Array.from({ length: 40 }, (_, i) => chunks[i % chunks.length]!)
    const got = await Promise.all(wanted.map(bytes => requestChunk(a.peers[0]!, hashBytes(bytes), bytes.byteLength)))
    t.ok(got.every((bytes, i) => wanted[i]?.equals(bytes)))
  })
}

interface Raw {
  readonly raw: readonly Duplex[]
  readonly close: () => void
}

async function tcpPair(): Promise<Raw> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Duplex]>
  const raw = connect((server.address() as AddressInfo).port, '127.0.0.1')
  return { raw: [raw, (await accepted)[0]], close: () => server.close() }
}

async function webSocketPair(): Promise<Raw> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[WebSocket]>
  const raw = createWebSocketStream(new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`))
  return { raw: [raw, createWebSocketStream((await accepted)[0])], close: () => server.close() }
}

function manyPieces(count: number): Map<HashKey, Uint8Array> {
  const pieces = Array.from({ length: count }, (_, i) => Buffer.from(`piece ${i}`))
  return new Map(pieces.map(bytes => [hashKey(hashBytes(bytes)), bytes]))
}

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    if (isBackerError(error)) return error.code
    throw error
  }
}

test('what is kept is asked for and told, more than fits at once, one after the other', async t => {
  const asked: (string | undefined)[] = []
  const payload = { kind: 'symlink' as const, target: 'a', mtimeNs: 1n }
  const handlers = {
    onPast: (path: string | undefined) => {
      asked.push(path)
      const snapshots = path === undefined ? [{ head: Buffer.alloc(9, 1), isPinned: true }] : []
      const revisions = path === undefined ? [] : Array.from({ length: 500 }, (_, i) => ({ atMs: i, payload }))
      return Promise.resolve({ snapshots, revisions })
    }
  }
  const { toB } = await meet(t, makeFolder(), makeFolder({ handlers }))
  const paths = Array.from({ length: 3 * PAST_REQUESTS_OPEN }, (_, i) => parsePath(`d/${i}`))
  const [whole, ...parts] = await Promise.all([undefined, ...paths].map(path => toB.requestPast(path)))
  t.alike(asked, [undefined, ...paths])
  t.alike(
    whole?.snapshots.map(({ head, isPinned }) => [head.byteLength, isPinned]),
    [[9, true]]
  )
  t.is(parts.length, paths.length)
  t.ok(parts.every(({ revisions }) => revisions.length === REVISIONS_TOLD && revisions[1]?.payload.kind === 'symlink'))
})

test('what is not told in time is given up, and what comes late is ignored', async t => {
  const { runtime, advance } = fakeRuntime()
  let answer: () => void = () => undefined
  const handlers = {
    onPast: () =>
      new Promise<{ snapshots: []; revisions: [] }>(
        resolve => (answer = () => resolve({ snapshots: [], revisions: [] }))
      ),
    onNodes: (hashes: readonly Hash[]) => hashes.map(() => undefined)
  }
  const { toB } = await meet(t, makeFolder(), makeFolder({ handlers }), [runtime])
  const given = toB.requestPast(undefined).catch((error: unknown) => error)
  // It sends something, but not this.
  for (let i = 0; i < 8; i++) {
    advance(ANSWER_DEADLINE_MS / 4)
    await toB.requestNodes([hashOf('x')])
    await quiet()
  }
  t.ok(isBackerError(await given, 'TIMEOUT'))
  answer()
  await quiet()
  t.alike(await toB.requestNodes([hashOf('y')]), [undefined], 'the connection goes on')
})

test('proofs are asked for as often as the peer takes at once, and each has the answer to its own question', async t => {
  const asked: string[] = []
  const handlers = {
    onHold: ({ path, nonce }: HoldQuestion) => {
      asked.push(path)
      return Promise.resolve(path === 'd/1' ? undefined : nonce)
    }
  }
  const { toB } = await meet(t, makeFolder(), makeFolder({ handlers }))
  const questions = Array.from({ length: 3 * HOLD_REQUESTS_OPEN }, (_, i) => ({
    path: parsePath(`d/${i}`),
    content: hashOf('x'),
    size: i,
    nonce: Buffer.alloc(32, i)
  }))
  const proofs = await Promise.all(questions.map(question => toB.requestHold(question)))
  t.is(asked.length, questions.length)
  t.ok(proofs.every((proof, i) => (i === 1 ? proof === undefined : proof !== undefined && proof[31] === i)))
})
