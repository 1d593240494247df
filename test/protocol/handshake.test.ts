import { once } from 'node:events'
import { createServer, connect, type AddressInfo } from 'node:net'
import { pipeline, type Duplex } from 'node:stream'
import test from 'brittle'
import NoiseSecretStream from '@hyperswarm/secret-stream'
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws'
import { isBackerError } from '../../lib/core/error.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { duplexPair } from '../../protocol/duplex-pair.js'
import { openEnd, secureStream, type NoiseStream } from '../../protocol/handshake.js'
import { HANDSHAKE_DEADLINE_MS, PROTOCOL_VERSION } from '../../protocol/limits.js'
import { fakeRuntime, keyPairOf, noisePair, quiet, until } from '../make/wire.js'

const runtime = realRuntime()
const MAGIC = Buffer.from('backer\0')

test('two ends of a stream in memory become one Noise stream', async t => {
  const [a, b] = await noisePair()
  await speaks(t, a, b)
  t.alike(Buffer.from(a.remotePublicKey), Buffer.from(keyPairOf(2).publicKey))
  t.alike(Buffer.from(b.remotePublicKey), Buffer.from(keyPairOf(1).publicKey))
  t.not(a.isInitiator, b.isInitiator)
  t.alike(Buffer.from(a.handshakeHash!), Buffer.from(b.handshakeHash!))
  a.destroy()
})

test('it does not matter in which pieces the bytes come', async t => {
  const [a, outer] = duplexPair()
  const [other, b] = duplexPair()
  byByte(outer, other)
  byByte(other, outer)
  const streams = await Promise.all([secure(a, 1), secure(b, 2)])
  await speaks(t, ...streams)
  streams[0].destroy()
})

test('over TCP', async t => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const raw = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [Duplex]
  const streams = await Promise.all([secure(raw, 1), secure(accepted, 2)])
  await speaks(t, ...streams)
  const closed = streams.map(stream => new Promise<void>(resolve => stream.once('close', resolve)))
  streams[0].destroy()
  await Promise.all(closed)
  await new Promise(resolve => server.close(resolve))
})

test('over a WebSocket', async t => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[WebSocket]>
  const raw = createWebSocketStream(new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`))
  const streams = await Promise.all([secure(raw, 1), secure(createWebSocketStream((await accepted)[0]), 2)])
  await speaks(t, ...streams)
  streams[0].destroy()
  await new Promise(resolve => server.close(resolve))
})

test('over streams of another kind', async t => {
  const [a, b] = streamxPair()
  const streams = await Promise.all([secure(a, 1), secure(b, 2)])
  await speaks(t, ...streams)
  streams[0].destroy()
})

test('a Noise stream is given back as it is, once it is open', async t => {
  const [a, b] = await noisePair()
  t.is(await secure(a, 1), a)
  b.destroy()
  a.destroy()
  t.is(await codeOf(secure(a, 1)), undefined, 'what had been open is')
})

test('an end for others to pipe meets another one', async t => {
  const [a, b] = [1, 2].map(number => openEnd({ keyPair: Promise.resolve(keyPairOf(number)), runtime }))
  if (a === undefined || b === undefined) {
    t.fail()
    return
  }
  pipeline(a.outer, b.outer, a.outer, () => undefined)
  const streams = await Promise.all([a.noise, b.noise])
  await speaks(t, ...streams)
  streams[0].destroy()
  await until('both ends are gone', () => a.outer.destroyed && b.outer.destroyed)
})

test('A12: a greeting that is not ours is refused for what it is', async t => {
  const nonce = Buffer.alloc(24, 255)
  const refused = {
    'HTTP/1.1 400 Bad Request\r\n\r\nwho are you': 'MALFORMED',
    [String.fromCharCode(...Buffer.concat([MAGIC, Buffer.of(PROTOCOL_VERSION + 1), nonce]))]: 'VERSION',
    [String.fromCharCode(...Buffer.concat([MAGIC, Buffer.of(0), nonce]))]: 'VERSION'
  }
  for (const [greeting, code] of Object.entries(refused)) {
    const [raw, far] = duplexPair()
    far.write(Buffer.from(greeting, 'latin1'))
    t.is(await codeOf(secure(raw, 1)), code)
    t.ok(raw.destroyed)
  }
})

test('D4: a stream that leads back to itself is refused', async t => {
  const [raw, far] = duplexPair()
  far.pipe(far)
  t.is(await codeOf(secure(raw, 1)), 'MALFORMED')
})

test('D6: a stream that ends, fails or talks nonsense behind its greeting is refused', async t => {
  const greeting = Buffer.concat([MAGIC, Buffer.of(PROTOCOL_VERSION), Buffer.alloc(24)])
  const acts: ((far: Duplex) => void)[] = [
    far => far.end(),
    far => far.destroy(),
    far => far.end(greeting.subarray(0, 20)),
    far => far.end(greeting),
    far => far.write(Buffer.concat([greeting, Buffer.from('300000', 'hex'), Buffer.alloc(48, 1)])),
    far => far.write(Buffer.concat([greeting, Buffer.from('000000', 'hex'), Buffer.alloc(9)])),
    far => far.write(Buffer.concat([greeting, Buffer.from('ffffff00', 'hex')]))
  ]
  for (const act of acts) {
    const [raw, far] = duplexPair()
    far.on('error', () => undefined)
    far.resume()
    act(far)
    t.is(await codeOf(secure(raw, 1)), 'PEER_GONE')
    t.ok(raw.destroyed)
  }
})

test('A8 D5: who says nothing, or stops in the middle, has only so long', async t => {
  for (const beginning of [Buffer.alloc(0), Buffer.concat([MAGIC, Buffer.of(PROTOCOL_VERSION), Buffer.alloc(24)])]) {
    const { runtime: fake, advance } = fakeRuntime()
    const [raw, far] = duplexPair()
    far.resume()
    if (beginning.byteLength > 0) far.write(beginning)
    const outcome = codeOf(secureStream(raw, { keyPair: keyPairOf(1), runtime: fake }))
    await quiet()
    advance(HANDSHAKE_DEADLINE_MS)
    t.is(await outcome, 'TIMEOUT')
    t.ok(raw.destroyed)
  }
})

function secure(raw: Duplex, number: number): Promise<NoiseStream> {
  return secureStream(raw, { keyPair: keyPairOf(number), runtime })
}

async function speaks(t: { is(a: unknown, b: unknown): void }, a: NoiseStream, b: NoiseStream): Promise<void> {
  for (const [from, to] of [
    [a, b],
    [b, a]
  ] as const) {
    from.write(Buffer.from('hello'))
    const [bytes] = (await once(to, 'data')) as [Uint8Array]
    t.is(Buffer.from(bytes).toString(), 'hello')
  }
}

/** Two ends in memory, of streamx's streams: what UDX's are, and what a Noise stream is made of. */
function streamxPair(): [Duplex, Duplex] {
  const StreamxDuplex = Object.getPrototypeOf(NoiseSecretStream) as new (options: object) => Duplex
  const end = (other: () => Duplex): Duplex =>
    new StreamxDuplex({
      write(bytes: Uint8Array, done: () => void) {
        queueMicrotask(() => {
          other().push(bytes)
          done()
        })
      },
      destroy(done: () => void) {
        queueMicrotask(() => other().destroy())
        done()
      }
    })
  const a: Duplex = end(() => b)
  const b: Duplex = end(() => a)
  return [a, b]
}

function byByte(from: Duplex, to: Duplex): void {
  from.on('data', (bytes: Buffer) => bytes.forEach(byte => to.write(Buffer.of(byte))))
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
