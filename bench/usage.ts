import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** What a process, with the children that it has waited for, has used so far. */
export interface Usage {
  readonly cpuSeconds: number
  readonly memoryMiB: number
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK']).toString())

/** Reads /proc: Linux only. Source: proc_pid_stat(5), fields 14 to 17; proc_pid_status(5), VmHWM. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return { cpuSeconds: ticks / TICKS_PER_SECOND, memoryMiB: Number(peak) / 1024 }
}

/** Seconds of CPU of this process's ended children: what a program took is the difference. Source: getrusage(2), RUSAGE_CHILDREN. */
export function childSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND
}
