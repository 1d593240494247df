/** Milliseconds since 1970, and a clock that only goes forward. */
export interface Clock {
  /** Wall time, milliseconds since 1970. For people and file names; nothing is decided by it. */
  now(): number
  /** Milliseconds since some moment; never goes back. */
  monotonic(): number
}

/** A timer that can be called off. */
export interface Timer {
  cancel(): void
}

export interface Timers {
  /** Runs `callback` once after `delayMs`. It keeps no process alive. */
  after(delayMs: number, callback: () => void): Timer
  /** Resolves once everything else that waits in the event loop has had its turn. */
  breathe(): Promise<void>
}

export interface Random {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number
}

/** One line of the story of what a folder does: for debugging and for replaying a simulation. */
export type Trace = (line: string) => void

/** Everything that is not deterministic and not a file or a socket. Handed in everywhere, so that a seed can replace it. */
export interface Runtime {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly trace: Trace
}

/** Waits `delayMs`, or until `signal` aborts, whichever comes first. Never throws. */
export function delay(timers: Timers, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve()
  return new Promise(resolve => {
    const done = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = timers.after(delayMs, done)
    signal?.addEventListener('abort', done)
  })
}
