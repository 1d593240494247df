import { spawn, type ChildProcess } from 'node:child_process'
import { open, rename, type FileHandle } from 'node:fs/promises'
import { dirname, join, parse } from 'node:path'
import { execArgv, execPath } from 'node:process'
import { BackerError, isBackerError } from '../core/error.js'
import { openHome } from '../home/home.js'
import { lockHolder } from '../home/lock.js'
import { makePrivateDirectory, sizeIfThere } from '../home/private-file.js'
import type { Context } from './context.js'
import { isErrorCode } from './exit.js'
import { pause } from './signals.js'

/** What the process in the background has to say goes here, beside its state. */
const LOG_NAME = 'daemon.log'
const LOG_BYTES_MAX = 1024 * 1024
/** How much of its end is looked at for why a process did not start. */
const LAST_WORDS_BYTES = 16 * 1024
/** How long a process may take from its start to its first answer. */
const START_DEADLINE_MS = 20_000
/** How long a process that holds the home may take to answer. */
const ANSWER_DEADLINE_MS = 5000
const LOOK_MS = 20

/** Starts the background process for a question, where there are folders to ask about. `BACKER_NO_AUTOSTART=1`: does nothing. Throws as `ensureRunning` does. */
export async function wake(context: Context): Promise<void> {
  if (context.process.env['BACKER_NO_AUTOSTART'] === '1' || (await isAnswering(context))) return
  if ((await openHome(context.config.home).folders()).length > 0) await ensureRunning(context)
}

/**
 * Makes sure that a process runs this home, as `findOrStart` does. Throws what that throws, and NOT_RUNNING where `BACKER_NO_AUTOSTART=1`
 * keeps one from being started.
 */
export async function ensureRunning(context: Context): Promise<void> {
  const isForbidden = context.process.env['BACKER_NO_AUTOSTART'] === '1'
  if (!isForbidden || (await lockHolder(lockOf(context))) !== undefined) return findOrStart(context)
  throw new BackerError('NOT_RUNNING', 'backer is not running, and BACKER_NO_AUTOSTART=1 keeps it from being started', {
    hint: 'Start it with backer daemon, or stay with --foreground.'
  })
}

/**
 * Finds the process that runs this home, or starts one in the background and waits until it answers. Throws LOCKED where a process holds
 * the home and does not answer, and why the new one ended where it did: NOT_RUNNING where it did not say.
 */
export async function findOrStart(context: Context): Promise<void> {
  if (await isAnswering(context)) return
  const lock = lockOf(context)
  const holder = await lockHolder(lock)
  if (holder === undefined) return start(context)
  if (await answersWithin(context, ANSWER_DEADLINE_MS)) return
  throw new BackerError('LOCKED', `process ${holder} runs this home and does not answer`, {
    path: lock,
    hint: `Wait a moment, or end it: kill ${holder}`
  })
}

function lockOf({ config }: Context): string {
  return join(config.home, 'lock')
}

async function start(context: Context): Promise<void> {
  const log = await openLog(context.config.home)
  try {
    const { size } = await log.stat()
    const child = launch(context, log.fd)
    const gone = new AbortController()
    child.once('exit', () => gone.abort())
    child.once('error', () => gone.abort())
    if (await answersWithin(context, START_DEADLINE_MS, gone.signal)) return
    // Of two that were started at once, one gives way to the other.
    if (gone.signal.aborted && (await answersWithin(context, ANSWER_DEADLINE_MS))) return
    throw await lastWords(join(context.config.home, LOG_NAME), size)
  } finally {
    await log.close()
  }
}

/** Starts this same program, apart from this terminal and its directory, and without the secrets of this command. */
function launch({ process, config }: Context, logFd: number): ChildProcess {
  const [, program = ''] = process.argv
  const env = { ...process.env, BACKER_HOME: config.home }
  delete (env as Record<string, unknown>)['BACKER_KEY']
  const words = ['--json', '--quiet', 'daemon', '--foreground']
  const child = spawn(execPath, [...execArgv, program, ...words], {
    cwd: parse(config.home).root,
    env,
    detached: true,
    stdio: ['ignore', 'ignore', logFd]
  })
  child.unref()
  return child
}

/** Opens the log for adding to it, 0600; one that has grown too long is put aside first. */
async function openLog(home: string): Promise<FileHandle> {
  const file = join(home, LOG_NAME)
  await makePrivateDirectory(dirname(file))
  if ((await sizeIfThere(file)) > LOG_BYTES_MAX) await rename(file, `${file}.old`)
  return open(file, 'a', 0o600)
}

/** True once the process answers; false when the time is over or `gone` aborts. */
async function answersWithin(context: Context, deadlineMs: number, gone?: AbortSignal): Promise<boolean> {
  const end = Date.now() + deadlineMs
  while (Date.now() < end) {
    if (await isAnswering(context)) return true
    if (gone?.aborted === true) return false
    await pause(LOOK_MS, gone)
  }
  return false
}

async function isAnswering({ client }: Context): Promise<boolean> {
  try {
    await client.status()
    return true
  } catch (error) {
    if (isBackerError(error, 'NOT_RUNNING')) return false
    throw error
  }
}

/** Why the process that was started ended: the error that it wrote, or a pointer to its log. */
async function lastWords(file: string, from: number): Promise<BackerError> {
  const said = parseError(await readFrom(file, from))
  if (said !== undefined) return said
  return new BackerError('NOT_RUNNING', 'backer could not be started in the background', {
    path: file,
    hint: `What it said is in ${file}. To see it at work: backer daemon --foreground`
  })
}

async function readFrom(file: string, from: number): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const buffer = Buffer.alloc(LAST_WORDS_BYTES)
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, from)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

function parseError(text: string): BackerError | undefined {
  const line = text.split('\n').find(found => found.startsWith('{"type":"error"'))
  if (line === undefined) return undefined
  try {
    const { name, message, hint } = JSON.parse(line) as Readonly<Record<string, unknown>>
    if (!isErrorCode(name) || typeof message !== 'string') return undefined
    return new BackerError(name, message, typeof hint === 'string' ? { hint } : {})
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
