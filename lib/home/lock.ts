import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { BackerError } from '../core/error.js'
import { createPrivateFile, readIfThere, replacePrivateFile, systemCode } from './private-file.js'

/** How long to wait for another process that is taking over a stale lock, and how often. */
const TAKEOVER_MS = 50
const ATTEMPTS = 40

/** Who holds a lock. `started` tells a process from a later one with the same number. */
interface Holder {
  readonly pid: number
  readonly started: string
  readonly token: string
}

export interface Lock {
  /** Gives the lock up; a second call does nothing. */
  release(): Promise<void>
}

/**
 * Takes the lock that is `file`. One whose process is gone is taken over: by whoever made `file.takeover` first, which is looked at in the same way.
 * Throws LOCKED, naming the process, where it lives.
 * RACE: where a crash left `file.takeover` as well, two processes that find both in the same moment can both take the lock; the control socket, which only one
 * of them can own, is the second barrier.
 */
export async function takeLock(file: string): Promise<Lock> {
  const { started } = await lifeOf(process.pid)
  const own: Holder = { pid: process.pid, started, token: randomBytes(8).toString('hex') }
  const text = `${JSON.stringify(own)}\n`
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await createPrivateFile(file, text)) return { release: () => release(file, text) }
    await refuseIfHeld(file)
    if (await takeOver(file, text)) return { release: () => release(file, text) }
  }
  throw new BackerError('LOCKED', 'other processes keep taking the lock of this home', { path: file })
}

/** The process that holds the lock `file`, or undefined where none that lives does. */
export async function lockHolder(file: string): Promise<number | undefined> {
  const holder = parseHolder(await readIfThere(file))
  if (holder === undefined || !isAlive(holder.pid)) return undefined
  const { started, isOver } = await lifeOf(holder.pid)
  return !isOver && started === holder.started ? holder.pid : undefined
}

/** Replaces a stale lock; false where another process is at it, after a moment, or was. */
async function takeOver(file: string, text: string): Promise<boolean> {
  const guard = `${file}.takeover`
  if (!(await createPrivateFile(guard, text))) {
    if ((await lockHolder(guard)) === undefined) await rm(guard, { force: true })
    await sleep(TAKEOVER_MS)
    return false
  }
  try {
    if ((await lockHolder(file)) !== undefined) return false
    await replacePrivateFile(file, text)
    return true
  } finally {
    await rm(guard, { force: true })
  }
}

async function refuseIfHeld(file: string): Promise<void> {
  const pid = await lockHolder(file)
  if (pid === undefined) return
  throw new BackerError('LOCKED', `backer is running already, as process ${pid}`, {
    path: file,
    hint: `Use that one, or stop it first: kill ${pid}`
  })
}

async function release(file: string, text: string): Promise<void> {
  if ((await readIfThere(file)) === text) await rm(file, { force: true })
}

/** undefined for a lock that can't be read: it was cut short by a crash, and nobody holds it. */
function parseHolder(text: string | undefined): Holder | undefined {
  try {
    const holder = JSON.parse(text ?? '') as Partial<Holder> | null
    const { pid, started, token } = holder ?? {}
    if (pid === undefined || !Number.isSafeInteger(pid) || pid <= 0) return undefined
    return typeof started === 'string' && typeof token === 'string' ? { pid, started, token } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

/**
 * `started`: when a process started, in the kernel's own words; empty where the system does not tell, so that only the number counts.
 * `isOver`: all its threads have ended, and only its parent has not asked for its end yet, as under a container's first process that never does.
 * Source: proc(5), /proc/PID/stat, fields 3, 20 and 22; the boot id because the last counts from the boot.
 */
async function lifeOf(pid: number): Promise<{ readonly started: string; readonly isOver: boolean }> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8')
    // The second field, the command, may itself hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const isOver = fields[0] === 'Z' && Number(fields[17]) <= 1
    return { started: `${boot.trim()}:${fields[19] ?? ''}`, isOver }
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return { started: '', isOver: false }
  }
}
