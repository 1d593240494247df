import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { BackerError, messageOf } from '../core/error.js'
import { refused } from './failure.js'

/** Milliseconds that a check of an index may take: one of a million records takes about a minute. */
const CHECK_DEADLINE_MS = 10 * 60_000

/** The exit code of a check that found an index damaged, and of one that could not be made. */
export const EXIT_DAMAGED = 1
export const EXIT_REFUSED = 2

/** How a process ends over a damaged file: LMDB's assertions, and what it reads beyond its map. */
const SIGNALS_OF_DAMAGE: ReadonlySet<unknown> = new Set(['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE', 'SIGTRAP'])

/**
 * Reads the index in `directory` through in a process of its own and copies it into the directory `copy`: see check.ts. What is wrong with
 * it; undefined where it may be believed. Throws FILE_SYSTEM where the system does not let it be read or copied, TIMEOUT where the process was
 * stopped before it knew: neither says anything of the index.
 */
export async function findDamage(directory: string, copy: string): Promise<string | undefined> {
  const program = fileURLToPath(new URL('./check-process.js', import.meta.url))
  // Detached: an interrupt from the terminal is for the process that waits, which then ends in its own way.
  const child = spawn(process.execPath, [program, directory, copy], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: CHECK_DEADLINE_MS,
    killSignal: 'SIGKILL',
    detached: true
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-1000)))
  const [code, signal] = (await once(child, 'close').catch((error: unknown) => {
    throw refused(`the index can't be checked: ${messageOf(error)}`, error)
  })) as [number | null, string | null]
  if (code === 0) return undefined
  if (code === EXIT_REFUSED) throw refused(`the index can't be checked: ${said.trim()}`)
  if (code !== null) return said.trim() || `reading it ended with ${code}`
  if (SIGNALS_OF_DAMAGE.has(signal)) return `reading it ended with ${String(signal)}`
  throw new BackerError('TIMEOUT', `the check of the index was stopped (${String(signal)})`, {
    path: directory,
    hint: 'It takes about a minute for a million files. Start backer again: the index stays as it is.'
  })
}
