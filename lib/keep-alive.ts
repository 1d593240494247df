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
