/** A peer that could give a chunk. */
export interface Candidate {
  /** Bytes that are asked for and not here yet. */
  readonly outstandingBytes: number
  /** How many bytes may be asked of it at once. */
  readonly windowBytes: number
  /** True where it has the whole file in its tree; false where it is still fetching it itself. */
  readonly isSource: boolean
  /** Answers that it owed and did not give, lately. */
  readonly failures: number
}

/** So much is asked of a peer that is still fetching itself before a source with less to do is asked instead. */
const PARTIAL_FIRST_BYTES = 1024 * 1024
/** How many requests may be open with one peer. */
export const PEER_WINDOW_REQUESTS = 512

/**
 * Which of the candidates to ask for `length` bytes: the index, or undefined where each has enough to do.
 *
 * A peer that is itself still fetching goes first, so that a source's uplink carries every chunk once and the others pass it on;
 * among equals the one with the least to do. One that failed lately comes last.
 */
export function choosePeer(candidates: readonly Candidate[], length: number): number | undefined {
  let best: number | undefined
  candidates.forEach((candidate, i) => {
    const busy = candidate.outstandingBytes > 0 && candidate.outstandingBytes + length > candidate.windowBytes
    if (busy) return
    const rival = best === undefined ? undefined : candidates[best]
    if (rival === undefined || isBetter(candidate, rival)) best = i
  })
  return best
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.failures !== b.failures) return a.failures < b.failures
  if (a.isSource !== b.isSource) {
    const [partial, source] = a.isSource ? [b, a] : [a, b]
    const goesFirst =
      partial.outstandingBytes <= Math.max(source.outstandingBytes, PARTIAL_FIRST_BYTES) ? partial : source
    return goesFirst === a
  }
  return a.outstandingBytes < b.outstandingBytes
}
