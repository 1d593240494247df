import type { GotDocument } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatCount, formatNumberOf } from '../format.js'
import { selectPaths } from '../select-path.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'

export const declare: Declare = (program, act) => {
  program
    .command('get')
    .description('fetches files that were dropped from this disk, or that lie below a directory')
    .argument('<PATH...>', 'files and directories; the folder itself: all of it')
    .action((paths: string[]) => act(context => get(context, paths)))
}

/** `backer get PATH…`: fetches what was dropped. Gives `incomplete` where something could not be had. Throws NO_FOLDER and NO_PATH. */
async function get(context: Context, words: readonly string[]): Promise<ExitCode> {
  await wake(context)
  const { client, process } = context
  const { folders } = await client.status()
  const { folder, paths } = await selectPaths(folders, words, process.cwd())
  return report(context, await client.get(folder.id, paths))
}

function report({ printer }: Context, document: GotDocument): ExitCode {
  const { fetched, bytes, failedCount, failed } = document
  const code = failedCount > 0 ? EXIT.incomplete : EXIT.done
  if (printer.json) {
    printer.document(document)
    return code
  }
  printer.result(`${formatNumberOf(fetched, 'file')} (${formatBytes(bytes)}) fetched`)
  for (const { path, message } of failed) printer.note(`${path}: ${message}`)
  if (failedCount > failed.length) printer.note(`and ${formatCount(failedCount - failed.length)} more could not be had`)
  return code
}
