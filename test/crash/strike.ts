import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const DEADLINE_MS = 60_000

/** Compiles what ends a program at one of its system calls (test/crash/at-call.c); gives its path, in `directory`. */
export function compileAtCall(directory: string): string {
  const program = join(directory, 'at-call')
  execFileSync('cc', ['-O2', '-o', program, resolve('test/crash/at-call.c')], {
    stdio: ['ignore', 'ignore', 'inherit']
  })
  return program
}

/** How a process is begun that is to be ended. */
export interface Strike {
  /** See `compileAtCall`. */
  readonly atCall: string
  /** Before which of the changes that it makes to file systems, from 1, it is ended; 0: it is not. */
  readonly point: number
  /** Where each change's call stands afterwards. */
  readonly log: string
}

/** Begins a Node process that is struck, in a process group of its own, with pipes and IPC. */
export function begin({ atCall, point, log }: Strike, args: readonly string[]): ChildProcess {
  const child = spawn(atCall, [String(point), log, process.execPath, ...args], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit', 'ipc']
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** The changes that a process made to file systems, in their order, by the name of the call. The last one came to nothing where it was ended there. */
export function changesIn(log: string): string[] {
  return readFileSync(log, 'latin1').split('\n').filter(Boolean)
}

/** Ends a process, where it has not ended yet, with all that belongs to it. */
export async function end(child: ChildProcess): Promise<void> {
  if (!hasEnded(child)) killGroup(child)
  if (!hasEnded(child)) await once(child, 'exit')
  await groupEnded(child)
}

export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

const running = new Set<ChildProcess>()

/** Ends every process that was begun, at once. */
export function killAll(): void {
  running.forEach(killGroup)
}

function killGroup({ pid = 0 }: ChildProcess): void {
  if (isThere(pid)) process.kill(-pid, 'SIGKILL')
}

/** The device may end after what it was begun by: only then is its lock free. */
async function groupEnded({ pid = 0 }: ChildProcess): Promise<void> {
  const last = Date.now() + DEADLINE_MS
  while (isThere(pid)) {
    if (Date.now() > last) throw new Error(`process group ${pid} does not end`)
    await new Promise(done => setTimeout(done, 2))
  }
}

function isThere(group: number): boolean {
  try {
    return process.kill(-group, 0)
  } catch {
    return false
  }
}
