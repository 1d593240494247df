import { selectFolder } from '../select.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { catchStop } from '../signals.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'
import { FOLDER } from '../options.js'

export const declare: Declare = (program, act) => {
  program
    .command('events')
    .description('prints what happens from now on, a JSON document a line, until Ctrl-C')
    .argument('[FOLDER]', `only of this folder: ${FOLDER}`)
    .action((folder: string | undefined) => act(context => events(context, folder)))
}

/** `backer events [FOLDER]`: what happens from now on, as lines of JSON, until a signal comes (0). Throws NOT_RUNNING when the process ends. */
async function events(context: Context, choice: string | undefined): Promise<ExitCode> {
  const { client, printer, process } = context
  await wake(context)
  const only =
    choice === undefined ? undefined : await selectFolder((await client.status()).folders, choice, process.cwd())
  const stop = catchStop()
  try {
    for await (const event of client.events(stop.signal)) {
      if (only === undefined || event.folder === only.id) printer.document(event)
    }
    return EXIT.done
  } finally {
    stop.release()
  }
}
