import { connect } from 'node:net'
import { once } from 'node:events'
import test, { type Test } from 'brittle'
import HyperDHT from 'hyperdht'
import { createWriteKey, topicOf } from '../../lib/core/model/keys.js'
import { Network, type NetworkFolder, type NetworkOptions } from '../../lib/net/network.js'
import { runDhtNode, type DhtNode } from '../../lib/net/dht-node.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { Connection } from '../../protocol/connection.js'
import { secureStream } from '../../protocol/handshake.js'
import { channelId, proofOf } from '../../protocol/proof.js'
import { encodeWith } from '../../lib/core/codec.js'
import { openingCodec } from '../../protocol/messages.js'
import { keyPairOf, makeFolder, makeSpeaker, until, type RecordedFolder } from '../make/wire.js'

/** A device on the network, with one folder that has no engine. Without `bootstrap` it is on a DHT where nobody else is. */
async function makeDevice(t: Test, number: number, options: Partial<NetworkOptions> = {}) {
  const keyPair = keyPairOf(number)
  const bootstrap = options.bootstrap ?? [await makeDht(t)]
  const network = await Network.open({
    keyPair,
    runtime: realRuntime(),
    lan: false,
    port: 0,
    ...options,
    bootstrap
  })
  t.teardown(() => network.close(), { order: 1 })
  const folder = makeFolder()
  return { network, folder, keyPair, port: network.report.tcpPort ?? 0 }
}

async function makeDht(t: Test): Promise<DhtNode> {
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  t.teardown(() => node.close(), { order: 2 })
  return node
}

function onNetwork(folder: RecordedFolder, port?: number): NetworkFolder {
  const peers = port === undefined ? [] : [{ host: '127.0.0.1', port }]
  return { topic: topicOf(createWriteKey(Buffer.alloc(32, 1))), link: folder.link, peers }
}

const roadsOf = ({ peers }: RecordedFolder): readonly string[] => peers.map(({ road }) => road.transport)

test('devices meet at an address that is known, without a DHT', async t => {
  const [a, b] = [await makeDevice(t, 1), await makeDevice(t, 2)]
  void a.network.add(onNetwork(a.folder))
  void b.network.add(onNetwork(b.folder, a.port))
  await until('they meet', () => a.folder.peers.length === 1 && b.folder.peers.length === 1)
  t.alike([roadsOf(a.folder), roadsOf(b.folder)], [['tcp'], ['tcp']])
  t.is(b.folder.peers[0]?.remoteHost, '127.0.0.1')
})

test('a device is connected to no more others than it may be', async t => {
  const a = await makeDevice(t, 1, { devicesMax: 1 })
  const [b, c] = [await makeDevice(t, 2), await makeDevice(t, 3)]
  void a.network.add(onNetwork(a.folder))
  void b.network.add(onNetwork(b.folder, a.port))
  await until('the first has come', () => a.folder.peers.length === 1 && b.folder.peers.length === 1)
  void c.network.add(onNetwork(c.folder, a.port))
  await new Promise(resolve => setTimeout(resolve, 500))
  t.alike([a.folder.peers.length, c.folder.peers.length], [1, 0])
  await b.network.close()
  await until('its place is free', () => c.folder.peers.length === 1)
})

test('a device that is gone and comes back is met again', async t => {
  const a = await makeDevice(t, 1)
  const b = await makeDevice(t, 2)
  void a.network.add(onNetwork(a.folder))
  void b.network.add(onNetwork(b.folder, a.port))
  await until('they meet', () => b.folder.peers.length === 1)
  await a.network.close()
  await until('it is missed', () => b.folder.closed.length === 1)
  const again = await makeDevice(t, 1, { port: a.port })
  void again.network.add(onNetwork(again.folder))
  await until('they meet again', () => b.folder.peers.length === 2 && again.folder.peers.length === 1)
  t.alike(roadsOf(again.folder), ['tcp'])
})

test('a folder that nobody connected has is looked for again, whatever else others have', async t => {
  const node = await makeDht(t)
  const [a, b] = [await makeDevice(t, 1, { bootstrap: [node] }), await makeDevice(t, 2, { bootstrap: [node] })]
  void a.network.add(onNetwork(a.folder))
  void b.network.add(onNetwork(b.folder, a.port))
  await until('they meet', () => a.folder.peers.length > 0)

  const topic = topicOf(createWriteKey(Buffer.alloc(32, 2)))
  await a.network.add({ topic, link: makeFolder({ number: 2 }).link })
  // Somebody who comes at the same moment, and has not looked for others.
  const dht = new HyperDHT({ bootstrap: [node], host: '127.0.0.1', firewalled: false })
  t.teardown(() => dht.destroy(), { order: 1 })
  let met = 0
  const server = dht.createServer({}, stream => {
    met++
    stream.on('error', () => undefined)
  })
  await server.listen(keyPairOf(3))
  await dht.announce(topic, keyPairOf(3)).finished()
  await until('it is found', () => met > 0)
  t.pass()
})

test('devices that met through the DHT of one machine go over to TCP there', async t => {
  const node = await makeDht(t)
  const a = await makeDevice(t, 1, { bootstrap: [node] })
  const b = await makeDevice(t, 2, { bootstrap: [node] })
  await a.network.add(onNetwork(a.folder))
  await b.network.add(onNetwork(b.folder))
  await until('they meet', () => a.folder.peers.length > 0 && b.folder.peers.length > 0)
  t.is(roadsOf(b.folder)[0], 'udx')
  // Each tells the other where it takes TCP.
  await until('the better road is there', () => roadsOf(b.folder).includes('tcp') && roadsOf(a.folder).includes('tcp'))
  const best = Math.max(...b.folder.peers.map(({ road }) => road.rank))
  t.is(b.folder.peers.find(({ road }) => road.transport === 'tcp')?.road.rank, best)
})

test('a device that opens one connection after the other has eight at most', async t => {
  // The other one has the lesser id: by itself this side closes nothing.
  const [other = 1, own = 2] = [1, 2].sort((x, y) => Buffer.compare(keyPairOf(x).publicKey, keyPairOf(y).publicKey))
  const a = await makeDevice(t, own)
  void a.network.add(onNetwork(a.folder))
  let open = 0
  for (let i = 1; i <= 12; i++) {
    const raw = connect(a.port, '127.0.0.1')
    const noise = await secureStream(raw, { keyPair: keyPairOf(other), runtime: realRuntime() })
    const connection = Connection.over(noise, { runtime: realRuntime() })
    t.teardown(() => connection.destroy())
    void connection.closed.then(() => open--)
    connection.offer(makeFolder().link, { initiate: true })
    open++
    await until('it has proven itself', () => a.folder.peers.length === i)
  }
  await until('the others are closed', () => open <= 8)
  t.is(open, 8)
})

test('a stranger who connects to the port gets nothing but a closed connection', async t => {
  const a = await makeDevice(t, 1)
  void a.network.add(onNetwork(a.folder))
  const silent = connect(a.port, '127.0.0.1')
  const rude = connect(a.port, '127.0.0.1')
  rude.on('error', () => undefined)
  rude.write('GET / HTTP/1.1\r\nHost: a\r\n\r\nand then some more of it to be sure\r\n')
  const heard: Buffer[] = []
  rude.on('data', (bytes: Buffer) => heard.push(bytes))
  await once(rude, 'close')
  t.is(Buffer.concat(heard).byteLength, 32, 'the greeting, which says nothing')
  silent.destroy()
  t.alike(a.folder.peers, [])
})

test('a stranger who knows the topic, or has another proof, is not told that the folder is here', async t => {
  const a = await makeDevice(t, 1)
  void a.network.add(onNetwork(a.folder))
  for (const secret of [makeFolder({ number: 2 }).link, { ...a.folder.link, readSecret: Buffer.alloc(16) }]) {
    const raw = connect(a.port, '127.0.0.1')
    const noise = await secureStream(raw, { keyPair: keyPairOf(9), runtime: realRuntime() })
    const speaker = makeSpeaker(noise)
    const proof = proofOf(secret, speaker.facts, speaker.side)
    speaker.open(1, channelId(secret, speaker.facts), encodeWith(openingCodec, { proof }))
    await until('it is answered', () => speaker.heard.length > 0)
    t.alike([speaker.heard.length, speaker.heard[0]?.[1]], [1, 2], 'one frame: rejected')
    noise.destroy()
  }
  t.alike(a.folder.peers, [])
})

test('another machine with the same device key is noticed by both, and a loop back to oneself is none', async t => {
  const clones: string[] = []
  const [a, b] = [
    await makeDevice(t, 1, { oncloned: host => clones.push(`a ${host ?? ''}`) }),
    await makeDevice(t, 1, { oncloned: host => clones.push(`b ${host ?? ''}`) })
  ]
  // `a` meets itself first, so that this has shown nothing by the time the other shows.
  void a.network.add(onNetwork(a.folder, a.port))
  void b.network.add(onNetwork(b.folder, a.port))
  // One of them may try again, and be told once more, before the other has noticed.
  await until('both notice', () => new Set(clones).size >= 2)
  t.alike([...new Set(clones)].sort(), ['a 127.0.0.1', 'b 127.0.0.1'])
  t.is(a.folder.peers.length + b.folder.peers.length, 0)
})
