import fc from 'fast-check'
import test from 'brittle'
import { NO_LIMITS, parseRate, parseTimetable, RateGate, ratesAt } from '../../lib/net/rate.js'
import { fakeRuntime } from '../make/wire.js'
import { codeThrownBy } from '../make/thrown.js'

test('what has passed keeps to the rate within 5 % over 10 s', t => {
  const chunks = fc.array(fc.integer({ min: 16_384, max: 512 * 1024 }), { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(fc.integer({ min: 1_000_000, max: 50_000_000 }), chunks, (rate, sizes) => {
      const { runtime, advance } = fakeRuntime()
      const gate = new RateGate(runtime)
      gate.rate = rate
      let passed = 0
      let count = 0
      for (let ms = 0; ms < 10_000; ms++) {
        for (
          let bytes = sizes[count % sizes.length] ?? 0;
          gate.tryPass(bytes);
          bytes = sizes[count % sizes.length] ?? 0
        ) {
          passed += bytes
          count++
        }
        advance(1)
      }
      return Math.abs(passed / (rate * 10) - 1) < 0.05 + (512 * 1024) / (rate * 10)
    }),
    { numRuns: 30 }
  )
  t.pass()
})

test('who waits may go on as soon as its turn comes', async t => {
  const { runtime, advance } = fakeRuntime()
  const gate = new RateGate(runtime)
  gate.rate = 1000
  advance(1000)
  t.ok(gate.tryPass(500))
  t.absent(gate.tryPass(1))
  let isReady = false
  const ready = gate.ready().then(() => (isReady = true))
  advance(440)
  t.absent(isReady)
  advance(20)
  await ready
  t.ok(gate.tryPass(1))
})

test('a rate that is taken away holds nothing up, and a new one begins anew', t => {
  const { runtime } = fakeRuntime()
  const gate = new RateGate(runtime)
  gate.rate = 1000
  gate.tryPass(1_000_000)
  t.absent(gate.tryPass(1))
  gate.rate = undefined
  t.ok(gate.tryPass(1e9))
  gate.rate = 2000
  t.ok(gate.tryPass(1))
})

test('rates are read as people write them', t => {
  const cases: Record<string, number | undefined> = {
    '2M': 2_000_000,
    '512k': 512_000,
    '1.5m': 1_500_000,
    '64000': 64_000,
    '10MB/s': 10_000_000,
    off: undefined
  }
  for (const [text, rate] of Object.entries(cases)) t.is(parseRate(text), rate, text)
  for (const text of ['', 'fast', '-1M', '1e6', '10k', '99999999999G'])
    t.is(
      codeThrownBy(() => parseRate(text)),
      'USAGE',
      text
    )
})

test('a timetable holds from its times on, over midnight too', t => {
  const timetable = parseTimetable('23:00,off 08:00,512k:2M')
  const at = (hours: number, minutes = 0): unknown => ratesAt({ ...NO_LIMITS, timetable }, hours * 60 + minutes)
  const day = { up: 512_000, down: 2_000_000 }
  const night = { up: undefined, down: undefined }
  t.alike([at(7, 59), at(8), at(22, 59), at(23), at(0)], [night, day, day, night, night])
  t.alike(ratesAt({ ...NO_LIMITS, up: 1e6 }, 0), { up: 1e6, down: undefined }, 'without one, the rates hold')
  t.alike(parseTimetable('off'), [])
  for (const text of ['', '8,1M', '25:00,1M', '08:60,1M', '08:00', '08:00,1M:2M:3M'])
    t.is(
      codeThrownBy(() => parseTimetable(text)),
      'USAGE',
      text
    )
})
