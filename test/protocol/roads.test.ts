import test from 'brittle'
import { hashBytes } from '../../lib/core/model/hash.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { Connection, type ConnectionOptions } from '../../protocol/connection.js'
import type { Gate } from '../../protocol/line.js'
import { pingCodec, pongCodec, type RoadsMessage } from '../../protocol/messages.js'
import { introduce, makeFolder, meet, meetSpeaker, noisePair, NUMBERS, quiet, until } from '../make/wire.js'
import { requestChunk } from '../make/request-chunk.js'

test('a round trip is measured, and the peer is heard', async t => {
  const { connections, toA } = await meet(t, makeFolder(), makeFolder())
  t.is(connections[0]?.roundTripMs, undefined)
  await connections[0]?.ping()
  t.ok((connections[0]?.roundTripMs ?? Infinity) < 5000)
  t.is(toA.roundTripMs, undefined, 'the other side has measured nothing')
  t.ok((connections[0]?.silentMs ?? Infinity) < 5000)
})

test('pings that nobody takes the pongs of make no pongs pile up', async t => {
  const folder = makeFolder()
  const { speaker, connection } = await meetSpeaker(t, folder)
  await introduce(speaker, folder)
  const pongs = (): Uint8Array[] => speaker.heard.filter(frame => frame[1] === NUMBERS.pong)
  speaker.stream.pause()
  for (let id = 0; id < 50_000; id++) speaker.tell(NUMBERS.ping, pingCodec, id)
  await until('the pings are read', () => connection.bytesReceived > 50_000 * 20)
  speaker.stream.resume()
  await quiet()
  t.ok(pongs().length > 0, 'some are answered')
  t.ok(pongs().length < 25_000, `${pongs().length} pongs`)
  t.absent(speaker.stream.destroyed)
})

test('a pong that nobody waits for is nothing', async t => {
  const folder = makeFolder()
  const { speaker } = await meetSpeaker(t, folder)
  await introduce(speaker, folder)
  speaker.tell(NUMBERS.pong, pongCodec, 12)
  await quiet()
  t.alike(folder.closed, [])
})

test('each side hears how else the other can be reached, once it has proven that it knows the key', async t => {
  const heard: RoadsMessage[] = []
  const roads: RoadsMessage = { addresses: ['192.0.2.1:1'], relay: Buffer.alloc(32, 7) }
  const connect = async (other: number): Promise<void> => {
    const streams = await noisePair()
    const make = (i: 0 | 1, options: Partial<ConnectionOptions>): Connection =>
      Connection.over(streams[i], { runtime: realRuntime(), ...options })
    const connections = [make(0, { roads: () => roads }), make(1, { onroads: message => void heard.push(message) })]
    t.teardown(() => connections.forEach(connection => connection.destroy()))
    connections[0]?.offer(makeFolder().link, { initiate: true })
    connections[1]?.offer(makeFolder({ number: other }).link, { initiate: true })
    await quiet()
  }
  await connect(2)
  t.alike(heard, [], 'a stranger hears nothing')
  await connect(1)
  t.alike(
    heard.map(({ addresses }) => addresses),
    [roads.addresses]
  )
})

test('content waits where the gates are closed, and goes on when they open', async t => {
  let isOpen = false
  let open: () => void = () => undefined
  const opened = new Promise<void>(resolve => (open = resolve))
  const passed: number[] = []
  const gate: Gate = {
    tryPass: bytes => isOpen && passed.push(bytes) > 0,
    ready: () => opened
  }
  const bytes = Buffer.from('chunk')
  const a = makeFolder({ handlers: { onChunk: () => Promise.resolve(bytes) } })
  const b = makeFolder()
  const streams = await noisePair()
  const connections = [
    Connection.over(streams[0], { runtime: realRuntime(), upload: () => gate }),
    Connection.over(streams[1], { runtime: realRuntime(), download: () => gate })
  ]
  t.teardown(() => connections.forEach(connection => connection.destroy()))
  connections.forEach((connection, i) => connection.offer([a, b][i]!.link, { initiate: true }))
  await until('they meet', () => b.peers.length === 1)
  const answer = requestChunk(b.peers[0]!, hashBytes(bytes), bytes.byteLength)
  await quiet()
  t.alike(passed, [])
  isOpen = true
  open()
  t.alike(Buffer.from(await answer), bytes)
  t.alike(passed, [5, 5], 'one when it was asked for, one when it was given')
})
