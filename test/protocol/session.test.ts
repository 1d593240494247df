import { once } from 'node:events'
import test from 'brittle'
import { encodeWith } from '../../lib/core/codec.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { Connection } from '../../protocol/connection.js'
import { KEEP_ALIVE_MS, SILENCE_MAX_MS } from '../../protocol/limits.js'
import { openingCodec } from '../../protocol/messages.js'
import { channelId, proofOf } from '../../protocol/proof.js'
import { hashOf } from '../make/record.js'
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
  secretOf,
  until
} from '../make/wire.js'

const REJECT = 2

test('two devices with the same key meet and know each other', async t => {
  const [a, b] = [makeFolder({ hello: helloOf('a') }), makeFolder({ hello: { ...helloOf('b'), role: 'reader' } })]
  const { toA, toB, connections } = await meet(t, a, b)
  t.alike(toB.hello, { ...helloOf('b'), role: 'reader' })
  t.alike(toA.hello, helloOf('a'))
  t.not(toA.deviceId, toB.deviceId)
  t.ok(connections.every(({ proven }) => proven))
})

test('it does not matter which of them asks, or that both do', async t => {
  for (const [first, second] of [
    [true, true],
    [false, true],
    [true, false]
  ] as const) {
    const [a, b] = [makeFolder(), makeFolder()]
    const connections = (await noisePair()).map(stream => Connection.over(stream, { runtime: realRuntime() }))
    connections[0]?.offer(a.link, { initiate: first })
    connections[1]?.offer(b.link, { initiate: second })
    await until('they meet', () => a.peers.length === 1 && b.peers.length === 1)
    await quiet()
    t.is(a.peers.length, 1)
    connections.forEach(connection => connection.destroy())
  }
})

test('A4: devices without a folder in common learn nothing of each other', async t => {
  const secret = secretOf(1)
  const others = [
    makeFolder({ number: 2 }),
    // The same folder, but another read secret: all that a store key's holder lacks.
    { ...makeFolder(), link: { ...makeFolder().link, ...secret, readSecret: Buffer.alloc(16) } }
  ]
  for (const b of others) {
    const a = makeFolder()
    const connections = (await noisePair()).map(stream => Connection.over(stream, { runtime: realRuntime() }))
    connections[0]?.offer(a.link, { initiate: true })
    connections[1]?.offer(b.link, { initiate: true })
    await quiet()
    t.is(a.peers.length + b.peers.length, 0)
    t.absent(connections.some(({ proven }) => proven))
    connections.forEach(connection => connection.destroy())
  }
})

test('A4: who asks for a folder that is not there hears the same as who has a wrong key', async t => {
  const transcripts: string[] = []
  const asked = [secretOf(2), { ...secretOf(1), readSecret: Buffer.alloc(16) }]
  for (const secret of asked) {
    const folder = makeFolder({ hello: helloOf('very private name') })
    const { speaker } = await meetSpeaker(t, folder)
    const proof = proofOf(secret, speaker.facts, speaker.side)
    speaker.open(1, channelId(secret, speaker.facts), encodeWith(openingCodec, { proof }))
    speaker.say(1, NUMBERS.nodesRequest, Buffer.alloc(40))
    await quiet()
    transcripts.push(speaker.heard.map(frame => Buffer.from(frame).toString('hex')).join())
    t.is(folder.peers.length, 0)
  }
  t.alike(transcripts, [Buffer.of(0, REJECT, 1).toString('hex'), Buffer.of(0, REJECT, 1).toString('hex')])
})

test('A5: an opening that was heard in another session opens nothing', async t => {
  const folder = makeFolder()
  const first = await meetSpeaker(t, folder)
  await introduce(first.speaker, folder)
  const id = channelId(folder.link, first.speaker.facts)
  const proof = proofOf(folder.link, first.speaker.facts, first.speaker.side)
  const second = await meetSpeaker(t, folder)
  second.speaker.open(1, id, encodeWith(openingCodec, { proof }))
  await quiet()
  t.alike(
    second.speaker.heard.map(frame => [...frame]),
    [[0, REJECT, 1]]
  )
  t.is(folder.peers.length, 1)
  t.absent(second.connection.proven)
})

test('A5: a wrong proof under the right name is refused, and no name is told', async t => {
  const name = 'very private name'
  for (const kind of ['random', 'of another session', 'echoed', 'cut short'] as const) {
    const folder = makeFolder({ hello: helloOf(name) })
    const { speaker, connection } = await meetSpeaker(t, folder, { initiate: kind === 'echoed' })
    const id = channelId(folder.link, speaker.facts)
    const otherSide = speaker.side === 'initiator' ? 'responder' : 'initiator'
    const opening = {
      random: hashOf('no proof'),
      'of another session': proofOf(folder.link, { ...speaker.facts, handshakeHash: Buffer.alloc(64) }, speaker.side),
      echoed: proofOf(folder.link, speaker.facts, otherSide),
      'cut short': proofOf(folder.link, speaker.facts, speaker.side).subarray(1)
    }[kind]
    speaker.open(1, id, opening)
    speaker.say(1, NUMBERS.nodesRequest, Buffer.from('010001', 'hex'), hashOf('a node'))
    await connection.closed
    const heard = Buffer.concat(speaker.heard)
    t.absent(heard.includes(name), kind)
    t.ok(heard.includes(kind === 'cut short' ? 'MALFORMED' : 'FORGED'), 'the reason is told')
    t.is(folder.peers.length, 0)
    t.absent(connection.proven)
  }
})

test('A4 A8: who never proves anything is let go after a while', async t => {
  const { runtime, advance } = fakeRuntime()
  const [ours, theirs] = await noisePair()
  const connection = Connection.over(ours, { runtime, requireProofWithinMs: 1000 })
  connection.offer(makeFolder().link, { initiate: false })
  await quiet()
  advance(999)
  await quiet()
  t.absent(ours.destroyed)
  advance(1)
  await connection.closed
  t.pass()
  theirs.destroy()
})

test('the reason for which one side ends a connection arrives at the other', async t => {
  const [a, b] = [makeFolder(), makeFolder()]
  const { toB, connections } = await meet(t, a, b)
  const { BackerError } = await import('../../lib/core/error.js')
  toB.close(new BackerError('LIMIT', 'too much of it'))
  t.alike(
    a.closed.map(reason => reason?.code),
    ['LIMIT']
  )
  await Promise.all(connections.map(({ closed }) => closed))
  t.alike(
    b.closed.map(reason => reason?.code),
    ['PEER_GONE']
  )
  t.ok(b.closed[0]?.message.includes('too much of it (LIMIT)'), b.closed[0]?.message)
})

test('one folder leaves a connection, and another one stays on it', async t => {
  const [a, b] = [makeFolder(), makeFolder()]
  const [otherA, otherB] = [makeFolder({ number: 2 }), makeFolder({ number: 2 })]
  const { connections } = await meet(t, a, b)
  connections[0]?.offer(otherA.link, { initiate: false })
  connections[1]?.offer(otherB.link, { initiate: true })
  await until('the others meet', () => otherA.peers.length === 1 && otherB.peers.length === 1)
  connections[0]?.withdraw(a.link)
  await until('it left', () => a.closed.length === 1 && b.closed.length === 1)
  t.alike(await otherA.peers[0]?.requestNodes([hashOf('x')]), [undefined])
  t.is(otherA.closed.length, 0)
  connections[0]?.offer(a.link, { initiate: true })
  await until('it came back', () => a.peers.length === 2 && b.peers.length === 2)
})

test('two devices may share any number of folders on one connection', async t => {
  const numbers = Array.from({ length: 200 }, (_, i) => i)
  const [a, b] = [numbers.map(number => makeFolder({ number })), numbers.map(number => makeFolder({ number }))]
  const connections = (await noisePair()).map(stream => Connection.over(stream, { runtime: realRuntime() }))
  t.teardown(() => connections.forEach(connection => connection.destroy()))
  for (const { link } of b) connections[1]?.offer(link, { initiate: false })
  for (const { link } of a) connections[0]?.offer(link, { initiate: true })
  await until('all meet', () => [...a, ...b].every(({ peers }) => peers.length === 1))
  const answers = await Promise.all(a.map(({ peers }) => peers[0]!.requestNodes([hashOf('x')])))
  t.ok(answers.every(answer => answer.length === 1))
})

test('every stream is kept alive, and watched for silence, whoever encrypted it', async t => {
  for (const stream of await noisePair()) {
    const connection = Connection.over(stream, { runtime: realRuntime() })
    t.is(stream.keepAlive, KEEP_ALIVE_MS)
    t.is(stream.timeout, SILENCE_MAX_MS)
    connection.destroy()
  }
})

test('a connection over a stream that has ended is closed, and offers nothing', async t => {
  const [stream, other] = await noisePair()
  const gone = once(stream, 'close')
  other.destroy()
  await gone
  const connection = Connection.over(stream, { runtime: realRuntime() })
  const folder = makeFolder()
  connection.offer(folder.link, { initiate: true })
  await connection.closed
  t.is(folder.peers.length, 0)
})

test('a long list of heads comes as it left, also right behind the proof', async t => {
  const heads = Array.from({ length: 2500 }, (_, i) => Buffer.alloc(1024, i))
  let came = 0
  const a = makeFolder({ handlers: { onRelayedHeads: some => void (came += some.length) } })
  const b = makeFolder()
  const { toA } = await meet(t, a, b)
  toA.relayHeads(heads)
  await until('they came', () => came === heads.length)
  t.is(a.closed.length, 0)
})

test('the engine that fails while it answers ends that connection, and tells so', async t => {
  const handlers = {
    onNodes: () => {
      throw new Error('a mistake at /home/somebody/private')
    }
  }
  const [a, b] = [makeFolder(), makeFolder({ handlers })]
  const { toB } = await meet(t, a, b)
  const failed = await toB.requestNodes([hashOf('x')]).catch((error: unknown) => error)
  t.is((failed as { code: string }).code, 'PEER_GONE')
  t.alike(
    b.closed.map(reason => reason?.code),
    ['INTERNAL']
  )
  t.ok(b.closed[0]?.message.includes('/home/somebody/private'), 'its own side knows what it was')
  t.is(a.closed.length, 1)
  t.absent(a.closed[0]?.message.includes('private'), 'the other side does not')
  t.ok(a.closed[0]?.message.includes('INTERNAL'))
})
