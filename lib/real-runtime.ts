import { randomBytes, randomInt } from 'node:crypto'
import type { Runtime, Trace } from './runtime.js'

/** The machine's own clock, timers and randomness. */
export function realRuntime(trace: Trace = () => undefined): Runtime {
  return {
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    timers: {
      after(delayMs, callback) {
        const timer = setTimeout(callback, delayMs)
        timer.unref()
        return { cancel: () => clearTimeout(timer) }
      },
      breathe: () => new Promise(resolve => setImmediate(resolve))
    },
    random: { bytes: length => randomBytes(length), below: limit => randomInt(limit) },
    trace
  }
}

/** The longest that a timer of Node's waits, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Keeps the process from ending for want of anything to do, as an open server does: an open folder waits for changes, whose watchers, threads and
 * timers keep no process alive by themselves. Returns what ends that.
 */
export function keepAlive(): () => void {
  const timer = setInterval(() => undefined, LONGEST_MS)
  return () => clearInterval(timer)
}
