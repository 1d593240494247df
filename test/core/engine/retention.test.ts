import test from 'brittle'
import fc from 'fast-check'
import { RETENTION, retained } from '../../../lib/core/engine/retention.js'

const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS
const NOW_MS = Date.UTC(2026, 5, 1, 12)

/** Times of versions, newest first, each so long before now. */
const before = (...ages: number[]): number[] => ages.map(age => NOW_MS - age)

test('of a version each ten minutes, for two years, the rule leaves some hundred', t => {
  const times = Array.from({ length: 2 * 365 * 144 }, (_, i) => NOW_MS - i * 600_000)
  const stays = retained(times, NOW_MS)
  const kept = times.filter((_, i) => stays[i])
  const count = (fromMs: number, toMs: number): number =>
    kept.filter(time => NOW_MS - time > fromMs && NOW_MS - time <= toMs).length
  t.ok(stays.slice(0, 10).every(Boolean), 'the ten latest stay')
  t.is(count(3 * HOUR_MS, 2 * DAY_MS), 45, 'one an hour')
  t.is(count(2 * DAY_MS, 7 * DAY_MS), 6, 'one a day')
  t.is(count(7 * DAY_MS, 31 * DAY_MS), 4, 'one a week')
  t.is(count(31 * DAY_MS, 730 * DAY_MS), 24, 'one a month')
})

test('the ten latest stay however old they are, and of older ones none', t => {
  const times = Array.from({ length: 12 }, (_, i) => NOW_MS - 1000 * DAY_MS - i * DAY_MS)
  t.alike(retained(times, NOW_MS), [...Array.from({ length: 10 }, () => true), false, false])
})

test('a time that lies ahead counts as just now', t => {
  const rule = { ...RETENTION, latest: 0 }
  t.alike(retained(before(-5 * DAY_MS, 3 * DAY_MS, 800 * DAY_MS), NOW_MS, rule), [true, true, false])
})

test('what was once let go is never missed: applying the rule twice changes nothing', t => {
  const ages = fc.array(fc.integer({ min: 0, max: 900 * 24 }), { maxLength: 60 })
  fc.assert(
    fc.property(ages, hours => {
      const times = hours.map(hour => NOW_MS - hour * HOUR_MS)
      const kept = times.filter((_, i) => retained(times, NOW_MS)[i])
      return retained(kept, NOW_MS).every(Boolean)
    })
  )
  t.pass()
})

test('the order in which versions are told plays no part', t => {
  const hours = [0, 1, 30, 50, 51, 300, 301, 9000, 20_000, 3, 7, 8, 9, 60, 61, 62]
  const times = before(...hours.map(hour => hour * HOUR_MS))
  const keptOf = (all: readonly number[]): number[] => all.filter((_, i) => retained(all, NOW_MS)[i]).sort()
  t.alike(keptOf([...times].reverse()), keptOf(times))
})
