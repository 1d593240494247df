import { Argument } from 'commander'
import { BackerError } from '../../core/error.js'
import { SCHEMA } from '../../daemon/document.js'
import { openHome } from '../../home/home.js'
import type { Declare, Whole } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { bashScript } from '../shells/bash.js'
import { fishScript } from '../shells/fish.js'
import { wordsOf } from '../shells/words.js'
import { zshScript } from '../shells/zsh.js'

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const
type Shell = keyof typeof SCRIPTS

export const declare: Declare = (program, act, whole) => {
  program
    .command('completion')
    .description('prints what has a shell complete the words of backer: source <(backer completion bash)')
    .addArgument(new Argument('[SHELL]', 'fish: backer completion fish | source').choices(Object.keys(SCRIPTS)))
    .option('--folders', 'prints the names of the folders, for such a script')
    .action((shell: Shell | undefined, { folders }: { readonly folders?: boolean }) =>
      act(context => (folders === true ? printFolders(context) : printScript(context, shell, whole)))
    )
}

/** `backer completion SHELL`. Throws USAGE where no shell is named. */
async function printScript({ printer }: Context, shell: Shell | undefined, whole: Whole): Promise<ExitCode> {
  if (shell === undefined)
    throw new BackerError('USAGE', 'say for which shell', { hint: `It is one of ${Object.keys(SCRIPTS).join(', ')}.` })
  const script = SCRIPTS[shell](wordsOf(await whole()))
  if (printer.json) printer.document({ schema: SCHEMA, shell, script })
  else printer.result(...script.trimEnd().split('\n'))
  return EXIT.done
}

/** `backer completion --folders`: asks no process, so that a shell need not wait. */
async function printFolders({ printer, config }: Context): Promise<ExitCode> {
  const names = (await openHome(config.home).folders()).map(({ name }) => name)
  if (printer.json) printer.document({ schema: SCHEMA, folders: names })
  else printer.result(...names)
  return EXIT.done
}
