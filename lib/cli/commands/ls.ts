import { SCHEMA, type ItemDocument, type PastItemDocument } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatTable } from '../format.js'
import { selectPaths } from '../select-path.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'

interface LsOptions {
  readonly at?: string
}

type Row = ItemDocument | PastItemDocument

export const declare: Declare = (program, act) => {
  program
    .command('ls')
    .description('lists a directory of a folder, as it is or as it was')
    .argument('[PATH]', 'the directory; default: the current one')
    .option('--at <TIME>', 'as it was then: 2026-01-31T18:00, "2 hours ago", or the id of a snapshot')
    .action((path: string | undefined, options: LsOptions) => act(context => ls(context, path ?? '.', options)))
}

/** `backer ls [PATH] --at TIME`. Throws NO_FOLDER, NO_PATH and NO_VERSION. */
async function ls(context: Context, word: string, { at }: LsOptions): Promise<ExitCode> {
  await wake(context)
  const { client, printer, process } = context
  const { folders } = await client.status()
  const { folder, paths } = await selectPaths(folders, [word], process.cwd())
  const [path = ''] = paths
  const entries: Row[] = []
  let after: string | undefined
  let snapshot: { readonly id: string; readonly at: string } | undefined
  do {
    const behind = after === undefined ? {} : { after }
    if (at === undefined) {
      const page = await client.files(folder.id, { path, ...behind })
      entries.push(...page.entries)
      after = page.next
    } else {
      // Once it is found, all pages are of the same one.
      const page = await client.filesAt(folder.id, { at: snapshot?.id ?? at, path, ...behind })
      entries.push(...page.entries)
      snapshot = page.snapshot
      after = page.next
    }
  } while (after !== undefined)
  if (printer.json) {
    printer.document({ schema: SCHEMA, path, entries, ...(snapshot === undefined ? {} : { snapshot }) })
    return EXIT.done
  }
  if (snapshot !== undefined) printer.note(`As of ${snapshot.at}: snapshot ${snapshot.id}.`)
  printer.result(...formatTable(entries.map(rowOf)))
  return EXIT.done
}

function rowOf(row: Row): string[] {
  const { name, kind, size, mtime, target } = row
  const isDropped = 'state' in row && row.state === 'dropped'
  const marked = isDropped ? `${name} (on other devices only)` : name
  const shown = kind === 'directory' ? `${name}/` : target === undefined ? marked : `${name} -> ${target}`
  const time = mtime === undefined ? '' : mtime.slice(0, 16).replace('T', ' ')
  return [kind === 'file' ? formatBytes(size) : '-', time, shown]
}
