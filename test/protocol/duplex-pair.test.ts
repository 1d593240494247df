import { once } from 'node:events'
import test from 'brittle'
import { duplexPair } from '../../protocol/duplex-pair.js'
import { quiet } from '../make/wire.js'

test('what one end is given the other one gives, in both directions', async t => {
  const [a, b] = duplexPair()
  a.write('to b')
  b.write('to a')
  t.is(String((await once(b, 'data'))[0]), 'to b')
  t.is(String((await once(a, 'data'))[0]), 'to a')
})

test('an end whose other end is not read takes no more than its buffers hold', async t => {
  const [a, b] = duplexPair()
  const piece = Buffer.alloc(16 * 1024)
  let written = 0
  while (written < 1000 && a.write(piece)) written++
  await quiet()
  t.ok(written < 10, `${written} pieces were taken`)
  t.ok(a.writableNeedDrain)
  t.ok(b.readableLength <= 3 * piece.byteLength)
  const drained = once(a, 'drain')
  let got = 0
  b.on('data', (bytes: Buffer) => (got += bytes.byteLength))
  await drained
  await quiet()
  t.is(got, (written + 1) * piece.byteLength)
})

test('ending one end ends what the other one reads, after all that was written', async t => {
  const [a, b] = duplexPair()
  a.end('the last')
  const pieces: string[] = []
  b.on('data', (bytes: Buffer) => pieces.push(String(bytes)))
  await once(b, 'end')
  t.alike(pieces, ['the last'])
})

test('destroying one end destroys the other, also while it waits to be read', async t => {
  for (const isFull of [false, true]) {
    const [a, b] = duplexPair()
    a.on('error', () => undefined)
    if (isFull) while (a.write(Buffer.alloc(16 * 1024)));
    const closed = Promise.all([once(a, 'close'), once(b, 'close')])
    b.destroy()
    await closed
    t.ok(a.destroyed && b.destroyed)
  }
})
