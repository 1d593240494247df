import type NoiseSecretStream from '@hyperswarm/secret-stream'
import { BackerError } from '../lib/core/error.js'
import type { Runtime, Timer } from '../lib/runtime.js'
import { PROGRESS_BYTES, SILENCE_MAX_MS } from './limits.js'

/**
 * Destroys the stream where a peer announces a frame over `bound()` bytes. A frame's length comes before its bytes, and secret-stream would
 * wait for up to 16 MiB of it. What came together with the announcement has its turn first: a proof, which raises the bound, may be in
 * it. Only frames in parts are seen here; whole ones are seen where they are taken apart. Ends when `bound` gives undefined. Where a version
 * of secret-stream does not tell the length, its own bound stays.
 */
export function capFrames(stream: NoiseSecretStream, { timers }: Runtime, bound: () => number | undefined): void {
  const { rawStream } = stream
  let isLooking = false
  const isTooLong = (): boolean => (stream._len ?? 0) > (bound() ?? Infinity)
  const onData = (): void => {
    if (bound() === undefined) rawStream.off('data', onData)
    if (isLooking || !isTooLong()) return
    isLooking = true
    void timers.breathe().then(() => {
      isLooking = false
      if (isTooLong()) stream.destroy(new BackerError('LIMIT', 'a frame is too large'))
    })
  }
  rawStream.on('data', onData)
}

/**
 * Destroys the stream where a frame was begun and is not gone on with: somebody on the line who puts in bytes that look like a length would
 * otherwise have it swallow all that comes, signs of life as well, which secret-stream takes for a peer that is there. While a frame is incomplete
 * a slow line brings far more in this time.
 */
export function requireProgress(stream: NoiseSecretStream, { timers }: Runtime): void {
  const { rawStream } = stream
  let timer: Timer | undefined
  let bytes = 0
  const stop = (): void => {
    timer?.cancel()
    timer = undefined
  }
  const watch = (): void => {
    bytes = 0
    timer = timers.after(SILENCE_MAX_MS, () => {
      timer = undefined
      if (bytes >= PROGRESS_BYTES) watch()
      else stream.destroy(new BackerError('TIMEOUT', 'a frame was begun and not ended'))
    })
  }
  rawStream.on('data', (piece: Uint8Array) => {
    bytes += piece.byteLength
    if ((stream._len ?? 0) === 0) stop()
    else if (timer === undefined && !stream.destroyed) watch()
  })
  stream.once('close', stop)
}
