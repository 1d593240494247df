import type { Backer } from '../backer.js'
import type { FolderStatus } from '../folder/status.js'
import { delay, type Timers } from '../runtime.js'

/** How often the truth is looked at: status() is cheap, and not all that matters is an event. */
const LOOK_MS = 20

export interface WaitOptions {
  /** How many connected peers must hold the same; 0: this device alone, scanned and idle. */
  readonly peers: number
  readonly timeoutMs: number
  readonly timers: Timers
  readonly signal?: AbortSignal
}

/** True where this device has nothing to do and at least `peers` connected peers hold exactly what it holds. */
export function holdsWith(status: FolderStatus, peers: number): boolean {
  return (
    status.idle && status.scanned && status.state !== 'held' && status.peers.filter(peer => peer.inSync).length >= peers
  )
}

/** Waits until `holdsWith` is true, the folder has stopped or waits for somebody's word, `timeoutMs` are over or `signal` aborts; true in the first case only. */
export async function waitForSync(
  backer: Pick<Backer, 'status'>,
  { peers, timeoutMs, timers, signal }: WaitOptions
): Promise<boolean> {
  const over = new AbortController()
  const giveUp = (): void => over.abort()
  const timer = timers.after(timeoutMs, giveUp)
  signal?.addEventListener('abort', giveUp)
  try {
    while (!holdsWith(backer.status(), peers)) {
      const { state } = backer.status()
      if (over.signal.aborted || state === 'stopped' || state === 'held') return false
      await delay(timers, LOOK_MS, over.signal)
    }
    return true
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', giveUp)
  }
}
