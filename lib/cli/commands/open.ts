import { spawn } from 'node:child_process'
import { platform } from 'node:os'
import { BackerError } from '../../core/error.js'
import { SCHEMA } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import type { Declare } from '../command.js'

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, string>>> = { linux: 'xdg-open', darwin: 'open' }

export const declare: Declare = (program, act) => {
  program
    .command('open')
    .description('opens the page of the running backer in a browser, and prints its address')
    .action(() => act(open))
}

/** `backer open`: prints the address of the page, with what unlocks it, and opens it where a person sits at a terminal. */
async function open({ client, printer, process }: Context): Promise<ExitCode> {
  const { page, remotePage } = await client.status()
  if (page === undefined)
    throw new BackerError('NOT_RUNNING', 'the running backer has no page', { hint: 'Stop it and start it again.' })
  if (printer.json) {
    printer.document({ schema: SCHEMA, page, ...(remotePage === undefined ? {} : { remotePage }) })
    return EXIT.done
  }
  printer.result(page)
  printer.note('Whoever has this address can do with your folders whatever you can: keep it to yourself.')
  if (remotePage !== undefined)
    printer.note(
      '',
      'From other machines, with the password:',
      ...remotePage.addresses.map(address => `  ${address}`),
      `Its certificate must be this one (SHA-256): ${remotePage.fingerprint}`
    )
  const opener = OPENERS[platform()]
  if (process.stdout.isTTY && opener !== undefined) show(opener, page)
  return EXIT.done
}

/** Where there is no browser to open, the address is enough. */
function show(opener: string, address: string): void {
  const child = spawn(opener, [address], { stdio: 'ignore', detached: true })
  child.on('error', () => undefined)
  child.unref()
}
