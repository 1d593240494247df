import test from 'brittle'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import HyperDHT from 'hyperdht'
import crypto from 'hypercore-crypto'
import { encodeWith } from '../../lib/core/codec.js'
import { hashBytes } from '../../lib/core/model/hash.js'
import { parseKey } from '../../lib/core/model/key-text.js'
import { createWriteKey, topicOf } from '../../lib/core/model/keys.js'
import { runDhtNode } from '../../lib/net/dht-node.js'
import { Door, STRANGERS_AT_ONCE, UNPROVEN_MAX } from '../../lib/net/door.js'
import { Network, type Remembered } from '../../lib/net/network.js'
import { RELAY_LIMITS } from '../../lib/net/relay.js'
import { runRelayNode } from '../../lib/net/relay-node.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { Connection } from '../../protocol/connection.js'
import { secureStream } from '../../protocol/handshake.js'
import { openingCodec } from '../../protocol/messages.js'
import { channelId, proofOf } from '../../protocol/proof.js'
import { makeBacker, until } from '../make/backers.js'
import {
  fakeRuntime,
  introduce,
  keyPairOf,
  makeFolder,
  makeSpeaker,
  meetSpeaker,
  noisePair,
  quiet
} from '../make/wire.js'

const HANDSHAKES = 150
const FALSE_DEVICES = 300

test('A1 A2: a flood of handshakes under ever new keys costs few sockets, and a known device still gets in', async t => {
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  t.teardown(() => node.close(), { order: 30 })
  const bootstrap = [{ host: node.host, port: node.port }]
  const [keyPair, friend] = [keyPairOf(50), keyPairOf(51)]
  const network = await Network.open({ keyPair, bootstrap, runtime: realRuntime() })
  t.teardown(() => network.close(), { order: 20 })
  const folder = makeFolder()
  await network.add({ topic: topicOf(createWriteKey(Buffer.alloc(32, 9))), link: folder.link })
  const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
  t.teardown(() => dht.destroy({ force: true }), { order: 10 })
  // The friend proves its key once, and leaves.
  const visit = async (): Promise<void> => {
    const before = folder.peers.length
    const stream = dht.connect(keyPair.publicKey, { keyPair: friend })
    stream.on('error', () => undefined)
    await stream.opened
    const connection = Connection.over(stream, { runtime: realRuntime() })
    connection.offer(makeFolder().link, { initiate: true })
    await until('the friend is in', () => folder.peers.length > before)
    connection.destroy()
    await connection.closed
  }
  await visit()
  await until('it has left', () => folder.closed.length === 1)
  const descriptors = readdirSync('/proc/self/fd').length
  let opened = 0
  const strangers = Array.from({ length: HANDSHAKES }, () => {
    const stream = dht.connect(keyPair.publicKey, { keyPair: crypto.keyPair() })
    stream.on('error', () => undefined)
    void stream.opened.then(isOpen => (opened += Number(isOpen)))
    return stream
  })
  await until('the flood has come', () => opened > 0)
  await visit()
  t.ok(opened <= STRANGERS_AT_ONCE + 40, `${opened} of ${HANDSHAKES} strangers got in`)
  t.ok(readdirSync('/proc/self/fd').length - descriptors < 64)
  strangers.forEach(stream => stream.destroy())
})

test('A1: strangers share one bucket, and it fills up again', t => {
  const { runtime, advance } = fakeRuntime()
  const door = new Door(runtime.clock)
  const admitted = (count: number): number =>
    Array.from({ length: count }, () => door.admits(crypto.keyPair().publicKey)).filter(Boolean).length
  t.is(admitted(500), STRANGERS_AT_ONCE)
  t.is(admitted(500), 0)
  advance(1000)
  t.is(admitted(500), 8)
  advance(3_600_000)
  t.is(admitted(500), STRANGERS_AT_ONCE)
})

test('A3: nobody whose key is not known makes this device dial a relay', async t => {
  const { runtime } = fakeRuntime()
  const door = new Door(runtime.clock)
  const seen: unknown[] = []
  const server = {
    firewall: (_key: Uint8Array, payload: { relayThrough?: unknown } | null) => (
      seen.push(payload?.relayThrough),
      false
    )
  }
  door.guard({ server } as unknown as Parameters<Door['guard']>[0])
  const relay = { publicKey: crypto.keyPair().publicKey, token: Buffer.alloc(32) }
  for (let i = 0; i < 20; i++) t.is(server.firewall(crypto.keyPair().publicKey, { relayThrough: relay }), false)
  const folder = makeFolder()
  const { speaker, connection } = await meetSpeaker(t, folder)
  door.entered(connection, speaker.stream.publicKey)
  await introduce(speaker, folder)
  connection.destroy()
  await connection.closed
  await quiet()
  server.firewall(speaker.stream.publicKey, { relayThrough: relay })
  t.alike(seen, [...Array.from({ length: 20 }, () => null), relay], 'only the known one is followed')
})

test('A8: of those who prove nothing only so many stay, and those who came last', async t => {
  const door = new Door(realRuntime().clock)
  const entered: Connection[] = []
  for (let i = 0; i < UNPROVEN_MAX + 5; i++) {
    const [ours] = await noisePair()
    const connection = Connection.over(ours, { runtime: realRuntime() })
    t.teardown(() => connection.destroy())
    entered.push(connection)
    door.entered(connection, ours.remotePublicKey)
  }
  await Promise.all(entered.slice(0, 5).map(({ closed }) => closed))
  let others = 0
  for (const { closed } of entered.slice(5)) void closed.then(() => others++)
  await quiet()
  t.is(others, 0)
})

test('D7: a relay carries nothing for a stranger, however often he asks', async t => {
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  t.teardown(() => node.close(), { order: 30 })
  const bootstrap = [{ host: node.host, port: node.port }]
  const friend = keyPairOf(60)
  const relay = await runRelayNode({
    device: keyPairOf(61),
    host: '127.0.0.1',
    port: 0,
    bootstrap,
    serves: { devices: [Buffer.from(friend.publicKey).toString('hex')], topics: [] },
    limits: RELAY_LIMITS,
    runtime: realRuntime()
  })
  t.teardown(() => relay.close(), { order: 20 })
  const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
  t.teardown(() => dht.destroy({ force: true }), { order: 10 })
  const knock = async (keyPair: ReturnType<typeof keyPairOf>): Promise<boolean> => {
    const stream = dht.connect(relay.publicKey, { keyPair })
    stream.on('error', () => undefined)
    const isOpen = await stream.opened
    stream.destroy()
    return isOpen
  }
  for (let i = 0; i < 5; i++) t.absent(await knock(crypto.keyPair()))
  t.ok(relay.counters.refused >= 5, `${relay.counters.refused} refused`)
  t.alike([relay.counters.pairsTotal, relay.counters.bytes], [0, 0])
  t.ok(await knock(friend), 'and whom it serves is let in')
})

test('C1 C2 C5 C6 C7 C8: who holds the store key alone is let into no folder, and hears nothing of it', async t => {
  const folder = makeFolder()
  const { folderPublicKey } = folder.link
  const guesses = [Buffer.alloc(16), folderPublicKey.subarray(0, 16), hashBytes(folderPublicKey).subarray(0, 16)]
  for (const readSecret of guesses) {
    const { speaker, connection } = await meetSpeaker(t, folder)
    const secret = { folderPublicKey, readSecret }
    const proof = proofOf(secret, speaker.facts, speaker.side)
    speaker.open(1, channelId(secret, speaker.facts), encodeWith(openingCodec, { proof }))
    await quiet()
    t.is(folder.peers.length, 0)
    t.absent(
      speaker.heard.some(frame => Buffer.from(frame).includes(Buffer.from(folderPublicKey))),
      'not even which folder it is'
    )
    connection.destroy()
    await connection.closed
  }
})

test('C3 C4: what is said to who holds the store key alone is the same, however much the folder holds and however equal it is', async t => {
  const large = Buffer.alloc(3_000_000, 'the same ')
  const trees: Record<string, string | Buffer>[] = [
    {},
    { a: large },
    { a: large, b: large },
    { a: large.subarray(1000) }
  ]
  const hear = async (files: Record<string, string | Buffer>): Promise<number[]> => {
    const device = await makeBacker(t)
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(device.directory, name), bytes)
    await until('all is found', () => device.status().idle && device.status().files === Object.keys(files).length)
    const { folderPublicKey } = parseKey(device.keyText('store'))
    const stream = await secureStream(device.createStream(), { keyPair: keyPairOf(62), runtime: realRuntime() })
    const speaker = makeSpeaker(stream)
    const secret = { folderPublicKey, readSecret: hashBytes(folderPublicKey).subarray(0, 16) }
    const proof = proofOf(secret, speaker.facts, speaker.side)
    speaker.open(1, channelId(secret, speaker.facts), encodeWith(openingCodec, { proof }))
    await once(stream, 'close')
    t.is(device.status().peers.length, 0)
    return speaker.heard.map(frame => frame.byteLength)
  }
  const [first, ...others] = await Promise.all(trees.map(hear))
  t.ok((first?.length ?? 0) > 0)
  for (const heard of others) t.alike(heard, first)
})

test('A7: hundreds of false devices on the topic keep nobody from one whose address is known', async t => {
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  t.teardown(() => node.close(), { order: 30 })
  const bootstrap = [{ host: node.host, port: node.port }]
  const topic = topicOf(createWriteKey(Buffer.alloc(32, 7)))
  const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
  t.teardown(() => dht.destroy({ force: true }), { order: 25 })
  for (let i = 0; i < FALSE_DEVICES; i++) await dht.announce(topic, crypto.keyPair()).finished()
  const open = async (number: number, peers: Remembered['peers']) => {
    const memory = { load: () => Promise.resolve({ nodes: [], peers }), save: () => Promise.resolve() }
    const options = { keyPair: keyPairOf(number), bootstrap, memory, lan: false, port: 0, runtime: realRuntime() }
    const network = await Network.open(options)
    t.teardown(() => network.close(), { order: 20 })
    return network
  }
  const [first, second] = [makeFolder(), makeFolder()]
  const there = await open(60, [])
  await there.add({ topic, link: first.link })
  const address = `127.0.0.1:${there.report.tcpPort}`
  const here = await open(61, [{ address, folders: [Buffer.from(topic).toString('hex')] }])
  const begin = performance.now()
  void here.add({ topic, link: second.link })
  await until('they meet', () => second.peers.length > 0 && first.peers.length > 0)
  t.ok(performance.now() - begin < 60_000)
  t.is(second.peers[0]?.remoteHost, '127.0.0.1')
  t.ok(readdirSync('/proc/self/fd').length < 200, 'and the others cost next to nothing')
})
