import { BackerError } from '../../core/error.js'
import type { DifferenceDocument, DifferencesDocument, SnapshotDocument } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatNumberOf, formatTable } from '../format.js'
import { selectFolder } from '../select.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'
import { FOLDER } from '../options.js'

interface SnapshotsOptions {
  readonly folder?: string
  readonly pin?: boolean
}

export const declare: Declare = (program, act) => {
  program
    .command('snapshots')
    .description('lists the kept states of a folder; "create", "pin ID", "unpin ID", "remove ID", "diff A [B]"')
    .argument(
      '[WORDS...]',
      'what to do, or the folder to list. A and B are ids or times, such as "2 days ago"; no B: now'
    )
    .option('--folder <FOLDER>', FOLDER)
    .option('--pin', 'with create: keeps it until it is unpinned')
    .addHelpText(
      'after',
      [
        '',
        'A snapshot is made every hour in which something has changed. Of all devices’ snapshots the ten latest stay, one an',
        'hour of the last two days, one a day of the last week, one a week of the last month, one a month of the last two',
        'years. What is created by hand stays until it is removed or room is wanted; what is pinned stays in any case.'
      ].join('\n')
    )
    .action((words: string[], options: SnapshotsOptions) => act(context => snapshots(context, words, options)))
}

/** `backer snapshots`: see its help. Throws USAGE, NO_FOLDER and NO_VERSION. */
async function snapshots(context: Context, words: readonly string[], options: SnapshotsOptions): Promise<ExitCode> {
  const [action, first, second] = words
  await wake(context)
  const { folders } = await context.client.status()
  const folderOf = async (choice: string | undefined): Promise<string> =>
    (await selectFolder(folders, options.folder ?? choice, context.process.cwd())).id
  switch (action) {
    case 'create':
      return create(context, await folderOf(first), options.pin === true)
    case 'diff':
      return diff(context, await folderOf(undefined), wanted(first), second)
    case 'pin':
    case 'unpin':
      await context.client.pinSnapshot(await folderOf(second), wanted(first), action === 'pin')
      context.printer.note(action === 'pin' ? 'It stays until it is unpinned.' : 'It goes when its time has come.')
      return EXIT.done
    case 'remove':
      await context.client.removeSnapshot(await folderOf(second), wanted(first))
      context.printer.note('It is gone; what only it needs goes with the next sweep.')
      return EXIT.done
    case undefined:
    default:
      return list(context, await folderOf(action))
  }
}

/** Throws USAGE where it was not said which snapshot. */
function wanted(id: string | undefined): string {
  if (id !== undefined) return id
  throw new BackerError('USAGE', 'which snapshot?', { hint: 'See them with backer snapshots.' })
}

async function list({ client, printer }: Context, id: string): Promise<ExitCode> {
  const document = await client.snapshots(id)
  if (printer.json) printer.document(document)
  else printer.result(...formatTable(document.snapshots.map(rowOf)))
  if (!printer.json && document.snapshots.length === 0)
    printer.note('None yet: one is made every hour, or with create.')
  return EXIT.done
}

function rowOf({ id, at, device, kind, pinned }: SnapshotDocument): string[] {
  return [id, at.slice(0, 19).replace('T', ' '), kind, `by ${device.slice(0, 8)}`, pinned ? 'pinned' : '']
}

async function create({ client, printer }: Context, id: string, isPinned: boolean): Promise<ExitCode> {
  const made = await client.createSnapshot(id, isPinned)
  if (printer.json) printer.document(made)
  else printer.result(made.id)
  return EXIT.done
}

async function diff({ client, printer }: Context, id: string, from: string, to: string | undefined): Promise<ExitCode> {
  const document = await client.diff(id, { from, ...(to === undefined ? {} : { to }) })
  if (printer.json) printer.document(document)
  else
    tell(
      document,
      lines => printer.result(...lines),
      line => printer.note(line)
    )
  return EXIT.done
}

function tell(
  { from, to, differences }: DifferencesDocument,
  result: (lines: readonly string[]) => void,
  note: (line: string) => void
): void {
  note(`From ${from.id} to ${to?.id ?? 'now'}: ${formatNumberOf(differences.length, 'difference')}.`)
  result(formatTable(differences.map(differenceRow)))
}

const MARKS = { added: '+', removed: '-', changed: '~' } as const

function differenceRow({ path, change, before, after }: DifferenceDocument): string[] {
  const sizes = [before, after].flatMap(item =>
    item === undefined ? [] : [item.kind === 'file' ? formatBytes(item.size) : item.kind]
  )
  return [MARKS[change], path, sizes.join(' -> ')]
}
