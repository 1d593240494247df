const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls back once when `signal` aborts; the function that comes back calls that off. All share one listener on the signal, because one
 * signal often stands for hundreds of requests, and Node takes many listeners for a leak.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = waiting.get(signal) ?? listenTo(signal)
  callbacks.add(callback)
  return () => callbacks.delete(callback)
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>()
  waiting.set(signal, callbacks)
  const onabort = (): void => {
    for (const callback of [...callbacks]) callback()
    callbacks.clear()
  }
  signal.addEventListener('abort', onabort, { once: true })
  return callbacks
}
