import { BackerError } from '../../core/error.js'
import { SCHEMA, type ConflictDocument, type FolderDocument } from '../../daemon/document.js'
import type { Keep } from '../../folder/browse.js'
import { ask } from '../confirm.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatNumberOf } from '../format.js'
import { selectFolders } from '../select.js'
import { selectPaths } from '../select-path.js'
import { wake } from '../start.js'

/** What is written after `--keep`, and what it means. */
const KEEPS: Readonly<Record<string, Keep>> = { this: 'original', that: 'copy', both: 'both' }

interface ConflictsOptions {
  readonly keep?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

interface Found extends ConflictDocument {
  readonly folder: FolderDocument
}

export const declare: Declare = (program, act) => {
  program
    .command('conflicts')
    .description('lists files of which two versions were made apart, or decides: conflicts resolve PATH --keep this')
    .argument('[resolve]', 'decides about the conflicts of the files that are named')
    .argument('[PATH...]', 'the file, or its conflict copy; none: the folder round the current directory, or all')
    .option(
      '--keep <this|that|both>',
      'this: what stands at the path; that: the conflict copy; both: the copy under a name of its own'
    )
    .option('--dry-run', 'only shows what would be decided')
    .option('--yes', 'does not ask')
    .action((word: string | undefined, paths: string[], options: ConflictsOptions) =>
      act(context =>
        word === 'resolve'
          ? resolve(context, paths, options)
          : list(context, word === undefined ? paths : [word, ...paths])
      )
    )
}

/** `backer conflicts [FOLDER]`. */
async function list(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { printer, process, client } = context
  await wake(context)
  const { folders } = await client.status()
  const [choice, ...more] = words
  if (more.length > 0)
    throw new BackerError('USAGE', 'too many words', { hint: 'backer conflicts resolve PATH --keep this' })
  const found = await conflictsOf(context, await selectFolders(folders, choice, process.cwd()))
  if (printer.json) {
    printer.document({ schema: SCHEMA, conflicts: found.map(document) })
    return EXIT.done
  }
  printer.result(...found.flatMap(describe))
  if (found.length === 0) printer.note('There are no conflicts.')
  else
    printer.note(
      '',
      'backer conflicts resolve PATH --keep this|that|both  decides; what is not kept can be brought back with backer restore.'
    )
  return EXIT.done
}

/** `backer conflicts resolve PATH… --keep WHICH`. Throws USAGE, NO_PATH where a path has no conflict, BUSY where a file has just changed. */
async function resolve(context: Context, words: readonly string[], options: ConflictsOptions): Promise<ExitCode> {
  const { client, process } = context
  const keep = KEEPS[options.keep ?? '']
  if (keep === undefined)
    throw new BackerError('USAGE', 'which version is to be kept?', {
      hint: 'Say --keep this, --keep that or --keep both.'
    })
  await wake(context)
  const { folders } = await client.status()
  const { folder, paths } = await selectPaths(folders, words, process.cwd())
  const all = await conflictsOf(context, [folder])
  const chosen = all.filter(({ path, copy }) => paths.includes(path) || paths.includes(copy))
  const missing = paths.find(one => !chosen.some(({ path, copy }) => path === one || copy === one))
  if (missing !== undefined)
    throw new BackerError('NO_PATH', `${missing} has no conflict`, { path: missing, hint: 'See backer conflicts.' })
  if (options.dryRun === true) return report(context, chosen, { keep, decided: false })
  if (chosen.length > 1 && options.yes !== true) {
    context.printer.note(...chosen.flatMap(describe))
    const hint = 'See what would be decided with --dry-run.'
    if (!(await ask(context, { what: 'deciding several conflicts', question: 'Decide all of them? [y/N] ', hint })))
      return EXIT.held
  }
  for (const { copy } of chosen) await client.resolve(folder.id, copy, keep)
  return report(context, chosen, { keep, decided: true })
}

async function conflictsOf({ client }: Context, folders: readonly FolderDocument[]): Promise<readonly Found[]> {
  const found: Found[] = []
  for (const folder of folders) {
    if (folder.paused === true || folder.state === 'stopped') continue
    const { conflicts } = await client.conflicts(folder.id)
    found.push(...conflicts.map(conflict => ({ ...conflict, folder })))
  }
  return found
}

function report(
  { printer }: Context,
  chosen: readonly Found[],
  { keep, decided }: { readonly keep: Keep; readonly decided: boolean }
): ExitCode {
  if (printer.json) printer.document({ schema: SCHEMA, decided, keep, conflicts: chosen.map(document) })
  else if (decided) printer.note(`${formatNumberOf(chosen.length, 'conflict')} decided.`)
  else printer.result(...chosen.flatMap(describe))
  return EXIT.done
}

function document({ folder, ...conflict }: Found): object {
  return { folder: folder.id, ...conflict }
}

function describe({ folder, path, copy, original, other }: Found): readonly string[] {
  const facts = (item: ConflictDocument['original']): string =>
    item === undefined
      ? 'deleted'
      : `${formatBytes(item.size)}${item.mtime === undefined ? '' : `, written ${item.mtime}`}`
  return [`${folder.name}: ${path}`, `  this: ${facts(original)}`, `  that: ${facts(other)}, kept as ${copy}`]
}
