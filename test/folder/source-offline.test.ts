import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import test from 'brittle'
import type { Backer } from '../../lib/index.js'
import { connect, makeBacker, until, untilSame } from '../make/backers.js'

const FILE_BYTES = 8 * 1024 * 1024
/** Enough for everything but the file's content. */
const PASSED_BYTES = 1024 * 1024

/** Pipes two devices together by a line that stands still after so many bytes from `a`; the function that comes back cuts it. */
function connectShortly(a: Backer, b: Backer): () => void {
  let passed = 0
  const gate = new Transform({
    transform(bytes: Uint8Array, _encoding, done) {
      passed += bytes.byteLength
      if (passed <= PASSED_BYTES) done(null, bytes)
    }
  })
  const [left, right] = [a.createStream(), b.createStream()]
  for (const stream of [left, right]) stream.on('error', () => undefined)
  left.pipe(gate).pipe(right).pipe(left)
  return () => {
    left.destroy()
    right.destroy()
  }
}

test('what did not come because its source has gone is named, with the source; it is over when that is there again', async t => {
  const a = await makeBacker(t, { deviceName: 'nas' })
  await writeFile(join(a.directory, 'big'), randomBytes(FILE_BYTES))
  await writeFile(join(a.directory, 'small'), 'small')
  await until('a has both', () => a.status().files === 2 && a.status().idle)
  const b = await makeBacker(t, { key: a.key })
  const told: string[] = []
  b.on('problem', ({ code }) => told.push(code))
  const cut = connectShortly(a, b)
  await until('it is under way', () => b.status().progress.bytesDone > 0)
  cut()
  await until('its source is gone', () => b.status().peers.length === 0)
  const [problem, ...more] = b.status().problems.filter(({ path }) => path === 'big')
  t.alike([problem?.code, problem?.message, more.length], ['no-source', 'source offline: nas', 0])
  t.absent(told.includes('no-source'), 'that the device has gone was told already')
  connect(a, b)
  await untilSame([a, b])
  t.alike(b.status().problems, [])
  t.is(b.status().files, 2)
})
