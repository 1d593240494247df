import { join } from 'node:path'
import { kill } from 'node:process'
import { BackerError } from '../../core/error.js'
import { SCHEMA } from '../../daemon/document.js'
import { lockHolder } from '../../home/lock.js'
import { systemCode } from '../../home/private-file.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { pause } from '../signals.js'
import type { Declare } from '../command.js'

/** How long closing all folders may take. */
const STOP_DEADLINE_MS = 20_000
const LOOK_MS = 20

export const declare: Declare = (program, act) => {
  program
    .command('stop')
    .description('ends the backer that runs, and returns when all is closed')
    .action(() => act(stop))
}

/** `backer stop`: ends the process that runs this home, and returns once it has closed everything. Done as well where none runs. Throws TIMEOUT. */
async function stop({ config, printer }: Context): Promise<ExitCode> {
  const lock = join(config.home, 'lock')
  const pid = await lockHolder(lock)
  if (pid !== undefined) await end(lock, pid)
  if (printer.json)
    printer.document({ schema: SCHEMA, stopped: pid !== undefined, ...(pid === undefined ? {} : { pid }) })
  else printer.note(pid === undefined ? 'backer was not running.' : `Process ${pid} has ended.`)
  return EXIT.done
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
