import { BackerError } from '../../core/error.js'
import { SCHEMA, type LogEntryDocument } from '../../daemon/document.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatTable } from '../format.js'
import { count } from '../options.js'
import { selectFolders } from '../select.js'
import { selectPaths } from '../select-path.js'
import { wake } from '../start.js'

interface LogOptions {
  readonly since?: string
  readonly limit: number
}

const ENTRIES = 50

export const declare: Declare = (program, act) => {
  program
    .command('log')
    .description('shows who changed what, when, on which device, and how it came here; the latest first')
    .argument(
      '[PATH]',
      'a file, or a directory with all below it; default: the folder round the current directory, or all'
    )
    .option('--since <TIME>', 'from then on, such as 2026-01-31T18:00 or "2 hours ago"')
    .option('--limit <N>', 'how many changes of each folder at most', count, ENTRIES)
    .action((path: string | undefined, options: LogOptions) => act(context => log(context, path, options)))
}

/** `backer log [PATH]`. Throws NO_FOLDER. */
async function log(context: Context, word: string | undefined, options: LogOptions): Promise<ExitCode> {
  const { client, printer, process } = context
  if (options.limit === 0) throw new BackerError('USAGE', 'a limit is 1 at least')
  await wake(context)
  const { folders } = await client.status()
  const found: { readonly folder: string; readonly name: string; readonly entry: LogEntryDocument }[] = []
  const { since, limit } = options
  const read = async ({ id, name }: { readonly id: string; readonly name: string }, path: string): Promise<void> => {
    const question = { limit, ...(path === '' ? {} : { path }), ...(since === undefined ? {} : { since }) }
    const { entries } = await client.log(id, question)
    found.push(...entries.map(entry => ({ folder: id, name, entry })))
  }
  if (word === undefined)
    for (const folder of await selectFolders(folders, undefined, process.cwd())) await read(folder, '')
  else {
    const { folder, paths } = await selectPaths(folders, [word], process.cwd())
    await read(folder, paths[0] ?? '')
  }
  found.sort((a, b) => Date.parse(b.entry.time) - Date.parse(a.entry.time))
  if (printer.json)
    printer.document({ schema: SCHEMA, entries: found.map(({ folder, entry }) => ({ folder, ...entry })) })
  else
    printer.result(
      ...formatTable(found.map(({ name, entry }) => [...(folders.length > 1 ? [name] : []), ...rowOf(entry)]))
    )
  if (found.length === 0) printer.note('Nothing was changed that is remembered.')
  return EXIT.done
}

function rowOf(entry: LogEntryDocument): string[] {
  const { time, action, path, from, copy, deviceName, device, replica } = entry
  const who = deviceName ?? device?.slice(0, 8) ?? `unknown (${replica ?? '?'})`
  const what = from !== undefined ? `${from} -> ${path}` : copy !== undefined ? `${path} (kept: ${copy})` : path
  return [`${time.slice(0, 19).replace('T', ' ')} UTC`, action, what, `by ${who}`, wayOf(entry)]
}

/** How a change came here. */
function wayOf({ origin, viaName, route, action }: LogEntryDocument): string {
  if (action === 'conflict') return ''
  if (origin === 'local') return 'here'
  return `from ${viaName ?? 'another device'}${route === undefined ? '' : ` (${route})`}`
}
