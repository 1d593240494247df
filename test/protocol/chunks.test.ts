import test from 'brittle'
import { isBackerError } from '../../lib/core/error.js'
import { hashBytes, hashKey } from '../../lib/core/model/hash.js'
import { CHUNKS_OPEN, CHUNKS_PER_REQUEST } from '../../protocol/limits.js'
import * as messages from '../../protocol/messages.js'
import type { AskedChunk } from '../../protocol/peer-link.js'
import { hashOf } from '../make/record.js'
import { introduce, makeFolder, meet, meetSpeaker, NUMBERS } from '../make/wire.js'

const never = new AbortController().signal
const hash = hashOf('x')

test('many small chunks come in one message, in order, those that the peer lacks as such', async t => {
  const chunks = Array.from({ length: CHUNKS_PER_REQUEST }, (_, i) => Buffer.from(`chunk ${i}`))
  const byHash = new Map(chunks.map(bytes => [hashKey(hashBytes(bytes)), bytes]))
  const asked: (readonly AskedChunk[])[] = []
  const onChunks = (some: readonly AskedChunk[]): Promise<(Uint8Array | undefined)[]> => {
    asked.push(some)
    return Promise.resolve(some.map(({ hash }) => byHash.get(hashKey(hash))))
  }
  const { toB } = await meet(t, makeFolder(), makeFolder({ handlers: { onChunks } }))
  const wanted = chunks.map(bytes => ({ hash: hashBytes(bytes), length: bytes.byteLength }))
  wanted[3] = { hash: hashOf('what nobody has'), length: 5 }
  wanted[4] = { hash: wanted[4]!.hash, length: 5000 }
  const got = await toB.requestChunks(wanted, never)
  t.is(asked.length, 1)
  t.alike(
    got.map(bytes => bytes && Buffer.from(bytes).toString()),
    chunks.map((bytes, i) => (i === 3 || i === 4 ? undefined : bytes.toString()))
  )
  t.is(toB.outstandingBytes, 0)
})

test('B3: an answer with more, fewer or other chunks than were asked for ends the connection', async t => {
  const nothing = new Uint8Array(0)
  const right = Buffer.from('not right')
  for (const chunks of [[], [nothing], [nothing, nothing, nothing], [nothing, right]]) {
    const folder = makeFolder()
    const { speaker, connection } = await meetSpeaker(t, folder)
    await introduce(speaker, folder)
    const { signal } = new AbortController()
    const wanted = [hash, hash].map(one => ({ hash: one, length: 9 }))
    const asked = folder.peers[0]?.requestChunks(wanted, signal).catch(codeOf)
    speaker.tell(NUMBERS.chunkAnswer, messages.chunkAnswerCodec, { id: 1, chunks })
    await connection.closed
    t.is(await asked, 'PEER_MISBEHAVED')
  }
})

test('B6: requests for no chunks, for too much together, and for too many end the connection', async t => {
  const small = (count: number, length: number): AskedChunk[] => Array.from({ length: count }, () => ({ hash, length }))
  const abuses = [[[]], [small(9, 64 * 1024)], Array.from({ length: 2 * (CHUNKS_OPEN / 64) }, () => small(64, 1))]
  for (const requests of abuses) {
    // It never answers, so that all of them stay open.
    const folder = makeFolder({ handlers: { onChunks: () => new Promise(() => undefined) } })
    const { speaker, connection } = await meetSpeaker(t, folder)
    await introduce(speaker, folder)
    for (const [id, chunks] of requests.entries())
      speaker.tell(NUMBERS.chunkRequest, messages.chunkRequestCodec, { id, chunks })
    await connection.closed
    t.alike(
      folder.closed.map(reason => reason?.code),
      ['PEER_MISBEHAVED']
    )
  }
})

function codeOf(error: unknown): string | undefined {
  return isBackerError(error) ? error.code : undefined
}
