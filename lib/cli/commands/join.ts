import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseKey } from '../../core/model/key-text.js'
import { folderId } from '../../core/model/keys.js'
import { RESERVED_NAME } from '../../core/model/path.js'
import { realPath } from '../../daemon/directory.js'
import type { AddedDocument } from '../../daemon/document.js'
import { openHome, type Home } from '../../home/home.js'
import type { Context } from '../context.js'
import { chooseDirectory } from '../default-directory.js'
import { EXIT, type ExitCode } from '../exit.js'
import { runFolder } from '../foreground.js'
import { readKey, sortJoinWords } from '../key-input.js'
import { syncOnce } from '../once.js'
import { INTERRUPTED } from '../prompt.js'
import type { Declare } from '../command.js'
import { addFolderOptions, requestOf, type FolderOptions } from '../folder-options.js'
import { seconds } from '../options.js'

interface JoinOptions extends FolderOptions {
  readonly keyFile?: string
  readonly once?: boolean
  /** Seconds. */
  readonly timeout: number
}

const FIND_PEER_SECONDS = 30

export const declare: Declare = (program, act) => {
  const command = program
    .command('join')
    .description('mirrors a folder of another device into a directory')
    .argument('[KEY]', 'its key; "-": from stdin. Other users of this computer can see it here: better leave it out')
    .argument('[DIR]', 'the directory; default: where it is already, or the current one')
    .option('--key-file <FILE>', 'reads the key from a file')
    .option('--once', 'ends as soon as this device and another one hold the same')
    .option(
      '--timeout <SECONDS>',
      'with --once: how long to look for another device; 0: for ever',
      seconds,
      FIND_PEER_SECONDS
    )
  addFolderOptions(command).action((key: string | undefined, directory: string | undefined, options: JoinOptions) => {
    const words = [key, directory].filter(word => word !== undefined)
    return act(context => join(context, words, options))
  })
}

/** `backer join [KEY] [DIR]`: mirrors a folder of another device. */
async function join(context: Context, words: readonly string[], options: JoinOptions): Promise<ExitCode> {
  const { process, printer, config } = context
  const home = openHome(config.home)
  const sorted = await sortJoinWords(words, process.cwd())
  const isKnown =
    sorted.directory !== undefined &&
    (await home.folder(await realPath(resolve(process.cwd(), sorted.directory)))) !== undefined
  const key = await readKey(context, { word: sorted.key, file: options.keyFile, isOptional: isKnown })
  if (key === INTERRUPTED) return EXIT.interrupted
  const directory = sorted.directory ?? (await directoryOf(home, key))
  const target = chooseDirectory(directory, process.cwd())
  const hadFiles = await hasFiles(target)
  return runFolder(context, {
    request: { ...requestOf(target, options), key, createDirectory: true },
    stays: options.foreground === true,
    announce: folder => announce(context, folder, hadFiles),
    ...(options.once === true
      ? { until: (look, signal) => syncOnce(printer, { look, findPeerMs: options.timeout * 1000, signal }) }
      : {})
  })
}

function announce({ printer }: Context, { name, path, access }: AddedDocument, hadFiles: boolean): void {
  const right = access === 'write' ? 'your changes go to the others' : 'reading only: your changes go nowhere'
  printer.note(`Joined "${name}" in ${path} (${right}).`)
  if (hadFiles) {
    printer.note('It has files already: equal ones are kept, different ones become conflicts, nothing is deleted.')
  }
  printer.note('Looking for other devices.')
}

/** Where this device has the folder already: so that joining again without DIR goes on there. */
async function directoryOf(home: Home, key: string | undefined): Promise<string | undefined> {
  return key === undefined ? undefined : (await home.folder(folderId(parseKey(key))))?.path
}

/** True where a directory holds something that is not backer's. */
async function hasFiles(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch((): string[] => [])
  return names.includes(RESERVED_NAME) ? false : names.length > 0
}
