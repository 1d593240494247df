import test from 'brittle'
import { RequestWindow } from '../../protocol/request-window.js'

const MB = 1_000_000

/** A window that has seen a line of `rate` bytes per second for three seconds, heard of every 10 ms. */
function windowOf(rate: number, roundTripMs: number, isBusy = true): RequestWindow {
  const window = new RequestWindow()
  for (let now = 0; now <= 3000; now += 10) window.note(now, (rate * now) / 1000, roundTripMs, isBusy)
  return window
}

test('what is asked for at once is a few times what the line holds', t => {
  const onLine = 12.5 * MB * 0.1
  const bytes = windowOf(12.5 * MB, 100).bytes(100)
  t.ok(bytes > 3 * onLine && bytes < 4 * onLine, `${bytes} of ${onLine}`)
})

test('it stays within bounds, whatever a line does', t => {
  t.is(windowOf(0, 50).bytes(50), 1024 * 1024)
  t.is(windowOf(1000 * MB, 300).bytes(300), 8 * 1024 * 1024)
  t.is(new RequestWindow().bytes(1000), 1024 * 1024)
})

test('a rest is no slow line: only what came while something was owed is measured', t => {
  const window = windowOf(12.5 * MB, 100)
  const before = window.bytes(100)
  for (let now = 3010; now < 60_000; now += 1000) window.note(now, 37.5 * MB, 100, false)
  t.is(window.bytes(100), before)
})

test('a line that has become slower is asked for less, bit by bit', t => {
  const window = windowOf(25 * MB, 100)
  const before = window.bytes(100)
  let last = before
  for (let now = 3010; now < 9000; now += 10) {
    window.note(now, 75 * MB + (5 * MB * (now - 3000)) / 1000, 100, true)
    t.ok(window.bytes(100) <= last || now < 3500)
    last = window.bytes(100)
  }
  t.ok(last < before / 2, `${last} of ${before}`)
})
