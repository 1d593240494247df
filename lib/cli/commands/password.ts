import { BackerError } from '../../core/error.js'
import { SCHEMA } from '../../daemon/document.js'
import { removePassword, setPassword } from '../../daemon/page-password.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { askHidden, INTERRUPTED, readLine } from '../prompt.js'

const LINE_BYTES_MAX = 4096

interface PasswordOptions {
  readonly remove?: boolean
}

export const declare: Declare = (program, act) => {
  program
    .command('password')
    .description('sets the password with which other machines open the page: backer config set page-listen says where')
    .option('--remove', 'without one the page is open to this machine alone')
    .action((options: PasswordOptions) => act(context => password(context, options)))
}

/** `backer password`: asks for it twice on a terminal, else it is the first line of stdin. All sessions that an earlier one has opened end. Throws USAGE. */
async function password({ config, printer, process }: Context, { remove }: PasswordOptions): Promise<ExitCode> {
  if (remove === true) {
    await removePassword(config.home)
    return done('removed')
  }
  const given = process.stdin.isTTY ? await askTwice(process) : await readPiped(process)
  if (given === INTERRUPTED) return EXIT.interrupted
  await setPassword(config.home, given)
  return done('set')

  function done(what: 'set' | 'removed'): ExitCode {
    if (printer.json) printer.document({ schema: SCHEMA, password: what })
    else printer.note(`The password is ${what}. Whoever had opened the page with another one is asked again.`)
    return EXIT.done
  }
}

async function readPiped({ stdin }: Context['process']): Promise<string> {
  const line = await readLine(stdin, LINE_BYTES_MAX)
  return Buffer.from(line, 'latin1').toString('utf8').replace(/\r$/, '')
}

async function askTwice(process: Context['process']): Promise<string | typeof INTERRUPTED> {
  const first = await askHidden('Password: ', process)
  if (first === INTERRUPTED) return first
  const second = await askHidden('Once more: ', process)
  if (second !== INTERRUPTED && second !== first) throw new BackerError('USAGE', 'the two are not the same')
  return second
}
