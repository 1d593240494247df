import { BackerError } from '../../core/error.js'
import type { DriftDocument } from '../../daemon/document.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatNumberOf } from '../format.js'
import { selectFolder } from '../select.js'
import { wake } from '../start.js'

interface DriftOptions {
  readonly revert?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export const declare: Declare = (program, act) => {
  program
    .command('drift')
    .description('shows what was changed by hand on a device that only reads or receives, and undoes it')
    .argument('[FOLDER]', 'its path, its name or the start of its id; may be left out inside it')
    .option('--revert', 'has everything stand as the other devices have it; what stands there now is kept as a version')
    .option('--dry-run', 'with --revert: only shows what would be done')
    .option('--yes', 'does not ask')
    .action((folder: string | undefined, options: DriftOptions) => act(context => drift(context, folder, options)))
}

/** `backer drift [FOLDER]`. Gives `incomplete` where something could not be undone. Throws NO_FOLDER, NO_PEER, and USAGE where it needs `--yes`. */
async function drift(context: Context, choice: string | undefined, options: DriftOptions): Promise<ExitCode> {
  await wake(context)
  const { client, process } = context
  const { folders } = await client.status()
  const { id } = await selectFolder(folders, choice, process.cwd())
  if (options.revert !== true) return report(context, await client.drift(id))
  const plan = await client.revertDrift(id, { dryRun: true })
  if (options.dryRun === true) return report(context, plan)
  if (plan.count > 1 && options.yes !== true && !process.stdin.isTTY)
    throw new BackerError(
      'USAGE',
      `undoing ${formatNumberOf(plan.count, 'change')} needs --yes where there is no terminal`,
      {
        hint: 'See what it is about with --dry-run. What stands there now would be kept as versions.'
      }
    )
  return report(context, await client.revertDrift(id, { dryRun: false }))
}

function report({ printer }: Context, document: DriftDocument): ExitCode {
  const { count, sample, reverted, failed = [] } = document
  const code = failed.length > 0 ? EXIT.incomplete : EXIT.done
  if (printer.json) {
    printer.document(document)
    return code
  }
  if (reverted !== undefined) printer.note(`${formatNumberOf(reverted, 'item')} as the other devices have them again.`)
  printer.result(...sample, ...failed.map(({ path, message }) => `${path}: ${message}`))
  if (count === 0 && reverted === undefined) printer.note('Nothing was changed by hand.')
  else if (count > sample.length) printer.note(`and ${count - sample.length} more`)
  return code
}
