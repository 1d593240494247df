import { readFileSync, statSync } from 'node:fs'
import type { Timer, Timers } from '../runtime.js'
import { loadLibc, type Libc } from './libc.js'
import { codeOf } from './problem.js'

/** How many bytes of files may be resident beyond what was left the last time, before they are let go of again. */
const GROWTH_BYTES = 8 * 1024 * 1024
const PAGE_BYTES = 4096
/** How often that is looked at. */
const LOOK_MS = 2000

/**
 * Keeps small what a file takes of this process's memory that it only reads through a mapping, as LMDB does: whatever was ever read of it stays resident, which for the index of a
 * million files is more than everything else together. The system keeps the pages in its cache, and gives them back at the next touch. Does nothing where the system has no
 * such call. Returns what ends it.
 */
export function keepTrimmed(file: string, timers: Timers): () => void {
  const libc = process.platform === 'linux' ? loadLibc() : undefined
  if (libc === undefined) return () => undefined
  let least = 0
  let timer: Timer
  const look = (): void => {
    if (residentBytes() >= least + GROWTH_BYTES) {
      letGoOf(file, libc)
      least = residentBytes()
    }
    timer = timers.after(LOOK_MS, look)
  }
  timer = timers.after(LOOK_MS, look)
  return () => timer.cancel()
}

/** Bytes of files, and of memory shared with others, that are resident. Source: proc_pid_statm(5). */
function residentBytes(): number {
  const [, , shared = '0'] = readFileSync('/proc/self/statm', 'utf8').split(' ')
  return Number(shared) * PAGE_BYTES
}

/** Only of mappings that can't be written through: there is nothing in them that is not in the file. Source: proc_pid_maps(5). */
function letGoOf(file: string, libc: Libc): void {
  let inode: string
  try {
    inode = String(statSync(file, { bigint: true }).ino)
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return
  }
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    const [, from = '', to = '', access, found] = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)/.exec(line) ?? []
    if (found !== inode || access !== 'r--s') continue
    const start = Number.parseInt(from, 16)
    libc.dropMapped(start, Number.parseInt(to, 16) - start)
  }
}
