import { SCHEMA, type FolderDocument } from '../../daemon/document.js'
import { ask } from '../confirm.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatNumberOf } from '../format.js'
import { FOLDER } from '../options.js'
import { selectFolder } from '../select.js'
import { wake } from '../start.js'

interface LeaveOptions {
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export const declare: Declare = (program, act) => {
  program
    .command('leave')
    .description('ends the syncing of a folder on this device and forgets its key; all files stay where they are')
    .argument('[FOLDER]', FOLDER)
    .option('--dry-run', 'only shows what would be left')
    .option('--yes', 'does not ask')
    .action((folder: string | undefined, options: LeaveOptions) => act(context => leave(context, folder, options)))
}

/** `backer leave [FOLDER]`. Asks at a terminal, because the key goes: without one it needs `--yes`. Throws NO_FOLDER and USAGE. */
async function leave(context: Context, choice: string | undefined, options: LeaveOptions): Promise<ExitCode> {
  const { client, printer, process } = context
  await wake(context)
  const { folders } = await client.status()
  const folder = await selectFolder(folders, choice, process.cwd())
  if (options.dryRun === true) return tell(context, folder, { left: false })
  if (options.yes !== true) {
    printer.note(
      `${folder.name}: ${formatNumberOf(folder.files, 'file')} in ${folder.path} stay; this device forgets the key.`,
      ...(folder.peers.length === 0
        ? ['No other device is connected: keep the key (backer key) if you need it again.']
        : [])
    )
    const question = { what: 'leaving a folder', question: 'Leave it? [y/N] ', hint: 'Its key is shown by backer key.' }
    if (!(await ask(context, question))) return EXIT.held
  }
  await client.leave(folder.id)
  return tell(context, folder, { left: true })
}

function tell(
  { printer }: Context,
  { id, path, name }: FolderDocument,
  { left }: { readonly left: boolean }
): ExitCode {
  if (printer.json) printer.document({ schema: SCHEMA, folder: id, path, name, left })
  else if (left)
    printer.note(
      `${name} is no longer synced. Its files are in ${path}; what was kept of its past is in ${path}/.backer.`
    )
  else printer.result(`would leave ${name} (${path}); its files stay`)
  return EXIT.done
}
