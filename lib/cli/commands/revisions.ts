import { BackerError } from '../../core/error.js'
import type { RevisionDocument } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatNumberOf, formatTable } from '../format.js'
import { selectFolder } from '../select.js'
import { selectPaths } from '../select-path.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'

interface RevisionsOptions {
  readonly tidy?: boolean
}

export const declare: Declare = (program, act) => {
  program
    .command('revisions')
    .alias('versions')
    .description('lists the versions that are kept of a file, or of what stood in a directory')
    .argument('[PATH]', 'the file or directory; with --tidy: the folder')
    .option('--tidy', 'lets go of what is too much now, and says what the rest takes')
    .action((path: string | undefined, options: RevisionsOptions) => act(context => revisions(context, path, options)))
}

/**
 * `backer revisions PATH`: the kept versions of an item, or of what stood in a directory, the latest first. `--tidy`: lets go of what is too much
 * now, and says what the rest takes. Throws NO_VERSION where nothing is kept of it.
 */
async function revisions(context: Context, word: string | undefined, options: RevisionsOptions): Promise<ExitCode> {
  await wake(context)
  const { folders } = await context.client.status()
  const cwd = context.process.cwd()
  if (options.tidy === true) return tidy(context, (await selectFolder(folders, word, cwd)).id)
  if (word === undefined)
    throw new BackerError('USAGE', 'of which file or directory?', { hint: 'backer revisions PATH' })
  const { folder, paths } = await selectPaths(folders, [word], cwd)
  const [path = ''] = paths
  const document = await context.client.revisions(folder.id, path)
  if (context.printer.json) context.printer.document(document)
  else context.printer.result(...formatTable(document.revisions.map(one => rowOf(one, path))))
  if (document.revisions.length === 0)
    throw new BackerError('NO_VERSION', `nothing is kept of ${word} on this device`, { path })
  context.printer.note('', 'backer restore PATH --revision ID  brings one back.')
  return EXIT.done
}

function rowOf({ id, path, at, kind, size }: RevisionDocument, asked: string): string[] {
  const replaced = `replaced ${at.slice(0, 19).replace('T', ' ')} UTC`
  return [id, replaced, kind === 'file' ? formatBytes(size) : kind, ...(path === asked ? [] : [path])]
}

async function tidy({ client, printer }: Context, id: string): Promise<ExitCode> {
  const document = await client.tidyRevisions(id)
  const { revisions: count, bytes, bytesMax, thinned, evicted, damaged } = document
  if (printer.json) {
    printer.document(document)
    return damaged.length > 0 ? EXIT.incomplete : EXIT.done
  }
  printer.result(`${formatNumberOf(count, 'revision')} in ${formatBytes(bytes)}, of ${formatBytes(bytesMax)} at most`)
  if (thinned > 0) printer.note(`${formatNumberOf(thinned, 'revision')} let go: others of their time are kept.`)
  if (evicted > 0) printer.note(`${formatNumberOf(evicted, 'revision')} let go for want of room.`)
  for (const path of damaged) printer.note(`can't be read any more: ${path}`)
  return damaged.length > 0 ? EXIT.incomplete : EXIT.done
}
