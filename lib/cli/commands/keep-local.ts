import { BackerError } from '../../core/error.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { selectFolder } from '../select.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'
import { FOLDER } from '../options.js'

export const declare: Declare = (program, act) => {
  program
    .command('keep-local')
    .description('says or sets whether what is edited or deleted on this device is kept as well')
    .argument(
      '[on|off]',
      'on: from now on, with a copy of everything, which costs nothing where blocks can be shared; off'
    )
    .argument('[FOLDER]', FOLDER)
    .action((word: string | undefined, folder: string | undefined) => act(context => keepLocal(context, word, folder)))
}

/** `backer keep-local [on|off] [FOLDER]`. Throws USAGE and NO_FOLDER. */
async function keepLocal(context: Context, word: string | undefined, choice: string | undefined): Promise<ExitCode> {
  const { client, printer, process } = context
  if (word !== undefined && word !== 'on' && word !== 'off')
    throw new BackerError('USAGE', `"${word}" is neither on nor off`, { hint: 'backer keep-local on FOLDER' })
  await wake(context)
  const { folders } = await client.status()
  const { id } = await selectFolder(folders, choice, process.cwd())
  const folder = word === undefined ? await client.folder(id) : await client.setKeepLocal(id, word === 'on')
  const { name, keepLocal: isOn = false } = folder
  if (printer.json) printer.document({ schema: 1, id, name, keepLocal: isOn })
  else printer.result(`${name}: ${isOn ? 'on' : 'off'}`)
  return EXIT.done
}
