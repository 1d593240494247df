import type NoiseSecretStream from '@hyperswarm/secret-stream'
import { BackerError } from '../lib/core/error.js'
import type { Runtime } from '../lib/runtime.js'

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
