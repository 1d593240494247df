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
