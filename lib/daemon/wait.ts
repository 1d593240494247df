import type { Backer } from '../backer.js'
import type { FolderStatus } from '../folder/status.js'
import { delay, type Timers } from '../runtime.js'

/** How often the truth is looked at: status() is cheap, and not all that matters is an event. */
const LOOK_MS = 20

export interface WaitOptions {
  /** How many connected peers must hold the same; 0: this device alone, scanned and idle. */
  readonly peers: number
  /** On how many devices each file's content must lie, this one included. */
  readonly copies: number
  readonly timeoutMs: number
  readonly timers: Timers
  readonly signal?: AbortSignal
}

/** True where this device has nothing to do, at least `peers` connected peers hold exactly what it holds, and each file lies on `copies` devices. */
export function holdsWith(status: FolderStatus, { peers, copies }: Pick<WaitOptions, 'peers' | 'copies'>): boolean {
  return (
    status.idle &&
    status.scanned &&
    status.state !== 'held' &&
    status.peers.filter(peer => peer.inSync).length >= peers &&
    hasCopies(status, copies)
  )
}

/** True where the content of each file lies on so many devices, and that is so now. */
function hasCopies({ copies: known }: FolderStatus, copies: number): boolean {
  return copies === 0 || (known?.current === true && (known.fewest ?? Infinity) >= copies)
}

/** True where nothing is left to do but what the disk has no room for. */
export function waitsForSpace({ idle, problems }: Pick<FolderStatus, 'idle' | 'problems'>): boolean {
  return idle && problems.some(({ code }) => code === 'DISK_FLOOR')
}

/** Waits until `holdsWith` is true, the folder has stopped, waits for somebody's word or for space, `timeoutMs` are over or `signal` aborts; true in the first case only. */
export async function waitForSync(
  backer: Pick<Backer, 'status'>,
  { peers, copies, timeoutMs, timers, signal }: WaitOptions
): Promise<boolean> {
  const over = new AbortController()
  const giveUp = (): void => over.abort()
  const timer = timers.after(timeoutMs, giveUp)
  signal?.addEventListener('abort', giveUp)
  try {
    while (!holdsWith(backer.status(), { peers, copies })) {
      const status = backer.status()
      const isUseless = status.state === 'stopped' || status.state === 'held' || waitsForSpace(status)
      if (over.signal.aborted || isUseless) return false
      await delay(timers, LOOK_MS, over.signal)
    }
    return true
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', giveUp)
  }
}
