import { SCHEMA, type DeviceDocument, type FolderDocument, type PeerDocument } from '../../daemon/document.js'
import type { CopiesStatus, HeldDeletes, Lacking } from '../../folder/status.js'
import { openHome } from '../../home/home.js'
import { isBackerError } from '../../core/error.js'
import { formatAge } from '../../daemon/moment.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatBytes, formatNumberOf, formatProgress, formatTable } from '../format.js'
import { selectFolders } from '../select.js'
import { catchStop, pause } from '../signals.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'
import { FOLDER } from '../options.js'

const WATCH_INTERVAL_MS = 1000
const PROBLEMS_SHOWN = 20
const LACKS_SHOWN = 5

const STATES = {
  starting: 'starting',
  scanning: 'scanning',
  syncing: 'syncing',
  'in-sync': 'in sync',
  ahead: 'others are behind',
  held: 'DELETES HELD',
  alone: 'no other device connected',
  stopped: 'STOPPED'
} as const

interface StatusOptions {
  readonly watch?: boolean
}

export const declare: Declare = (program, act) => {
  program
    .command('status')
    .description('shows what each folder is doing, its problems and its peers')
    .argument('[FOLDER]', FOLDER)
    .option('--watch', 'goes on showing it until Ctrl-C')
    .action((folder: string | undefined, options: StatusOptions) => act(context => status(context, folder, options)))
}

/** `backer status [FOLDER]`: the truth about each folder, now or, with `--watch`, every second. */
async function status(context: Context, choice: string | undefined, options: StatusOptions): Promise<ExitCode> {
  await wake(context)
  if (options.watch !== true) {
    await show(context, choice, lines => context.printer.result(...lines))
    return EXIT.done
  }
  const stop = catchStop()
  const { printer } = context
  let shown = ''
  while (!stop.signal.aborted) {
    await show(context, choice, lines => {
      const text = lines.join('\n')
      if (printer.isTerminal) printer.screen(lines)
      else if (text !== shown) printer.result(...lines)
      shown = text
    })
    await pause(WATCH_INTERVAL_MS, stop.signal)
  }
  stop.release()
  return EXIT.interrupted
}

/** `backer` alone: the status where folders are known; false where none are. */
export async function statusOrNothing(context: Context): Promise<boolean> {
  const known = await openHome(context.config.home).folders()
  if (known.length === 0) return false
  try {
    await wake(context)
    await show(context, undefined, lines => context.printer.result(...lines))
  } catch (error) {
    if (!isBackerError(error, 'NOT_RUNNING')) throw error
    if (context.printer.json)
      context.printer.document({ schema: SCHEMA, folders: known.map(({ id, path, name }) => ({ id, path, name })) })
    else context.printer.result(...formatTable(known.map(({ name, path }) => [name, 'not running', path])))
    context.printer.note('', `Start one with  backer share ${known[0]?.path ?? 'DIR'}`)
  }
  return true
}

async function show(
  { client, printer, process }: Context,
  choice: string | undefined,
  print: (lines: readonly string[]) => void
): Promise<void> {
  const running = await client.status()
  const folders = await selectFolders(running.folders, choice, process.cwd())
  if (printer.json) printer.document({ ...running, folders })
  else print([...(running.notices ?? []).map(({ message }) => `! ${message}`), ...folders.flatMap(describe)])
}

/** One folder, its peers and its problems. */
export function describe(folder: FolderDocument): string[] {
  const {
    name,
    path,
    state,
    files,
    bytes,
    peers,
    problems,
    problemCount,
    error,
    progress,
    heldDeletes,
    paused,
    verify,
    role,
    drift,
    copies
  } = folder
  const away = (folder.devices ?? []).filter(({ connected }) => !connected)
  const size = `${formatNumberOf(files, 'file')}, ${formatBytes(bytes)}`
  return [
    `${name}  ${paused === true ? 'PAUSED' : STATES[state]}  ${size}  ${path}`,
    ...(error === undefined ? [] : [`  ${error.message}`, ...(error.hint === undefined ? [] : [`  ${error.hint}`])]),
    ...(heldDeletes === undefined ? [] : [`  ${describeHeldDeletes(heldDeletes)}`]),
    ...(role === undefined || role === 'mirror' ? [] : [`  ${role}`]),
    ...(drift === undefined ? [] : [`  ${formatNumberOf(drift.count, 'item')} changed here by hand: backer drift`]),
    ...(copies === undefined ? [] : describeCopies(copies)),
    ...(verify?.running === true ? [`  verifying: ${formatNumberOf(verify.files, 'file')} read`] : []),
    ...(verify !== undefined && verify.damaged > 0
      ? [`  ${formatNumberOf(verify.damaged, 'file')} damaged: backer verify --show`]
      : []),
    ...(progress.filesTotal > 0 ? [`  ${formatProgress(progress)}`] : []),
    ...formatTable([...peers.map(describePeer), ...away.map(describeAway)]).map(line => `  ${line}`),
    ...(folder.lacking ?? []).flatMap(lack => describeLack(lack, nameIn(folder, lack.device))),
    ...(problemCount > 0 ? [`  ${formatNumberOf(problemCount, 'problem')}:`] : []),
    ...problems
      .slice(0, PROBLEMS_SHOWN)
      .map(problem => `    ${problem.path === undefined ? '' : `${problem.path}: `}${problem.message}`),
    ...(problemCount > PROBLEMS_SHOWN ? [`    and ${problemCount - PROBLEMS_SHOWN} more: backer status --json`] : [])
  ]
}

/** What another device does not have, and why. */
function describeLack({ files, bytes, items }: Lacking, name: string): string[] {
  const size = files === 0 ? 'some items' : `${formatNumberOf(files, 'file')} (${formatBytes(bytes)})`
  const more = files - Math.min(items.length, LACKS_SHOWN)
  return [
    `  ${name} does not have ${size}:`,
    ...items.slice(0, LACKS_SHOWN).map(({ path, message }) => `    ${path}: ${message}`),
    ...(more > 0 ? [`    and ${more} more`] : [])
  ]
}

function nameIn({ peers, devices = [] }: FolderDocument, id: string): string {
  return [...peers, ...devices].find(({ device }) => device === id)?.name ?? id.slice(0, 8)
}

function describeCopies({ onlyHere, dropped, counts, current }: CopiesStatus): string[] {
  const told = ({ files, bytes }: CopiesStatus['dropped'], what: string): string[] => {
    if (files === 0) return []
    return [`  ${formatNumberOf(files, 'file')} (${formatBytes(bytes)}) ${files === 1 ? 'exists' : 'exist'} ${what}`]
  }
  // While others catch up, or tell for the first time what they have, it is not known.
  const nowhere = current ? (counts[0] ?? 0) : 0
  return [
    ...(current ? told(onlyHere, 'only here') : []),
    ...told(dropped, 'on other devices only: backer get'),
    ...(nowhere > 0 ? [`  ${formatNumberOf(nowhere, 'file')} on no device that is known: is one missing?`] : [])
  ]
}

function describeHeldDeletes({ local, remote, restoring }: HeldDeletes): string {
  if (local + remote === 0) return `${formatNumberOf(restoring, 'item')} to come back after a rejected delete`
  const parts = [
    ...(local > 0 ? [`${formatNumberOf(local, 'item')} gone from this device`] : []),
    ...(remote > 0 ? [`${formatNumberOf(remote, 'item')} deleted by others`] : [])
  ]
  return `HELD: ${parts.join(', ')}: backer deletes accept, or reject`
}

/** A device that is not connected, as cells of the same table. */
export function describeAway({ name, device, lastSeen, alarm, heldSame }: DeviceDocument): string[] {
  const since = `last seen ${formatAge(Date.now() - Date.parse(lastSeen))} ago`
  const held = heldSame === undefined ? '' : heldSame ? 'held the same' : 'held less, or something else'
  return [name, device.slice(0, 8), alarm === true ? 'OFFLINE' : 'offline', '', '', since, held]
}

/** A peer as cells of a table. */
export function describePeer({ name, device, route, roundTripMs, inSync, role, connectedAt }: PeerDocument): string[] {
  const trip = roundTripMs === undefined ? '' : `${roundTripMs.toFixed(1)} ms`
  const access = role === 'reader' ? 'reads only' : ''
  return [
    name,
    device.slice(0, 8),
    inSync ? 'in sync' : 'behind',
    route,
    trip,
    `for ${formatAge(Date.now() - Date.parse(connectedAt))}`,
    access
  ]
}
