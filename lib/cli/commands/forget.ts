import { BackerError } from '../../core/error.js'
import { SCHEMA } from '../../daemon/document.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { FOLDER } from '../options.js'
import { selectFolders } from '../select.js'
import { wake } from '../start.js'

export const declare: Declare = (program, act) => {
  program
    .command('forget')
    .description(
      'no longer expects a device that is gone for good, so that it is no alarm; it may come back all the same'
    )
    .argument('<DEVICE>', 'its name or the start of its id: see backer status')
    .argument('[FOLDER]', FOLDER)
    .action((device: string, folder: string | undefined) => act(context => forget(context, device, folder)))
}

/** `backer forget DEVICE`. Throws NO_PEER where no folder knows it, USAGE where it is connected, or could be several. */
async function forget(context: Context, word: string, choice: string | undefined): Promise<ExitCode> {
  const { client, printer, process } = context
  await wake(context)
  const { folders } = await client.status()
  const chosen = await selectFolders(folders, choice, process.cwd())
  const found = chosen.flatMap(folder =>
    (folder.devices ?? [])
      .filter(({ name, device }) => name === word || device.startsWith(word))
      .map(one => ({ ...one, folder }))
  )
  const [first] = found
  if (first === undefined)
    throw new BackerError('NO_PEER', `no device "${word}" is known`, { hint: 'See backer status.' })
  if (found.some(({ device }) => device !== first.device))
    throw new BackerError('USAGE', `"${word}" could be several devices`, {
      hint: `Give more of its id: ${found.map(({ device }) => device.slice(0, 12)).join(', ')}`
    })
  if (found.some(({ connected }) => connected)) throw new BackerError('USAGE', `${first.name} is connected right now`)
  for (const { folder, device } of found) await client.forgetDevice(folder.id, device)
  if (printer.json)
    printer.document({ schema: SCHEMA, device: first.device, folders: found.map(({ folder }) => folder.id) })
  else printer.note(`${first.name} is no longer expected.`)
  return EXIT.done
}
