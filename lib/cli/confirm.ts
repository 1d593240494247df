import { createInterface } from 'node:readline/promises'
import { BackerError } from '../core/error.js'
import type { Context } from './context.js'

/** A question to be answered with yes or no. */
export interface Question {
  /** What needs a yes: the subject of a sentence. */
  readonly what: string
  readonly question: string
  /** What to do where nobody can be asked. */
  readonly hint: string
}

/** Asks on the terminal; anything but yes is no. Throws USAGE where there is no terminal: then `--yes` is needed. */
export async function ask({ process, printer }: Context, { what, question, hint }: Question): Promise<boolean> {
  const { stdin, stderr } = process
  if (!stdin.isTTY || !stderr.isTTY || printer.json)
    throw new BackerError('USAGE', `${what} needs --yes where there is no terminal to ask at`, { hint })
  const lines = createInterface({ input: stdin, output: stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim())
  } finally {
    lines.close()
  }
}
