import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { BackerError } from '../../core/error.js'
import { SCHEMA } from '../../daemon/document.js'
import { systemCode } from '../../home/private-file.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatNumberOf } from '../format.js'
import { FOLDER } from '../options.js'
import { selectFolder } from '../select.js'
import { selectPaths } from '../select-path.js'
import { wake } from '../start.js'

interface AddOptions {
  readonly folder?: string
  readonly dryRun?: boolean
}

const SAMPLE = 5

export const declare: Declare = (program, act) => {
  const ignore = program
    .command('ignore')
    .description("shows or changes what is not synced: .backerignore, in gitignore's syntax, which is itself synced")
  ignore
    .command('show', { isDefault: true })
    .description('prints the patterns of a folder')
    .argument('[FOLDER]', FOLDER)
    .action((folder: string | undefined) => act(context => show(context, folder)))
  ignore
    .command('add')
    .description('adds a pattern; what it hits stays on each device, and is no longer synced')
    .argument('<PATTERN>', 'such as *.iso, or build/ for directories of that name')
    .option('--folder <FOLDER>', FOLDER)
    .option('--dry-run', 'only shows what it would hit')
    .action((pattern: string, options: AddOptions) => act(context => add(context, pattern, options)))
  ignore
    .command('check')
    .description('says whether a path is synced: exit code 0 where it is ignored, 1 where it is not')
    .argument('<PATH>', 'a file or directory, which need not be there; with / at its end: a directory')
    .action((path: string) => act(context => check(context, path)))
}

/** `backer ignore [FOLDER]`. */
async function show(context: Context, choice: string | undefined): Promise<ExitCode> {
  const { client, printer, process } = context
  await wake(context)
  const folder = await selectFolder((await client.status()).folders, choice, process.cwd())
  const text = await client.ignoreText(folder.id)
  const { count, problems } = await client.previewIgnore(folder.id, text)
  if (printer.json) {
    printer.document({ schema: SCHEMA, folder: folder.id, text, waiting: count, problems })
    return EXIT.done
  }
  const lines = text.split(/\r?\n/)
  printer.result(...(lines.at(-1) === '' ? lines.slice(0, -1) : lines))
  if (text === '')
    printer.note(
      `${folder.name} has no patterns of its own; what programs leave behind for themselves is never synced.`
    )
  printer.note(...problems)
  return EXIT.done
}

/** `backer ignore add PATTERN`. Throws USAGE for a pattern that can't be used, BUSY where the file has just changed. */
async function add(context: Context, pattern: string, { folder: choice, dryRun }: AddOptions): Promise<ExitCode> {
  const { client, printer, process } = context
  if (/[\r\n]/.test(pattern)) throw new BackerError('USAGE', 'a pattern is one line')
  await wake(context)
  const folder = await selectFolder((await client.status()).folders, choice, process.cwd())
  const before = await client.ignoreText(folder.id)
  const text = `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${pattern}\n`
  const { count, sample, problems } = await client.previewIgnore(folder.id, text)
  const own = (await client.previewIgnore(folder.id, before)).problems
  const refused = problems.find(problem => !own.includes(problem))
  if (refused !== undefined) throw new BackerError('USAGE', refused)
  if (dryRun !== true) await client.setIgnoreText(folder.id, text, before)
  if (printer.json) {
    printer.document({
      schema: SCHEMA,
      folder: folder.id,
      pattern,
      added: dryRun !== true,
      count,
      sample: sample.slice(0, SAMPLE)
    })
    return EXIT.done
  }
  printer.note(
    `${formatNumberOf(count, 'item')} ${dryRun === true ? 'would no longer be' : 'are no longer'} synced; they stay where they are.`,
    ...sample.slice(0, SAMPLE).map(path => `  ${path}`),
    ...(count > SAMPLE ? [`  and ${count - Math.min(SAMPLE, sample.length)} more`] : [])
  )
  return EXIT.done
}

/** `backer ignore check PATH`: `done` where it is ignored, `error` where it is not, as `git check-ignore` does. */
async function check(context: Context, word: string): Promise<ExitCode> {
  const { client, printer, process } = context
  await wake(context)
  const { folder, paths } = await selectPaths((await client.status()).folders, [word], process.cwd())
  const [path = ''] = paths
  const directory = word.endsWith('/') || (await isDirectoryItself(join(folder.path, path)))
  const found = await client.checkIgnore(folder.id, path, directory)
  if (printer.json) printer.document(found)
  else if (!found.ignored) printer.result(`${path} is synced`)
  else
    printer.result(
      found.pattern === undefined
        ? `${path} is ignored, as what it lies in`
        : `${path} is ignored because of ${found.pattern}`
    )
  return found.ignored ? EXIT.done : EXIT.error
}

async function isDirectoryItself(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory()
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false
    throw error
  }
}
