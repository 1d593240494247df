import { CommanderError, type Command } from 'commander'
import { BackerError } from '../core/error.js'
import { toBackerError } from '../daemon/api/errors.js'
import { systemCode } from '../home/private-file.js'
import { makeContext, makePrinter, type CliProcess } from './context.js'
import { EXIT, exitCodeOf, type ExitCode } from './exit.js'
import type { Printer } from './printer.js'
import type { Run } from './command.js'
import { makeProgram, withCommand } from './program.js'

/** Runs one command line and gives what the process should end with. Never throws. */
export async function main(process: CliProcess): Promise<ExitCode> {
  // The key may stand in argv, which other users can see: where the system lets a process change it, it is gone from here on.
  hideArguments()
  process.stdout.on('error', endWithReader)
  process.stderr.on('error', endWithReader)
  const words = process.argv.slice(2)
  let printer = makePrinter(process, { json: words.includes('--json') })
  let code: ExitCode = EXIT.done
  const run: Run = async (work, options) => {
    printer = makePrinter(process, options)
    code = await work(makeContext(process, printer))
  }
  try {
    await parse(await makeProgram(words, run), words, { process, printer })
    return code
  } catch (error) {
    return fail(error, printer)
  }
}

async function parse(
  program: Command,
  words: readonly string[],
  { process, printer }: { readonly process: CliProcess; readonly printer: Printer }
): Promise<void> {
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureOutput({
      writeOut: text => process.stdout.write(text),
      // What is wrong with the words is told by `fail`, in one place and in one form.
      writeErr: text => (printer.json ? true : process.stderr.write(text)),
      outputError: () => undefined
    })
  }
  await program.parseAsync(withCommand(words), { from: 'user' })
}

/** A command, and all that are below it. */
function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

function fail(error: unknown, printer: Printer): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.done
    printer.error(usageError(error))
    return EXIT.usage
  }
  const told = toBackerError(error)
  printer.error(told)
  return exitCodeOf(told.code)
}

/** Commander's sentence: `error: unknown command 'shar'`, with what it suggests on a line of its own. */
function usageError({ message }: CommanderError): BackerError {
  const [sentence = message, ...suggestion] = message.replace(/^error: /, '').split('\n')
  const hint = [...suggestion, 'See backer --help.'].join(' ')
  return new BackerError('USAGE', sentence, { hint })
}

/** Whoever read the output has gone (`| head`): that is no error. */
function endWithReader(error: unknown): void {
  process.exit(systemCode(error) === 'EPIPE' ? EXIT.done : EXIT.error)
}

function hideArguments(): void {
  process.title = 'backer'
}
