import { join } from 'node:path'
import { kill } from 'node:process'
import { BackerError } from '../core/error.js'
import { lockHolder } from '../home/lock.js'
import { systemCode } from '../home/private-file.js'
import { pause } from './signals.js'

/** How long closing all folders may take. */
const STOP_DEADLINE_MS = 20_000
const LOOK_MS = 20

/** Ends the process that runs a home, and resolves with its number once it has closed everything; undefined where none ran. Throws TIMEOUT. */
export async function endRunning(home: string): Promise<number | undefined> {
  const lock = join(home, 'lock')
  const pid = await lockHolder(lock)
  if (pid !== undefined) await end(lock, pid)
  return pid
}

async function end(lock: string, pid: number): Promise<void> {
  signal(pid)
  const deadline = Date.now() + STOP_DEADLINE_MS
  while ((await lockHolder(lock)) === pid) {
    if (Date.now() > deadline) {
      throw new BackerError('TIMEOUT', `process ${pid} has not ended within ${STOP_DEADLINE_MS / 1000} s`, {
        path: lock,
        hint: `If it hangs: kill -9 ${pid}. Nothing needs a repair afterwards.`
      })
    }
    await pause(LOOK_MS)
  }
}

function signal(pid: number): void {
  try {
    kill(pid, 'SIGTERM')
  } catch (error) {
    // It has ended by itself meanwhile.
    if (systemCode(error) !== 'ESRCH') throw error
  }
}
