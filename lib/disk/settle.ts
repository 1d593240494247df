import type { Settle } from './hash.js'
import type { Libc } from './libc.js'

/** The longest tick of the clock that file times are taken from: 100 Hz, and some. */
const TICK_MS = 12

/**
 * See `Settle`. Where the file system's own clock can be read, it waits until that has gone on behind the stamp: at most one tick, and not at
 * all for what was written a tick ago. Elsewhere it waits for the longest tick that there is.
 *
 * LIMIT: on file systems whose times are coarser than a tick (FAT, HFS+, ext3), a write that keeps the size and comes within the same second or
 * two as the one before it may not be seen before the next.
 */
export function makeSettle(libc: Pick<Libc, 'fileClockNs'> | undefined): Settle {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  const sleep = (ms: number): void => void Atomics.wait(clock, 0, 0, ms)
  return ({ ctimeNs }) => {
    const ageMs = Date.now() - Number(ctimeNs / 1_000_000n)
    if (ageMs < 0 || ageMs > TICK_MS) return false
    if (libc === undefined) {
      sleep(TICK_MS + 1 - ageMs)
      return true
    }
    if (libc.fileClockNs() > ctimeNs) return false
    for (let waitedMs = 0; waitedMs <= TICK_MS && libc.fileClockNs() <= ctimeNs; waitedMs++) sleep(1)
    return true
  }
}
