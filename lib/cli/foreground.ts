import { BackerError, isBackerError } from '../core/error.js'
import { parseKey } from '../core/model/key-text.js'
import { checkDirectory } from '../daemon/directory.js'
import { SCHEMA, type AddedDocument, type DaemonEvent, type FolderDocument } from '../daemon/document.js'
import type { FolderRequest } from '../daemon/host.js'
import type { Daemon } from '../daemon/daemon.js'
import { openHome } from '../home/home.js'
import { EventPrinter } from './event-printer.js'
import { EXIT, type ExitCode } from './exit.js'
import type { Context } from './context.js'
import { aborted, catchStop, pause } from './signals.js'
import { ensureRunning } from './start.js'

/** How long closing may take before the process ends anyway. */
const CLOSE_DEADLINE_MS = 10_000
/** How long nobody may be there until it is said. */
const LONELY_MS = 10_000

/** A folder to run in this process, or in the one that runs already. */
export interface Job {
  readonly request: FolderRequest
  /** Says what was made, for people; documents are written here. */
  readonly announce: (folder: AddedDocument) => Promise<void> | void
  /** Stays in this process until a signal comes, instead of handing the folder to the background. */
  readonly stays: boolean
  /** What to wait for in this process. */
  readonly until?: (look: () => Promise<FolderDocument>, signal: AbortSignal) => Promise<ExitCode>
}

/**
 * Has a folder run: by the background process, which is started where there is none (0, at once); in this one until `until` is done (what it
 * gives); or, where the job stays, in this one until a signal comes (0). Another process that runs this home takes it over in any case.
 */
export async function runFolder(context: Context, job: Job): Promise<ExitCode> {
  await checkRequest(context, job.request)
  if (!job.stays && job.until === undefined) return handToBackground(context, job)
  const stop = catchStop()
  try {
    const { Daemon } = await import('../daemon/daemon.js')
    const daemon = await Daemon.open(context.config).catch((error: unknown) => {
      if (isBackerError(error, 'LOCKED')) return error
      throw error
    })
    return isBackerError(daemon)
      ? await handOver(context, job, daemon, stop.signal)
      : await host(context, job, daemon, stop.signal)
  } finally {
    stop.release()
  }
}

/** Runs all folders of this home in this process until a signal comes (0). Throws LOCKED where another one does. */
export async function runAll(context: Context): Promise<ExitCode> {
  const stop = catchStop()
  try {
    const { Daemon } = await import('../daemon/daemon.js')
    const daemon = await Daemon.open(context.config)
    return await whileListening(context, daemon, async () => {
      await daemon.openKnown()
      context.printer.note('Running; Ctrl-C ends it.')
      await aborted(stop.signal)
      return EXIT.done
    })
  } finally {
    stop.release()
  }
}

async function handToBackground(context: Context, job: Job): Promise<ExitCode> {
  await ensureRunning(context)
  await announce(context, job, await context.client.add(job.request))
  context.printer.note('It is kept in sync in the background. See backer status; backer stop ends it.')
  return EXIT.done
}

/** Finds what is wrong before anything is made, anywhere. */
async function checkRequest({ config }: Context, { directory, key, createDirectory }: FolderRequest): Promise<void> {
  if (key !== undefined && parseKey(key).kind === 'store') throw storeKey()
  const known = await openHome(config.home).folders()
  await checkDirectory({
    directory,
    mayBeMissing: createDirectory,
    home: config.home,
    others: known.map(folder => folder.path)
  })
}

function host(context: Context, job: Job, daemon: Daemon, signal: AbortSignal): Promise<ExitCode> {
  return whileListening(context, daemon, async () => {
    const folder = await daemon.add(job.request)
    await announce(context, job, folder.added())
    if (job.until !== undefined) return job.until(() => Promise.resolve(folder.document()), signal)
    await daemon.openKnown()
    const isAlone = (): boolean =>
      daemon.folders.some(one => one === folder && !one.isPaused && one.status().peers.length === 0)
    void sayWhenLonely(context, isAlone, signal)
    await aborted(signal)
    context.printer.note('Stopping.')
    return EXIT.done
  })
}

/** Does `work` while what happens is told, then ends the daemon. */
async function whileListening({ printer }: Context, daemon: Daemon, work: () => Promise<ExitCode>): Promise<ExitCode> {
  const events = new EventPrinter(printer)
  const tell = (event: DaemonEvent): void => events.print(event)
  daemon.on('event', tell)
  try {
    return await work()
  } finally {
    // That everybody leaves now is no news.
    daemon.off('event', tell)
    printer.hideProgress()
    const deadline = new AbortController()
    await Promise.race([daemon.close(), pause(CLOSE_DEADLINE_MS, deadline.signal)])
    deadline.abort()
  }
}

async function handOver(context: Context, job: Job, locked: BackerError, signal: AbortSignal): Promise<ExitCode> {
  const { client, printer } = context
  let added: AddedDocument
  try {
    added = await client.add(job.request)
  } catch (error) {
    // Somebody holds the home and does not answer: what is in the way is the lock.
    throw isBackerError(error, 'NOT_RUNNING') || isBackerError(error, 'TIMEOUT') ? locked : error
  }
  await announce(context, job, added)
  if (job.until !== undefined) return job.until(() => client.folder(added.id), signal)
  printer.note('The backer that is running already has taken the folder over.')
  return EXIT.done
}

async function announce({ printer }: Context, job: Job, folder: AddedDocument): Promise<void> {
  if (printer.json) printer.document({ type: 'ready', ...folder, schema: SCHEMA })
  else await job.announce(folder)
}

async function sayWhenLonely({ printer }: Context, isAlone: () => boolean, signal: AbortSignal): Promise<void> {
  await pause(LONELY_MS, signal)
  if (signal.aborted || !isAlone()) return
  printer.note(
    'No other device of this folder is online yet. Leave this running, or press Ctrl-C: the folder is remembered.'
  )
}

function storeKey(): BackerError {
  return new BackerError('KEY_KIND', 'that is a store key: a folder is joined with its write key or its read key', {
    hint: 'On a device that has the folder, backer key or backer key --read-only prints one.'
  })
}
