import { readFileSync } from 'node:fs'

/** Set where this process has a network of its own. */
const IS_OWN = process.env['BACKER_BENCH_NETWORK'] === 'own'

/**
 * Bytes that went over the loopback so far, with all headers, in both directions; undefined where others use it as well.
 * Source: proc_pid_net(5), /proc/net/dev.
 */
export function bytesSent(): number | undefined {
  if (!IS_OWN) return undefined
  const line = /^\s*lo:\s*(\d+)/m.exec(readFileSync('/proc/self/net/dev', 'utf8'))
  return line === null ? undefined : Number(line[1])
}
