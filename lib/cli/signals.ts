import { EXIT } from './exit.js'

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Told by the user, or by the system, to end. */
export interface StopRequest {
  readonly signal: AbortSignal
  /** Signals have their usual effect again. */
  release(): void
}

/** From now on the first SIGINT, SIGTERM or SIGHUP aborts `signal`; a second one ends the process at once with 130. */
export function catchStop(): StopRequest {
  const stop = new AbortController()
  const onsignal = (): void => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted)
    stop.abort()
  }
  for (const name of ENDING) process.on(name, onsignal)
  return {
    signal: stop.signal,
    release: () => {
      for (const name of ENDING) process.off(name, onsignal)
    }
  }
}

/** Resolves once `signal` has aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** Waits `delayMs`, or until `signal` aborts. Keeps the process alive meanwhile. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, delayMs)
    signal?.addEventListener('abort', done)
    if (signal?.aborted === true) done()
  })
}
