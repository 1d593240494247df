import { BackerError } from '../../lib/core/error.js'
import type { Hash } from '../../lib/core/model/hash.js'
import type { PeerLink } from '../../protocol/peer-link.js'

/** Asks a peer for a single chunk. Rejects as `requestChunks` does, and with UNAVAILABLE where the peer does not have it. */
export async function requestChunk(
  peer: Pick<PeerLink, 'requestChunks'>,
  hash: Hash,
  length: number,
  signal: AbortSignal = new AbortController().signal
): Promise<Uint8Array> {
  const [bytes] = await peer.requestChunks([{ hash, length }], signal)
  if (bytes === undefined) throw new BackerError('UNAVAILABLE', 'the peer does not have the chunk')
  return bytes
}
