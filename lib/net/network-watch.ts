import type { Runtime, Timer } from '../runtime.js'
import { ownAddresses } from './address.js'

const LOOK_MS = 1000
/** By how much the wall clock may run ahead of the other one, or a look come late, until it is taken for a sleep. */
const SLEEP_MS = 10_000

export interface NetworkWatchHandlers {
  /** This machine's addresses are others, or it has slept: whatever was connected may be gone without a word. */
  readonly onchange: (why: 'addresses' | 'sleep') => void
  /** Comes about every second. `lateMs`: by how much it is late, since the process did not get to it. */
  readonly ontick: (lateMs: number) => void
}

/** Looks every second whether the network may have changed under this process: a few system calls, and no event that some platform does not have. */
export function watchNetwork({ clock, timers }: Runtime, { onchange, ontick }: NetworkWatchHandlers): () => void {
  let timer: Timer | undefined
  let addresses = namesOf()
  let at = { wall: clock.now(), monotonic: clock.monotonic() }
  const look = (): void => {
    const now = { wall: clock.now(), monotonic: clock.monotonic() }
    const lateMs = now.monotonic - at.monotonic - LOOK_MS
    // Of the two clocks the wall clock alone goes on while a Linux machine sleeps.
    const sleptMs = Math.max(lateMs, now.wall - at.wall - LOOK_MS)
    at = now
    const found = namesOf()
    if (found !== addresses) onchange('addresses')
    else if (sleptMs > SLEEP_MS) onchange('sleep')
    addresses = found
    timer = timers.after(LOOK_MS, look)
    ontick(lateMs)
  }
  timer = timers.after(LOOK_MS, look)
  return () => timer?.cancel()
}

function namesOf(): string {
  return ownAddresses()
    .map(({ address, netmask }) => `${address}/${netmask}`)
    .sort()
    .join(' ')
}
