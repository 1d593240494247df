import type NoiseSecretStream from '@hyperswarm/secret-stream'
import { BackerError } from '../lib/core/error.js'
import type { Runtime } from '../lib/runtime.js'
import { UNPROVEN_FRAME_BYTES } from './limits.js'

/**
 * Destroys the stream where a peer that is not trusted yet announces a frame over UNPROVEN_FRAME_BYTES. A frame's length comes before its
 * bytes, and secret-stream would wait for up to 16 MiB of it. What came together with the announcement has its turn first: the
 * proof may be in it. Only frames in parts are seen here; whole ones are seen where they are taken apart. Where a version of secret-stream
 * does not tell the length, its own bound stays.
 */
export function capFrames(stream: NoiseSecretStream, { timers }: Runtime, isTrusted: () => boolean): void {
  const { rawStream } = stream
  let isLooking = false
  const isTooLong = (): boolean => !isTrusted() && (stream._len ?? 0) > UNPROVEN_FRAME_BYTES
  const onData = (): void => {
    if (isTrusted()) rawStream.off('data', onData)
    if (isLooking || !isTooLong()) return
    isLooking = true
    void timers.breathe().then(() => {
      isLooking = false
      if (isTooLong()) stream.destroy(new BackerError('LIMIT', 'a frame before any proof is too large'))
    })
  }
  rawStream.on('data', onData)
}
