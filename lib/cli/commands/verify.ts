import { InvalidArgumentError } from 'commander'
import { BackerError } from '../../core/error.js'
import { SCHEMA, type FolderDocument, type VerifiedDocument, type VerifyDocument } from '../../daemon/document.js'
import type { Declare } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatNumberOf } from '../format.js'
import { FOLDER, rate, seconds } from '../options.js'
import { selectFolder, selectFolders } from '../select.js'
import { selectPaths } from '../select-path.js'
import { wake } from '../start.js'

interface VerifyOptions {
  /** A share: over 0, up to 1. */
  readonly sample?: number
  /** Seconds. */
  readonly maxTime?: number
  readonly anew?: boolean
  readonly show?: boolean
  readonly every?: number
  readonly rate?: number
  readonly pause?: boolean
  readonly resume?: boolean
  readonly accept?: readonly string[]
}

export const declare: Declare = (program, act) => {
  program
    .command('verify')
    .description('reads all files again, tells damage from edits, and mends what is damaged from other devices')
    .argument('[FOLDER]', FOLDER)
    .option('--sample <SHARE>', 'reads only that share of the files, chosen at random, such as 5%', share)
    .option('--max-time <SECONDS>', 'ends after that time; the next one goes on from there', seconds)
    .option('--anew', 'begins with the first file although an earlier one was cut off')
    .option('--show', 'reads nothing: shows what is damaged, and what was put aside')
    .option('--every <DAYS>', 'how often everything is read by itself; 0: never. Default: 30', days)
    .option('--rate <RATE>', 'how fast everything is read by itself, such as 8M', rate)
    .option('--pause', 'nothing is read by itself until --resume')
    .option('--resume', 'goes on')
    .option('--accept <PATH...>', 'takes these damaged files as they are: they become new versions')
    .action((folder: string | undefined, options: VerifyOptions) => act(context => verify(context, folder, options)))
}

/**
 * `backer verify [FOLDER]`: 0 where all that was read is sound or has been mended, `incomplete` where something is damaged still or could not be
 * read. Throws NO_FOLDER, NO_PATH, BUSY where one runs already, and USAGE.
 */
async function verify(context: Context, choice: string | undefined, options: VerifyOptions): Promise<ExitCode> {
  await wake(context)
  const { client, process } = context
  const { folders } = await client.status()
  if (options.accept !== undefined) return accept(context, folders, options.accept)
  const settings = settingsOf(options)
  if (settings !== undefined) {
    const folder = await selectFolder(folders, choice, process.cwd())
    return show(context, [{ folder, document: await client.setVerify(folder.id, settings) }])
  }
  const selected = await selectFolders(folders, choice, process.cwd())
  if (selected.length === 0) throw new BackerError('NO_FOLDER', 'there is no folder to verify')
  if (options.show === true) {
    const shown = []
    for (const folder of selected) shown.push({ folder, document: await client.verifyStatus(folder.id) })
    return show(context, shown)
  }
  const body = {
    ...(options.sample === undefined ? {} : { sample: options.sample }),
    ...(options.maxTime === undefined ? {} : { maxSeconds: options.maxTime }),
    isAnew: options.anew === true
  }
  const reports = []
  for (const folder of selected) reports.push({ folder, document: await client.verify(folder.id, body) })
  return report(context, reports)
}

function settingsOf({ every, rate: bytesPerSecond, pause, resume }: VerifyOptions): object | undefined {
  const settings = {
    ...(every === undefined ? {} : { everyDays: every }),
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    ...(pause === true ? { isPaused: true } : {}),
    ...(resume === true ? { isPaused: false } : {})
  }
  return Object.keys(settings).length === 0 ? undefined : settings
}

async function accept(
  context: Context,
  folders: readonly FolderDocument[],
  words: readonly string[]
): Promise<ExitCode> {
  const { folder, paths } = await selectPaths(folders, words, context.process.cwd())
  const document = await context.client.acceptDamage(folder.id, paths)
  if (context.printer.json) context.printer.document(document)
  else context.printer.note(`${formatNumberOf(paths.length, 'file')} taken as they are.`)
  return EXIT.done
}

interface Told<Document> {
  readonly folder: FolderDocument
  readonly document: Document
}

function report({ printer }: Context, told: readonly Told<VerifiedDocument>[]): ExitCode {
  const isWrong = ({ document }: Told<VerifiedDocument>): boolean =>
    document.unmended + document.unreadable > 0 || document.history.damaged > document.history.mended
  const code = told.some(isWrong) ? EXIT.incomplete : EXIT.done
  if (printer.json) {
    const folders = told.map(({ folder, document }) => ({ id: folder.id, path: folder.path, ...document }))
    printer.document({ schema: SCHEMA, type: 'summary', folders })
  } else for (const { folder, document } of told) printer.result(...describeReport(folder.name, document))
  return code
}

function describeReport(name: string, document: VerifiedDocument): string[] {
  const { files, bytes, damaged, mended, unmended, edited, unreadable, history, sample, from, next } = document
  const lost = history.damaged - history.mended
  return [
    `${name}: ${formatNumberOf(files, 'file')} read, ${formatBytes(bytes)}${from === undefined ? '' : `, from behind ${from} on`}`,
    damaged === 0
      ? '  none is damaged'
      : `  ${formatNumberOf(damaged, 'file')} damaged: ${mended} mended, ${unmended} not`,
    ...sample.map(({ path, reason }) => `    ${path}${reason === undefined ? '  mended' : `  ${reason}`}`),
    ...(damaged > sample.length ? [`    and ${damaged - sample.length} more: backer verify --show --json`] : []),
    ...(edited > 0 ? [`  ${formatNumberOf(edited, 'file')} changed meanwhile: they are scanned again`] : []),
    ...(unreadable > 0 ? [`  ${formatNumberOf(unreadable, 'file')} could not be read: see backer status`] : []),
    ...(history.damaged > 0
      ? [`  ${history.damaged} parts of kept versions damaged: ${history.mended} mended, ${lost} not`]
      : []),
    ...(next === undefined ? [] : [`  cut off behind ${next}: the next backer verify goes on there`])
  ]
}

function show({ printer }: Context, told: readonly Told<VerifyDocument>[]): ExitCode {
  const code = told.some(({ document }) => document.damaged > 0) ? EXIT.incomplete : EXIT.done
  if (printer.json)
    printer.document({ schema: SCHEMA, folders: told.map(({ folder, document }) => ({ id: folder.id, ...document })) })
  else for (const { folder, document } of told) printer.result(...describeStatus(folder, document))
  return code
}

function describeStatus({ name, path }: FolderDocument, document: VerifyDocument): string[] {
  const { everyDays, bytesPerSecond, isPaused, running, files, damaged, sample, lastEnded, putAside } = document
  const schedule =
    everyDays === 0
      ? 'only when it is asked for'
      : `every ${formatNumberOf(everyDays, 'day')}, ${formatBytes(bytesPerSecond)}/s`
  return [
    `${name}: everything is read ${schedule}${isPaused ? ', paused' : ''}`,
    running ? `  reading: ${formatNumberOf(files, 'file')} so far` : `  last read through: ${lastEnded ?? 'never'}`,
    damaged === 0 ? '  no file is known to be damaged' : `  ${formatNumberOf(damaged, 'file')} damaged:`,
    ...sample.map(one => `    ${one}`),
    ...(putAside.count > 0 ? [`  ${putAside.count} damaged files put aside in ${path}/.backer/damaged:`] : []),
    ...putAside.files.map(({ path: was, storedAt, at }) => `    ${was}  ${at}  ${storedAt}`)
  ]
}

function share(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(%?)$/.exec(text)
  const value = Number(found?.[1]) / (found?.[2] === '%' ? 100 : 1)
  if (found === null || !(value > 0 && value <= 1))
    throw new InvalidArgumentError('It is a share of the files, such as 5% or 0.05.')
  return value
}

function days(text: string): number {
  if (!/^\d{1,4}(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It is a number of days, from 0 to 9999.')
  return Number(text)
}
