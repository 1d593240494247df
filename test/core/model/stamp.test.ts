import test from 'brittle'
import { isShownAs } from '../../../lib/core/model/stamp.js'

const SECOND = 1_000_000_000n
/** 2026-11-28, with all nine digits of its nanoseconds in use. */
const TIME = 1_795_867_200n * SECOND + 123_456_789n

test('a time counts as the one that was set where a file system shows just that, or rounds it to a step of its own', t => {
  const shown: Readonly<Record<string, bigint>> = {
    'nanoseconds, ext4 and xfs': TIME,
    'steps of 100 ns, NTFS': TIME - 89n,
    'microseconds, as utimes has them': TIME - 789n,
    'microseconds, rounded up': TIME + 211n,
    milliseconds: TIME - 456_789n,
    'steps of 10 ms, exFAT': TIME - 3_456_789n,
    'seconds, ext3': TIME - 123_456_789n,
    'seconds, rounded up': TIME + 876_543_211n,
    'steps of two seconds, FAT': TIME - (TIME % (2n * SECOND)),
    'steps of two seconds, rounded up': TIME - (TIME % (2n * SECOND)) + 2n * SECOND
  }
  for (const [what, time] of Object.entries(shown)) t.ok(isShownAs(time, TIME), what)
})

test('whoever sets another time has made a version of his own, however near it is', t => {
  for (const apart of [1n, 10n, 200n, 1_000n, 1_500_000n, 10_000_000n, SECOND, 2n * SECOND, 3600n * SECOND])
    for (const other of [TIME - apart, TIME + apart]) t.absent(isShownAs(other, TIME), `${other - TIME} ns away`)
  t.absent(isShownAs(TIME - 123_456_789n - SECOND, TIME), 'whole seconds, but not the nearest')
  t.absent(isShownAs(TIME, TIME - 123_456_789n), 'finer than what was set')
})

test('times before 1970 are rounded as those after it', t => {
  t.ok(isShownAs(-5n * SECOND, -5n * SECOND + 1n))
  t.ok(isShownAs(-6n * SECOND, -5n * SECOND + 999_999_999n - SECOND))
  t.ok(isShownAs(0n, -1n))
  t.absent(isShownAs(-1n, 0n))
})
