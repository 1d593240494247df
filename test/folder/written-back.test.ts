import test from 'brittle'
import { WrittenBack } from '../../lib/folder/written-back.js'

const MINUTE = 60_000

test('a file counts as brought to the disk when it is old enough by a clock that has not jumped', t => {
  let [wallMs, steadyMs] = [1_800_000_000_000, 0]
  const pass = (ms: number): void => {
    wallMs += ms
    steadyMs += ms
  }
  const writtenBack = new WrittenBack({ now: () => wallMs, monotonic: () => steadyMs })
  const has = (agoMs: number): boolean => writtenBack.has(BigInt(wallMs - agoMs) * 1_000_000n)
  t.absent(has(60 * MINUTE), 'the clock may have jumped before the start')
  pass(3 * MINUTE)
  t.ok(has(60 * MINUTE))
  t.absent(has(MINUTE))
  wallMs += 60 * MINUTE
  t.absent(has(60 * MINUTE), 'it was written a moment ago')
  pass(MINUTE)
  t.absent(has(61 * MINUTE))
  pass(2 * MINUTE)
  t.ok(has(63 * MINUTE))
  wallMs -= 60 * MINUTE
  t.absent(has(MINUTE))
  t.ok(has(3 * MINUTE), 'a clock that is put back makes files younger, and nothing else')
})
