import { SCHEMA } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatTable } from '../format.js'
import { selectFolders } from '../select.js'
import { wake } from '../start.js'
import { describePeer } from './status.js'
import type { Declare } from '../command.js'
import { FOLDER } from '../options.js'

export const declare: Declare = (program, act) => {
  program
    .command('peers')
    .description('lists the devices that are connected now')
    .argument('[FOLDER]', FOLDER)
    .action((folder: string | undefined) => act(context => peers(context, folder)))
}

/** `backer peers [FOLDER]`: the devices that are connected now. */
async function peers(context: Context, choice: string | undefined): Promise<ExitCode> {
  const { client, printer, process } = context
  await wake(context)
  const running = await client.status()
  const folders = await selectFolders(running.folders, choice, process.cwd())
  if (printer.json) {
    const all = folders.flatMap(folder => folder.peers.map(peer => ({ folder: folder.id, ...peer })))
    printer.document({ schema: SCHEMA, peers: all })
    return EXIT.done
  }
  const rows = folders.flatMap(folder => folder.peers.map(peer => [folder.name, ...describePeer(peer)]))
  printer.result(...formatTable(rows))
  if (rows.length === 0) printer.note('No other device is connected.')
  return EXIT.done
}
