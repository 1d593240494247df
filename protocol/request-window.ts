/** What is asked for before the line's rate is known: more than most lines hold. */
const FIRST_BYTES = 1024 * 1024
/** Bounds: so that a busy peer on a short line is never kept waiting, and so that one peer takes no more than its share of memory. */
const LEAST_BYTES = 1024 * 1024
const MOST_BYTES = 8 * 1024 * 1024
/**
 * How many bandwidth-delay products are asked for. One is on the line; behind a packet that was lost one or two more wait at the receiver for it to
 * come again; the rest is what keeps the line busy meanwhile. With more the sender fills the queues on the way until they drop: of 4 MiB at a
 * time on 100 Mbit/s, a round trip of 50 ms and 0.1 % loss a fifth was sent twice, of this a thousandth.
 */
const PRODUCTS = 3.5
/** Both sides' own time beside the line's. */
const OWN_MS = 10
/** Over how long a rate is measured: at least this, and some round trips. */
const SAMPLE_MS = 250
const SAMPLE_ROUND_TRIPS = 2
/** By how much a rate that is no longer reached is taken back with each sample. */
const DECAY = 0.95

/** How much to ask of a peer at once: what its line holds, by the best rate that it has shown lately. */
export class RequestWindow {
  #rate: number | undefined
  #began: { readonly at: number; readonly bytes: number } | undefined

  /** `bytes`: all that has come until `now` (milliseconds). Call it whenever something came. `isBusy`: the peer owes something. */
  note(now: number, bytes: number, roundTripMs: number, isBusy: boolean): void {
    if (!isBusy || this.#began === undefined) {
      this.#began = isBusy ? { at: now, bytes } : undefined
      return
    }
    const elapsedMs = now - this.#began.at
    if (elapsedMs < Math.max(SAMPLE_MS, SAMPLE_ROUND_TRIPS * roundTripMs)) return
    const rate = (bytes - this.#began.bytes) / elapsedMs
    this.#rate = Math.max(rate, (this.#rate ?? 0) * DECAY)
    this.#began = { at: now, bytes }
  }

  /** `roundTripMs`: the least that was measured. */
  bytes(roundTripMs: number): number {
    if (this.#rate === undefined) return FIRST_BYTES
    const wanted = this.#rate * (PRODUCTS * roundTripMs + OWN_MS)
    return Math.round(Math.min(MOST_BYTES, Math.max(LEAST_BYTES, wanted)))
  }
}
