import { BackerError } from '../../core/error.js'
import { SCHEMA, type DeletesDocument, type FolderDocument } from '../../daemon/document.js'
import { ask } from '../confirm.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatNumberOf } from '../format.js'
import { selectFolder, selectFolders } from '../select.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'
import { FOLDER } from '../options.js'

interface DeletesOptions {
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export const declare: Declare = (program, act) => {
  program
    .command('deletes')
    .description('shows deletes that are held because they are so many; "accept" or "reject" decides about them')
    .argument(
      '[accept|reject]',
      'accept: they are carried out everywhere; reject: what they removed comes back everywhere'
    )
    .argument('[FOLDER]', FOLDER)
    .option('--dry-run', 'only shows what it is about')
    .option('--yes', 'does not ask')
    .action((action: string | undefined, folder: string | undefined, options: DeletesOptions) => {
      const words = [action, folder].filter(word => word !== undefined)
      return act(context => deletes(context, words, options))
    })
}

/**
 * `backer deletes [accept|reject] [FOLDER]`: shows the deletes that are held, or decides about them. Gives `held` where some are shown.
 * Throws USAGE where accepting would need `--yes`, and what the process refuses.
 */
async function deletes(context: Context, words: readonly string[], options: DeletesOptions): Promise<ExitCode> {
  const [action, choice] = words
  await wake(context)
  if (action !== 'accept' && action !== 'reject') {
    if (choice !== undefined) throw new BackerError('USAGE', `"${action}" is neither accept nor reject`)
    return show(context, action)
  }
  const { folders } = await context.client.status()
  const folder = await selectFolder(folders, choice, context.process.cwd())
  const held = await context.client.deletes(folder.id)
  const count = held.local + held.remote + (action === 'accept' ? held.restoring : 0)
  if (options.dryRun === true) return report(context, [{ folder, held }])
  if (count > 0 && action === 'accept' && options.yes !== true && !(await isSure(context, folder, held)))
    return EXIT.held
  const decided = await context.client.decideDeletes(folder.id, action)
  if (context.printer.json) context.printer.document(decided)
  else context.printer.note(tellDecided(folder.name, action, decided.count))
  return EXIT.done
}

function tellDecided(name: string, action: 'accept' | 'reject', count: number): string {
  if (count === 0) return `No deletes are held in ${name}.`
  const items = formatNumberOf(count, 'item')
  if (action === 'accept')
    return `The delete of ${items} in ${name} goes on. What other devices still have stays in their revisions.`
  return `${items} in ${name} come back: backer wait tells when all are there.`
}

async function show(context: Context, choice: string | undefined): Promise<ExitCode> {
  const running = await context.client.status()
  const folders = await selectFolders(running.folders, choice, context.process.cwd())
  const found = []
  for (const folder of folders) found.push({ folder, held: await context.client.deletes(folder.id) })
  return report(context, found)
}

interface Found {
  readonly folder: FolderDocument
  readonly held: DeletesDocument
}

function report({ printer }: Context, found: readonly Found[]): ExitCode {
  const isHeld = found.some(({ held }) => held.local + held.remote > 0)
  if (printer.json) {
    printer.document({ schema: SCHEMA, folders: found.map(({ folder, held }) => ({ id: folder.id, ...held })) })
    return isHeld ? EXIT.held : EXIT.done
  }
  const lines = found.flatMap(({ folder, held }) => describeHeld(folder.name, held))
  printer.result(...lines)
  if (lines.length === 0) printer.note('No deletes are held.')
  else if (isHeld)
    printer.note('', 'backer deletes reject  brings them back everywhere; backer deletes accept  carries them out.')
  return isHeld ? EXIT.held : EXIT.done
}

function describeHeld(name: string, { local, remote, restoring, sample }: DeletesDocument): string[] {
  const rest = local + remote - sample.length
  return [
    ...(local > 0 ? [`${name}: ${formatNumberOf(local, 'item')} gone from this device`] : []),
    ...(remote > 0 ? [`${name}: ${formatNumberOf(remote, 'item')} deleted by other devices, still here`] : []),
    ...(restoring > 0 ? [`${name}: ${formatNumberOf(restoring, 'item')} to come back from other devices`] : []),
    ...sample.map(path => `  ${path}`),
    ...(sample.length > 0 && rest > 0 ? [`  and ${rest} more`] : [])
  ]
}

function isSure(context: Context, folder: FolderDocument, held: DeletesDocument): Promise<boolean> {
  context.printer.note(...describeHeld(folder.name, held))
  return ask(context, {
    what: 'accepting deletes',
    question: 'Delete them everywhere? [y/N] ',
    hint: 'See what would go with backer deletes accept --dry-run.'
  })
}
