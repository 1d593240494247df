import { BackerError } from '../../core/error.js'
import type { RevisionDocument } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatCount, formatNumberOf, formatTable } from '../format.js'
import { selectFolder } from '../select.js'
import { selectPaths } from '../select-path.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'

interface RevisionsOptions {
  readonly tidy?: boolean
  /** Ids of revisions. */
  readonly pin?: string
  readonly unpin?: string
}

export const declare: Declare = (program, act) => {
  program
    .command('revisions')
    .alias('versions')
    .description('lists the versions that are kept of a file, or of what stood in a directory')
    .argument('[PATH]', 'the file or directory; with --tidy: the folder')
    .option('--tidy', 'lets go of what is too much now, and says what the rest takes')
    .option('--pin <ID>', 'keeps that version of PATH whatever the rule says')
    .option('--unpin <ID>', 'leaves it to the rule again')
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
  const pin = options.pin ?? options.unpin
  if (pin !== undefined) {
    await context.client.pinRevision(folder.id, path, pin, options.pin !== undefined)
    context.printer.note(
      options.pin === undefined ? 'It goes when its time has come.' : 'It stays until it is unpinned.'
    )
    return EXIT.done
  }
  const document = await context.client.revisions(folder.id, path)
  if (context.printer.json) context.printer.document(document)
  else context.printer.result(...formatTable(document.revisions.map(one => rowOf(one, path))))
  if (document.revisions.length === 0)
    throw new BackerError('NO_VERSION', `nothing is kept of ${word} on this device or a connected one`, { path })
  context.printer.note('', 'backer restore PATH --revision ID  brings one back.')
  return EXIT.done
}

function rowOf({ id, path, at, kind, size, pinned, device }: RevisionDocument, asked: string): string[] {
  const replaced = `replaced ${at.slice(0, 19).replace('T', ' ')} UTC`
  const notes = [...(pinned ? ['pinned'] : []), ...(device === undefined ? [] : [`on ${device}`])]
  const columns = [id, replaced, kind === 'file' ? formatBytes(size) : kind, notes.join(', ')]
  return path === asked ? columns : [...columns, path]
}

async function tidy({ client, printer }: Context, id: string): Promise<ExitCode> {
  const document = await client.tidyRevisions(id)
  const { revisions: count, snapshots, bytes, bytesMax, heldBytes, thinned, evicted, damaged } = document
  if (printer.json) {
    printer.document(document)
    return damaged.length > 0 ? EXIT.incomplete : EXIT.done
  }
  const what = `${formatNumberOf(count, 'revision')} and ${formatNumberOf(snapshots, 'snapshot')}`
  printer.result(`${what} in ${formatBytes(bytes)}, of ${formatBytes(bytesMax)} at most`)
  if (heldBytes > 0)
    printer.result(`${formatBytes(heldBytes)} more for copies of what stands in the folder (keep-local)`)
  if (thinned > 0) printer.note(`${formatCount(thinned)} let go: others of their time are kept.`)
  if (evicted > 0) printer.note(`${formatCount(evicted)} let go for want of room, the oldest first.`)
  if (bytes > bytesMax) printer.note('What is pinned, and what is younger than a day, takes more than it may.')
  for (const path of damaged) printer.note(`can't be read any more: ${path}`)
  return damaged.length > 0 ? EXIT.incomplete : EXIT.done
}
