import type { Clock } from '../runtime.js'

/** After how long a write is on the disk without anybody asking for it: Linux waits 30 s, and looks every 5 s; and some. */
const WRITTEN_BACK_MS = 120_000
/** By how much the wall clock may get ahead of the steady one from one question to the next, being set right bit by bit. */
const SLEW_MS = 1000

/**
 * Tells by a file's ctime whether the system has brought what was written to the disk by itself. It is told by the wall clock, which may have jumped since the
 * file was written: so none is believed in the first two minutes, and in two minutes after each jump.
 */
export class WrittenBack {
  readonly #clock: Clock
  /** Wall time minus steady time, when it was asked last. */
  #aheadMs: number
  /** On the steady clock. */
  #doubtedUntilMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    const now = clock.monotonic()
    this.#aheadMs = clock.now() - now
    this.#doubtedUntilMs = now + WRITTEN_BACK_MS
  }

  has(ctimeNs: bigint): boolean {
    const now = this.#clock.monotonic()
    const wallMs = this.#clock.now()
    if (wallMs - now - this.#aheadMs > SLEW_MS) this.#doubtedUntilMs = now + WRITTEN_BACK_MS
    this.#aheadMs = wallMs - now
    return now >= this.#doubtedUntilMs && wallMs - Number(ctimeNs / 1_000_000n) >= WRITTEN_BACK_MS
  }
}
