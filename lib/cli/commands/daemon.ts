import { SCHEMA } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { runAll } from '../foreground.js'
import { findOrStart } from '../start.js'

export interface DaemonOptions {
  readonly foreground?: boolean
}

/** `backer daemon`: runs all folders of this home, in the background or, with `--foreground`, in this process. Throws LOCKED where a process that does not answer holds the home, and with `--foreground` where any does. */
export async function daemon(context: Context, { foreground }: DaemonOptions): Promise<ExitCode> {
  if (foreground === true) return runAll(context)
  const { client, printer } = context
  await findOrStart(context)
  const { pid, folders } = await client.status()
  if (printer.json) printer.document({ schema: SCHEMA, pid, folders: folders.length })
  else printer.note(`backer runs in the background, as process ${pid}. To end it: backer stop`)
  return EXIT.done
}
