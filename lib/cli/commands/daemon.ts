import { SCHEMA } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { runAll } from '../foreground.js'
import { findOrStart } from '../start.js'
import type { Declare } from '../command.js'
import { foregroundOption } from '../options.js'

interface DaemonOptions {
  readonly foreground?: boolean
}

export const declare: Declare = (program, act) => {
  program
    .command('daemon')
    .description('runs all folders in the background; other commands start it by themselves')
    .addOption(foregroundOption())
    .action((options: DaemonOptions) => act(context => daemon(context, options)))
}

/** `backer daemon`: runs all folders of this home, in the background or, with `--foreground`, in this process. Throws LOCKED where a process that does not answer holds the home, and with `--foreground` where any does. */
async function daemon(context: Context, { foreground }: DaemonOptions): Promise<ExitCode> {
  if (foreground === true) return runAll(context)
  const { client, printer } = context
  await findOrStart(context)
  const { pid, folders } = await client.status()
  if (printer.json) printer.document({ schema: SCHEMA, pid, folders: folders.length })
  else printer.note(`backer runs in the background, as process ${pid}. To end it: backer stop`)
  return EXIT.done
}
