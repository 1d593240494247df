import { resolve } from 'node:path'
import type { RestoredDocument } from '../../daemon/document.js'
import { ask } from '../confirm.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatCount, formatNumberOf } from '../format.js'
import { selectPaths } from '../select-path.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'

/** How many of the paths are shown before it is asked. */
const SAMPLE = 5

interface RestoreOptions {
  readonly revision?: string
  readonly at?: string
  readonly to?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export const declare: Declare = (program, act) => {
  program
    .command('restore')
    .description('brings back what was replaced or deleted; what stands there now is kept as well')
    .argument('<PATH...>', 'files and directories as they were called; the folder itself: all of it')
    .option('--revision <ID>', 'that version: see backer revisions PATH; default: the latest')
    .option('--at <TIME>', 'as it was then: 2026-01-31T18:00, "2 hours ago", or the id of a snapshot')
    .option('--to <DIR>', 'puts it there, and changes nothing in the folder')
    .option('--dry-run', 'only shows what would be done')
    .option('--yes', 'does not ask')
    .action((paths: string[], options: RestoreOptions) => act(context => restore(context, paths, options)))
}

/**
 * `backer restore PATH…`: brings kept versions back, into the folder or, with `--to`, beside it. Gives `incomplete` where some could not be
 * had. Throws NO_VERSION, NO_FOLDER, and USAGE where it needs `--yes`.
 */
async function restore(context: Context, words: readonly string[], options: RestoreOptions): Promise<ExitCode> {
  await wake(context)
  const { client, process } = context
  const { folders } = await client.status()
  const { folder, paths } = await selectPaths(folders, words, process.cwd())
  const { revision, at, to } = options
  const body = {
    paths,
    ...(revision === undefined ? {} : { revision }),
    ...(at === undefined ? {} : { at }),
    ...(to === undefined ? {} : { to: resolve(process.cwd(), to) })
  }
  if (options.dryRun === true || (to === undefined && options.yes !== true)) {
    const plan = await client.restore(folder.id, { ...body, dryRun: true })
    if (options.dryRun === true) return report(context, plan)
    if (plan.restored > 1 && !(await isMeant(context, plan))) return EXIT.error
  }
  return report(context, await client.restore(folder.id, { ...body, dryRun: false }))
}

/** Shows what it is about, and asks. Throws USAGE where nobody can be asked. */
function isMeant(context: Context, { restored, bytes, sample }: RestoredDocument): Promise<boolean> {
  const count = formatNumberOf(restored, 'item')
  context.printer.note(
    `${count} (${formatBytes(bytes)}) would be restored:`,
    ...sample.slice(0, SAMPLE).map(path => `  ${path}`),
    ...(restored > SAMPLE ? [`  and ${formatCount(restored - SAMPLE)} more`] : [])
  )
  return ask(context, {
    what: `restoring ${count}`,
    question: 'What stands there now is kept as revisions. Go on? [y/N] ',
    hint: 'See what would change with --dry-run. What stands there now would be kept as revisions.'
  })
}

function report({ printer }: Context, document: RestoredDocument): ExitCode {
  const { restored, unchanged, bytes, failed, failedCount, sample, dryRun, snapshot } = document
  const code = failedCount > 0 ? EXIT.incomplete : EXIT.done
  if (printer.json) {
    printer.document(document)
    return code
  }
  const verb = dryRun ? 'would be restored' : 'restored'
  if (snapshot !== undefined) printer.note(`As of ${snapshot.at}: snapshot ${snapshot.id}.`)
  printer.result(
    `${formatNumberOf(restored, 'item')} (${formatBytes(bytes)}) ${verb}, ${formatCount(unchanged)} as they were`
  )
  if (dryRun) printer.result(...sample.map(path => `  ${path}`))
  if (dryRun && restored > sample.length) printer.result(`  and ${restored - sample.length} more`)
  if (!dryRun && restored > 0) printer.note('What stood there before is kept: see backer revisions.')
  for (const { path, message } of failed) printer.note(`${path}: ${message}`)
  if (failedCount > failed.length)
    printer.note(`and ${formatCount(failedCount - failed.length)} more could not be restored`)
  return code
}
