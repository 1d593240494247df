import { SCHEMA } from '../../daemon/document.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { endRunning } from '../stop-running.js'

export const declare: Declare = (program, act) => {
  program
    .command('stop')
    .description('ends the backer that runs, and returns when all is closed')
    .action(() => act(stop))
}

/** `backer stop`: ends the process that runs this home, and returns once it has closed everything. Done as well where none runs. Throws TIMEOUT. */
async function stop({ config, printer }: Context): Promise<ExitCode> {
  const pid = await endRunning(config.home)
  if (printer.json)
    printer.document({ schema: SCHEMA, stopped: pid !== undefined, ...(pid === undefined ? {} : { pid }) })
  else printer.note(pid === undefined ? 'backer was not running.' : `Process ${pid} has ended.`)
  return EXIT.done
}
