import { BackerError } from '../lib/core/error.js'
import type { Timer } from '../lib/runtime.js'
import { ANSWER_DEADLINE_MS, PROGRESS_BYTES, SLOWEST_BYTES_PER_SECOND } from './limits.js'
import type { Line } from './line.js'

/** What is watched over. */
export interface Watched {
  /** How many answers are waited for. */
  waiting(): number
  /** Gives up what should have been answered before `now`. */
  expire(now: number, error: BackerError): void
  /** The peer sends nothing to speak of. */
  hung(error: BackerError): void
}

/**
 * Looks after what a peer owes. One that owes answers and for a while sends nothing to speak of is hung. One that sends something, but not the
 * answer to some request, loses that request: others may have what it does not send. A slow line is neither.
 */
export class Watchdog {
  readonly #line: Line
  readonly #watched: Watched
  #timer: Timer | undefined
  #progressAt = 0
  #bytesThen = 0

  constructor(line: Line, watched: Watched) {
    this.#line = line
    this.#watched = watched
  }

  /** Something is asked for. What comes back is until when it must have been answered, on the clock of `expire`. */
  expectAnswer(): number {
    const now = this.#line.runtime.clock.monotonic()
    if (this.#timer === undefined) {
      this.#progressed(now)
      this.#watch()
    }
    return now + ANSWER_DEADLINE_MS + (this.#line.bytesAskedFor() / SLOWEST_BYTES_PER_SECOND) * 1000
  }

  answerCame(): void {
    this.#progressed(this.#line.runtime.clock.monotonic())
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #progressed(now: number): void {
    this.#progressAt = now
    this.#bytesThen = this.#line.bytesReceived()
  }

  #watch(): void {
    const { timers, clock } = this.#line.runtime
    this.#timer = timers.after(ANSWER_DEADLINE_MS / 4, () => {
      this.#timer = undefined
      if (this.#watched.waiting() === 0) return
      const now = clock.monotonic()
      if (this.#line.bytesReceived() - this.#bytesThen >= PROGRESS_BYTES) this.#progressed(now)
      const late = new BackerError('TIMEOUT', 'the peer did not answer in time')
      if (now - this.#progressAt > ANSWER_DEADLINE_MS) {
        this.#watched.hung(late)
        return
      }
      this.#watch()
      this.#watched.expire(now, late)
    })
  }
}
