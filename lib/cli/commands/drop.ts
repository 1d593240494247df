import { InvalidArgumentError } from 'commander'
import { BackerError } from '../../core/error.js'
import type { DroppedDocument } from '../../daemon/document.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatCount, formatNumberOf } from '../format.js'
import { selectPaths } from '../select-path.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'
import { count } from '../options.js'

interface DropOptions {
  readonly copies: number
  readonly dryRun?: boolean
  readonly yes?: boolean
}

const COPIES = 2

export const declare: Declare = (program, act) => {
  program
    .command('drop')
    .description(
      'removes files from this disk, not from the folder, once other devices have proven that they hold them'
    )
    .argument('<PATH...>', 'files and directories; the folder itself: all of it')
    .option('--copies <N>', 'on how many other devices each must lie', copies, COPIES)
    .option('--dry-run', 'only shows what would be dropped')
    .option('--yes', 'does not ask')
    .action((paths: string[], options: DropOptions) => act(context => drop(context, paths, options)))
}

function copies(text: string): number {
  const number = count(text)
  if (number < 1 || number > 256) throw new InvalidArgumentError('It is a number from 1 to 256.')
  return number
}

/**
 * `backer drop PATH…`: lets go of content that others hold, and keeps its place. Gives `incomplete` where something stayed. Throws NO_FOLDER, NO_PATH, NO_PEER, and USAGE
 * where it needs `--yes`.
 */
async function drop(context: Context, words: readonly string[], options: DropOptions): Promise<ExitCode> {
  await wake(context)
  const { client, process } = context
  const { folders } = await client.status()
  const { folder, paths } = await selectPaths(folders, words, process.cwd())
  const body = { paths, copies: options.copies }
  if (options.dryRun === true || options.yes !== true) {
    const plan = await client.drop(folder.id, { ...body, dryRun: true })
    if (options.dryRun === true) return report(context, plan)
    if (plan.dropped > 1 && !process.stdin.isTTY) throw unsure(plan)
  }
  return report(context, await client.drop(folder.id, { ...body, dryRun: false }))
}

function unsure({ dropped, bytes }: DroppedDocument): BackerError {
  const what = `${formatNumberOf(dropped, 'file')} (${formatBytes(bytes)})`
  return new BackerError('USAGE', `dropping ${what} needs --yes where there is no terminal`, {
    hint: 'See what would be dropped with --dry-run. backer get brings it back.'
  })
}

function report({ printer }: Context, document: DroppedDocument): ExitCode {
  const { dropped, bytes, unchanged, sample, keptCount, kept, dryRun } = document
  const code = keptCount > 0 ? EXIT.incomplete : EXIT.done
  if (printer.json) {
    printer.document(document)
    return code
  }
  const verb = dryRun ? 'would be dropped' : 'dropped'
  const before = unchanged > 0 ? `, ${formatCount(unchanged)} before` : ''
  printer.result(`${formatNumberOf(dropped, 'file')} (${formatBytes(bytes)}) ${verb}${before}`)
  if (dryRun) printer.result(...sample.map(path => `  ${path}`))
  if (dryRun && dropped > sample.length) printer.result(`  and ${dropped - sample.length} more`)
  if (!dryRun && dropped > 0) printer.note('They are still a part of the folder: backer get brings them back.')
  for (const { path, message } of kept) printer.note(`${path} stays: ${message}`)
  if (keptCount > kept.length) printer.note(`and ${formatCount(keptCount - kept.length)} more stay`)
  return code
}
