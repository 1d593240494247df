import { SCHEMA, type DeviceDocument, type FolderDocument, type PeerDocument } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatNumberOf, formatTable } from '../format.js'
import { selectFolders } from '../select.js'
import { pause } from '../signals.js'
import { wake } from '../start.js'
import { describeAway, describePeer } from './status.js'
import type { Declare } from '../command.js'
import { FOLDER } from '../options.js'

/** Over how long rates are measured at least. */
const RATE_MS = 500

export const declare: Declare = (program, act) => {
  program
    .command('peers')
    .description('lists the devices of a folder: those that are connected, then those that are not')
    .argument('[FOLDER]', FOLDER)
    .action((folder: string | undefined) => act(context => peers(context, folder)))
}

/** `backer peers [FOLDER]`: the devices that are connected now, and those that were and are not. */
async function peers(context: Context, choice: string | undefined): Promise<ExitCode> {
  const { client, printer, process } = context
  await wake(context)
  // Rates are told from what was sent and received between two looks.
  await client.status()
  await pause(RATE_MS)
  const running = await client.status()
  const folders = await selectFolders(running.folders, choice, process.cwd())
  if (printer.json) {
    const all = folders.flatMap(folder => folder.peers.map(peer => ({ folder: folder.id, ...peer })))
    const lacking = folders.flatMap(folder => (folder.lacking ?? []).map(lack => ({ folder: folder.id, ...lack })))
    printer.document({ schema: SCHEMA, peers: all, away: folders.flatMap(awayFrom), lacking })
    return EXIT.done
  }
  const rows = folders.flatMap(folder =>
    folder.peers.map(peer => [folder.name, ...describePeer(peer), ...describeRates(peer), lacksIn(folder, peer)])
  )
  const away = folders.flatMap(folder =>
    awayFrom(folder).map(device => [folder.name, ...describeAway(device), '', lacksIn(folder, device)])
  )
  printer.result(...formatTable([...rows, ...away]))
  if (rows.length === 0) printer.note('No other device is connected.')
  return EXIT.done
}

/** The devices that were connected to a folder once and are not now. */
function awayFrom({ id, devices = [] }: FolderDocument): readonly (DeviceDocument & { readonly folder: string })[] {
  return devices.filter(({ connected }) => !connected).map(device => ({ folder: id, ...device }))
}

/** How many files of this device another one does not have. */
function lacksIn({ lacking = [] }: FolderDocument, { device }: { readonly device: string }): string {
  const files = lacking.find(lack => lack.device === device)?.files ?? 0
  return files === 0 ? '' : `does not have ${formatNumberOf(files, 'file')}`
}

function describeRates({ rates = { up: 0, down: 0 } }: PeerDocument): string[] {
  return [`up ${formatBytes(rates.up)}/s`, `down ${formatBytes(rates.down)}/s`]
}
