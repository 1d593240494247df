import { Command } from 'commander'
import type { Act, Run } from './command.js'
import { COMMANDS, GUIDE } from './commands.js'
import { readVersion } from '../daemon/version.js'
import { EXIT_HELP } from './exit.js'

const GLOBAL_FLAGS: ReadonlySet<string> = new Set(['--json', '-q', '--quiet', '--no-progress'])

/** The words of a command line, with the command that is meant where there is none. */
export function withCommand(words: readonly string[]): readonly string[] {
  return words.every(word => GLOBAL_FLAGS.has(word)) ? [GUIDE, ...words] : words
}

/**
 * The program that understands `words`: with the one command that they begin with, or else, for the help and for what is no command, with all of
 * them.
 */
export async function makeProgram(words: readonly string[], run: Run): Promise<Command> {
  const program = new Command('backer')
  program
    .description('Mirrors folders between your own computers: one key, no server, nothing lost.')
    .option('--json', 'documents instead of text: see docs/operations.md')
    .option('-q, --quiet', 'results and errors only')
    .option('--no-progress', 'no progress bar')
    .version(`backer ${readVersion()}`, '-V, --version', 'prints the version')
    .configureHelp({ showGlobalOptions: true })
    .helpCommand('help [COMMAND]', 'says more about a command')
    .addHelpText('after', EXIT_HELP)
  const act: Act = work => run(work, program.opts())
  const called = words.find(word => !GLOBAL_FLAGS.has(word))
  const only = COMMANDS.filter(({ names }) => names.some(name => name === called))
  for (const { group, load } of only.length > 0 ? only : COMMANDS) {
    program.commandsGroup(group)
    const { declare } = await load()
    declare(program, act, () => makeProgram([], run))
  }
  for (const command of program.commands)
    command.configureHelp({ showGlobalOptions: true }).addHelpText('after', EXIT_HELP)
  return program
}
