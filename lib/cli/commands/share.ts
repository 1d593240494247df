import type { AddedDocument } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { chooseDirectory } from '../default-directory.js'
import type { ExitCode } from '../exit.js'
import { runFolder } from '../foreground.js'
import { qrCode } from '../qr.js'
import type { Declare } from '../command.js'
import { addFolderOptions, requestOf, type FolderOptions } from '../folder-options.js'

interface ShareOptions extends FolderOptions {
  readonly qr?: boolean
}

export const declare: Declare = (program, act) => {
  const command = program
    .command('share')
    .description('makes a directory a folder, and prints the key with which other devices join it')
    .argument('[DIR]', 'the directory; default: the current one')
    .option('--qr', 'shows the key as a QR code too')
  addFolderOptions(command).action((directory: string | undefined, options: ShareOptions) =>
    act(context => share(context, directory, options))
  )
}

/** `backer share [DIR]`: makes a directory a folder, or finds that it is one, and prints its key. */
function share(context: Context, named: string | undefined, options: ShareOptions): Promise<ExitCode> {
  const directory = chooseDirectory(named, context.process.cwd())
  return runFolder(context, {
    request: { ...requestOf(directory, options), createDirectory: false },
    stays: options.foreground === true,
    announce: folder => announce(context, folder, options)
  })
}

async function announce({ printer }: Context, folder: AddedDocument, { qr }: ShareOptions): Promise<void> {
  const { name, path, access, key } = folder
  printer.note(`Sharing ${path} as "${name}".`, 'On the other computer run  backer join  and paste this key:', '')
  printer.result(key)
  printer.note(
    '',
    access === 'write'
      ? 'Anyone with it can add, change and delete files. For reading only: backer key --read-only'
      : 'This device holds only the read key: anyone with it can read all files.'
  )
  if (qr === true) printer.drawing(await qrCode(key))
}
