import test from 'brittle'
import { letGo, own, ownIfAlone } from '../../lib/core/own-bytes.js'

test('what was noted as owned is let go of: every view of it is empty then', t => {
  const bytes = own(Buffer.allocUnsafeSlow(100_000))
  const view = bytes.subarray(10, 20)
  letGo(view)
  t.is(bytes.byteLength, 0)
  t.is(view.byteLength, 0)
})

test('what nobody noted stays, and so does what is too small to have a buffer of its own', t => {
  const foreign = Buffer.allocUnsafeSlow(100_000)
  letGo(foreign)
  t.is(foreign.byteLength, 100_000)
  const pooled = own(Buffer.allocUnsafe(100))
  letGo(pooled)
  t.is(pooled.byteLength, 100)
  const shared = own(new Uint8Array(new SharedArrayBuffer(100_000)))
  letGo(shared)
  t.is(shared.byteLength, 100_000)
})

test('a part of a buffer does not count as alone in it', t => {
  const whole = Buffer.allocUnsafeSlow(100_000)
  letGo(ownIfAlone(whole.subarray(1)))
  t.is(whole.byteLength, 100_000)
  letGo(ownIfAlone(whole))
  t.is(whole.byteLength, 0)
})
