import { BackerError } from '../../core/error.js'
import { formatKey, parseKey } from '../../core/model/key-text.js'
import { toReadKey, toStoreKey, type FolderKey } from '../../core/model/keys.js'
import { openHome } from '../../home/home.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { qrCode } from '../qr.js'
import { selectFolder } from '../select.js'
import type { Declare } from '../command.js'
import { FOLDER } from '../options.js'

interface KeyOptions {
  readonly write?: boolean
  readonly readOnly?: boolean
  readonly storeOnly?: boolean
  readonly qr?: boolean
}

const MAY = {
  write: 'Anyone with this key can add, change and delete files.',
  read: 'Anyone with this key can read all files, and change none.',
  store: 'This key names the folder and reveals nothing of it. No device can join with it yet.'
} as const

export const declare: Declare = (program, act) => {
  program
    .command('key')
    .description('prints a key of a folder')
    .argument('[FOLDER]', FOLDER)
    .option('--write', 'to read and change it')
    .option('--read-only', 'to read it')
    .option('--store-only', 'names the folder, and reveals nothing of it')
    .option('--qr', 'shows it as a QR code too')
    .action((folder: string | undefined, options: KeyOptions) => act(context => key(context, folder, options)))
}

/** `backer key [FOLDER]`: prints a key of a folder of this device. Needs no running process. */
async function key(context: Context, choice: string | undefined, options: KeyOptions): Promise<ExitCode> {
  const { printer, process, config } = context
  const folder = await selectFolder(await openHome(config.home).folders(), choice, process.cwd())
  const held = parseKey(folder.key)
  const shown = convert(held, wantedKind(options) ?? held.kind, folder.name)
  const text = formatKey(shown)
  if (printer.json) {
    printer.document({ schema: 1, folder: folder.id, name: folder.name, kind: shown.kind, key: text })
    return EXIT.done
  }
  printer.result(text)
  printer.note(MAY[shown.kind])
  if (options.qr === true) printer.drawing(await qrCode(text))
  return EXIT.done
}

function wantedKind({ write, readOnly, storeOnly }: KeyOptions): FolderKey['kind'] | undefined {
  const wanted = [write === true && 'write', readOnly === true && 'read', storeOnly === true && 'store'] as const
  const [first, ...more] = wanted.filter(kind => kind !== false)
  if (more.length > 0) throw new BackerError('USAGE', 'choose one of --write, --read-only and --store-only')
  return first
}

function convert(held: FolderKey, kind: FolderKey['kind'], name: string): FolderKey {
  if (kind === held.kind) return held
  if (kind === 'store') return toStoreKey(held)
  if (kind === 'read' && held.kind === 'write') return toReadKey(held)
  throw new BackerError('KEY_KIND', `this device holds only the ${held.kind} key of "${name}"`, {
    hint: 'Ask on a device that holds more, such as the one that shared the folder.'
  })
}
