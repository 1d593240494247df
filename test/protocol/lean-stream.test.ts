import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import test, { type Test } from 'brittle'
import { letGo } from '../../lib/core/own-bytes.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { secureStream, type NoiseStream } from '../../protocol/handshake.js'
import { keyPairOf } from '../make/wire.js'

const LARGE_BYTES = 150_000
const FRAMES = 400

async function socketPair(t: Test): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const a = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [b] = (await once(server, 'connection')) as [Socket]
  server.close()
  t.teardown(() => [a, b].forEach(socket => socket.destroy()))
  return [a, b]
}

/** Two Noise streams over sockets; frames come as they were sent, and what is let go of is nobody else's. */
async function streamPair(t: Test): Promise<NoiseStream[]> {
  const sockets = await socketPair(t)
  return Promise.all(
    sockets.map((raw, i) => secureStream(raw, { keyPair: keyPairOf(i + 1), runtime: realRuntime(), isOwnSocket: true }))
  )
}

/** Frame `i`: large ones and small ones in turns. */
function frame(i: number): Buffer {
  return Buffer.alloc(i % 3 === 0 ? LARGE_BYTES + i : 1 + (i % 7) * 3000, i)
}

test('frames of all sizes arrive as they were sent, though their buffers are let go of on the way', async t => {
  const [a, b] = await streamPair(t)
  if (a === undefined || b === undefined) throw new Error('no streams')
  let count = 0
  const all = new Promise<void>(resolve => {
    b.on('data', (bytes: Uint8Array) => {
      if (!frame(count).equals(bytes)) t.fail(`frame ${count} is another one`)
      letGo(bytes)
      if (++count === FRAMES) resolve()
    })
  })
  for (let i = 0; i < FRAMES; i++) {
    const bytes = frame(i)
    const inside = a.alloc(bytes.byteLength)
    inside.set(bytes)
    if (!a.write(inside)) await once(a, 'drain')
  }
  await all
  t.is(count, FRAMES)
})

test('a frame is let go of when it has left, and not before', async t => {
  const [a, b] = await streamPair(t)
  if (a === undefined || b === undefined) throw new Error('no streams')
  const frames: Uint8Array[] = []
  // Nobody reads: at some point the socket takes no more.
  while (!a.rawStream.writableNeedDrain) {
    const inside = a.alloc(LARGE_BYTES)
    frames.push(inside)
    a.write(inside)
    await new Promise(resolve => setImmediate(resolve))
  }
  t.is(frames.at(-1)?.byteLength, LARGE_BYTES, 'the last one waits')
  const drained = once(a.rawStream, 'drain')
  let got = 0
  b.on('data', (bytes: Uint8Array) => (got += bytes.byteLength))
  await drained
  t.alike(
    frames.map(bytes => bytes.byteLength),
    frames.map(() => 0)
  )
  while (got < frames.length * LARGE_BYTES) await once(b, 'data')
  t.is(got, frames.length * LARGE_BYTES)
})
