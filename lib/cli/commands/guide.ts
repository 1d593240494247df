import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { statusOrNothing } from './status.js'
import type { Declare } from '../command.js'

const GUIDE = [
  'backer mirrors folders between your own computers: one key, no server, nothing lost.',
  '',
  'On one computer:      backer share ~/Documents     prints a key',
  'On another one:       backer join ~/Documents      asks for the key, and mirrors',
  '',
  'backer demo           shows it on this computer alone',
  'backer status         what each folder is doing',
  'backer wait           until all is the same everywhere',
  'backer key            the key of a folder; --read-only for others',
  '',
  'More: backer --help, backer help COMMAND'
]

export const declare: Declare = (program, act) => {
  // Called where there is no command at all; a command that is not known is an error.
  program.command('guide', { hidden: true }).action(() => act(guide))
}

/** `backer` alone: the status where there are folders, or else how to begin. */
async function guide(context: Context): Promise<ExitCode> {
  const { printer } = context
  if (await statusOrNothing(context)) return EXIT.done
  if (printer.json) printer.document({ schema: 1, folders: [] })
  else printer.result(...GUIDE)
  return EXIT.done
}
