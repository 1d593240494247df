import { BackerError, isBackerError } from '../../core/error.js'
import { SCHEMA, type FolderDocument, type WaitDocument } from '../../daemon/document.js'
import { waitsForSpace } from '../../daemon/wait.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { formatNumberOf } from '../format.js'
import { selectFolders } from '../select.js'
import { pause } from '../signals.js'
import { wake } from '../start.js'
import type { Declare } from '../command.js'
import { FOLDER, count, seconds } from '../options.js'

/** Longest single question: the API's own bound is a minute. */
const QUESTION_SECONDS_MAX = 50
/** How long a process that has just been started may take until it answers and has opened its folder. */
const START_GRACE_MS = 5000
/** How long a process that answers already may take until it has opened its first folder. */
const OPENING_GRACE_MS = 20_000
const START_LOOK_MS = 50

interface WaitOptions {
  /** Default: 1, and 0 where copies are asked for. */
  readonly peers?: number
  readonly copies: number
  /** Seconds; 0: for ever. */
  readonly timeout: number
}

const WAIT_SECONDS = 600

export const declare: Declare = (program, act) => {
  program
    .command('wait')
    .description('waits until this device and others hold the same and nothing is pending')
    .argument('[FOLDER]', FOLDER)
    .option('--peers <N>', 'how many other connected devices (default: 1); 0: just this one, scanned and idle', count)
    .option('--copies <N>', 'on how many devices each file must lie, this one included; --peers is 0 then', count, 0)
    .option('--timeout <SECONDS>', 'gives up after that time, with exit code 4; 0: never', seconds, WAIT_SECONDS)
    .action((folder: string | undefined, options: WaitOptions) => act(context => wait(context, folder, options)))
}

/** `backer wait [FOLDER]`: 0 once enough connected peers hold the same as this device and nothing is pending. Throws TIMEOUT, HELD, or what stopped the folder. */
async function wait(context: Context, choice: string | undefined, options: WaitOptions): Promise<ExitCode> {
  const deadline = options.timeout === 0 ? Number.POSITIVE_INFINITY : Date.now() + options.timeout * 1000
  const folders = await findFolders(context, choice, deadline)
  const { copies, peers = copies > 0 ? 0 : 1 } = options
  const answers: FolderDocument[] = []
  for (const folder of folders) answers.push(await waitForOne(context, folder.id, { peers, copies }, deadline))
  if (context.printer.json) context.printer.document({ schema: SCHEMA, insync: true, folders: answers })
  else
    context.printer.note(
      ...answers.map(folder => `${folder.name} is in sync: ${formatNumberOf(folder.files, 'file')}.`)
    )
  return EXIT.done
}

/** The folders that are meant. A process that is only just starting is waited for. */
async function findFolders(
  context: Context,
  choice: string | undefined,
  deadline: number
): Promise<readonly FolderDocument[]> {
  const begin = Date.now()
  let graceMs = START_GRACE_MS
  let hasWoken = false
  for (;;) {
    try {
      const { folders } = await context.client.status()
      graceMs = folders.length === 0 ? OPENING_GRACE_MS : START_GRACE_MS
      const selected = await selectFolders(folders, choice, context.process.cwd())
      if (selected.length === 0) throw new BackerError('NO_FOLDER', 'no folder runs')
      if (selected.every(folder => folder.state !== 'starting')) return selected
      if (Date.now() >= deadline) throw new BackerError('TIMEOUT', 'a folder is still being opened')
    } catch (error) {
      const mayCome = isBackerError(error, 'NOT_RUNNING') || isBackerError(error, 'NO_FOLDER')
      if (!mayCome) throw error
      if (Date.now() >= Math.min(deadline, begin + graceMs)) {
        // Not earlier: it would take the home from a process that is being started with --foreground.
        if (hasWoken || Date.now() >= deadline) throw error
        hasWoken = true
        await wake(context)
      }
    }
    await pause(START_LOOK_MS)
  }
}

interface Wanted {
  readonly peers: number
  readonly copies: number
}

async function waitForOne({ client }: Context, id: string, wanted: Wanted, deadline: number): Promise<FolderDocument> {
  let answer: WaitDocument
  let rescan = true
  do {
    const seconds = Math.max(0, Math.min(QUESTION_SECONDS_MAX, (deadline - Date.now()) / 1000))
    answer = await client.wait(id, { ...wanted, seconds, rescan })
    rescan = false
    const { done, folder } = answer
    if (done) return folder
    if (folder.state === 'held') throw heldBack(folder)
    if (waitsForSpace(folder)) throw diskFloor(folder)
    if (folder.error !== undefined) {
      const { code, message, hint } = folder.error
      throw new BackerError(code, message, hint === undefined ? {} : { hint })
    }
  } while (Date.now() < deadline)
  throw notInSync(answer.folder, wanted)
}

function heldBack(folder: FolderDocument): BackerError {
  return new BackerError('HELD', `${folder.name} holds deletes until you decide about them`, {
    hint: 'See them with backer deletes; then backer deletes accept, or reject.'
  })
}

function diskFloor({ name, path }: FolderDocument): BackerError {
  return new BackerError('DISK_FLOOR', `the disk of ${name} is too full for what other devices have`, {
    path,
    hint: 'Free some space: what waits comes by itself. See backer status.'
  })
}

function notInSync(folder: FolderDocument, { peers, copies }: Wanted): BackerError {
  const lacking = folder.copies?.counts.slice(0, copies).reduce((sum, count) => sum + count, 0) ?? 0
  if (folder.idle && copies > 0 && lacking > 0)
    return new BackerError(
      'TIMEOUT',
      `${formatNumberOf(lacking, 'file')} of ${folder.name} ${lacking === 1 ? 'lies' : 'lie'} on fewer than ${copies} devices`,
      { hint: 'See backer status.' }
    )
  const same = folder.peers.filter(peer => peer.inSync).length
  const connected = `${same} of ${folder.peers.length} connected`
  const what = folder.idle
    ? `${connected} devices hold the same, ${peers} were asked for`
    : `it is still ${folder.state}`
  return new BackerError('TIMEOUT', `${folder.name} is not in sync: ${what}`, { hint: 'See backer status.' })
}
