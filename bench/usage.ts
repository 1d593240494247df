import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK']).toString())
/** How often it is looked who is there. */
const LOOK_MS = 50

/** Seconds of CPU that a process, with all its children, has used so far. Source: proc_pid_stat(5), fields 14 to 17. */
export function cpuSecondsOf(pid: number): number {
  return [pid, ...descendantsOf(pid)].reduce((sum, one) => sum + secondsIn(`/proc/${one}/stat`, 11, 15), 0)
}

/** Seconds of CPU of this process's ended children: what a program took is the difference. Source: proc_pid_stat(5), fields 16 and 17. */
export function childSeconds(): number {
  return secondsIn('/proc/self/stat', 13, 15)
}

function secondsIn(file: string, from: number, to: number): number {
  const stat = contentOf(file)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(from, to).reduce((sum, field) => sum + Number(field), 0) / TICKS_PER_SECOND
}

/** The highest resident memory of any process that descends from this one while it is watched, in MiB. Source: proc_pid_status(5), VmHWM. */
export class MemoryWatch {
  readonly #timer = setInterval(() => this.#look(), LOOK_MS)
  #peakMiB = 0

  /** Ends it. */
  stop(): number {
    this.#look()
    clearInterval(this.#timer)
    return this.#peakMiB
  }

  #look(): void {
    for (const pid of descendantsOf(process.pid)) this.#peakMiB = Math.max(this.#peakMiB, memoryMiBOf(pid, 'VmHWM'))
  }
}

/** MiB that are resident now (VmRSS), or were at most (VmHWM). Source: proc_pid_status(5). */
export function memoryMiBOf(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  const [, kibibytes = '0'] = new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(contentOf(`/proc/${pid}/status`)) ?? []
  return Number(kibibytes) / 1024
}

/** Any thread may have children. Source: proc_pid_task(5). */
function descendantsOf(pid: number): number[] {
  const threads = entriesOf(`/proc/${pid}/task`)
  const children = threads.flatMap(thread => contentOf(`/proc/${pid}/task/${thread}/children`).split(' '))
  return children.filter(Boolean).flatMap(child => [Number(child), ...descendantsOf(Number(child))])
}

function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** A process may be gone by now. */
function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
