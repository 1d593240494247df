import test from 'brittle'
import { CHUNK_BYTES_MAX, nextBoundary } from '../../../lib/core/chunk/fastcdc.js'
import { isZeroChunk, partsWithData, zeroChunkAt } from '../../../lib/core/chunk/zeros.js'
import { hashBytes } from '../../../lib/core/model/hash.js'
import { SeededRandom } from '../../sim/random.js'

const KIB = 1024

test('a run of zeros is cut where chunking cuts it, and has the hash of its bytes', t => {
  const bytes = new Uint8Array(CHUNK_BYTES_MAX + 10)
  bytes[0] = 1
  t.is(nextBoundary(bytes, 1, bytes.byteLength, false), 1 + CHUNK_BYTES_MAX)
  const hash = zeroChunkAt(bytes, 1, bytes.byteLength)
  t.alike(hash, hashBytes(new Uint8Array(CHUNK_BYTES_MAX)))
  t.ok(isZeroChunk(hash!, CHUNK_BYTES_MAX))
  t.absent(isZeroChunk(hash!, CHUNK_BYTES_MAX - 1))
  t.is(zeroChunkAt(bytes, 0, bytes.byteLength), undefined, 'not all of it is zeros')
  t.is(zeroChunkAt(bytes, 11, bytes.byteLength), undefined, 'it is not whole')
  bytes[CHUNK_BYTES_MAX] = 1
  t.is(zeroChunkAt(bytes, 1, bytes.byteLength), undefined, 'its last byte is none')
})

test('what is not left out of a file of zeros makes it what it should be, and no whole block of zeros is written', t => {
  const random = new SeededRandom('holes')
  for (let run = 0; run < 60; run++) {
    const offset = random.below(200 * KIB)
    const bytes = new Uint8Array(random.below(CHUNK_BYTES_MAX))
    for (let data = random.below(4); data > 0 && bytes.byteLength > 0; data--) {
      const at = random.below(bytes.byteLength)
      bytes.fill(7, at, at + random.below(100 * KIB))
    }
    const file = new Uint8Array(bytes.byteLength)
    const parts = partsWithData(offset, bytes)
    for (const [from, to] of parts) file.set(bytes.subarray(from, to), from)
    t.ok(Buffer.compare(file, bytes) === 0, `run ${run}`)
    const written = parts.reduce((sum, [from, to]) => sum + to - from, 0)
    const data = bytes.reduce((sum, byte) => sum + Number(byte !== 0), 0)
    t.ok(written <= data + 2 * 64 * KIB * 5, `${written} written for ${data}`)
  }
  t.alike(partsWithData(0, new Uint8Array(CHUNK_BYTES_MAX)), [])
  t.alike(partsWithData(1, new Uint8Array(64 * KIB)), [[0, 64 * KIB]], 'a block that is not whole is written')
})
