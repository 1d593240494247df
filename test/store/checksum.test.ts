import test from 'brittle'
import { spanOf } from '../../lib/core/span.js'
import { putChecksum, SUM_BYTES } from '../../lib/store/checksum.js'

function sumOf(key: Uint8Array, value: Uint8Array): string {
  const sum = Buffer.alloc(SUM_BYTES)
  putChecksum(sum, 0, spanOf(key), spanOf(value))
  return sum.toString('hex')
}

test('no single bit, length or place can change without the checksum', t => {
  const bytes = Buffer.from(Array.from({ length: 61 }, (_, i) => (i * 37) & 0xff))
  const seen = new Set<string>()
  let count = 0
  const see = (key: Uint8Array, value: Uint8Array): void => {
    seen.add(sumOf(key, value))
    count++
  }
  for (let length = 0; length < bytes.length; length++) see(Buffer.from('key'), bytes.subarray(0, length))
  for (let cut = 1; cut < bytes.length; cut++) see(bytes.subarray(0, cut), bytes.subarray(cut))
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    see(Buffer.from('key'), flipped)
    see(flipped, Buffer.from('value'))
  }
  t.is(seen.size, count)
})

test('checksums of many alike rows are spread over all of their bits', t => {
  const counts = new Array<number>(SUM_BYTES * 8).fill(0)
  const rows = 4000
  for (let i = 0; i < rows; i++) {
    const sum = Buffer.from(sumOf(Buffer.from(`file ${i}`), Buffer.alloc(40)), 'hex')
    for (let bit = 0; bit < counts.length; bit++) if ((sum[bit >> 3]! >> (bit & 7)) & 1) counts[bit]!++
  }
  for (const count of counts) t.ok(count > rows * 0.45 && count < rows * 0.55)
})
