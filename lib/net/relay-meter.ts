/** Over how long what is carried is held against the rate, in calls of `tick`: about seconds. */
const JUDGED_TICKS = 5
/** How much of the rate is given away: the rest is what packets have beside their content, and what is sent twice. */
const GIVEN_SHARE = 0.9
/** By how much more than the rate may be carried until the busiest end has to go: it does not keep to what it was told. */
const PATIENCE = 1.2
/** An end counts as busy that sends more than this part of its share. */
const BUSY_SHARE = 0.1

/** One device's side of a pair: a stream of UDX whose packets the system's network loop hands on to the other side's, so that no byte of it comes by here. */
export interface CarriedStream {
  readonly bytesReceived: number
  destroy(): void
  on(event: 'close', listener: () => void): void
}

interface End {
  readonly stream: CarriedStream
  /** Tells the device how many bytes a second it may send. */
  readonly tell: (rate: number) => void
  counted: number
  /** What came since the last tick, and since all were judged. */
  fresh: number
  recent: number
}

/** Counts what a relay carries, and shares a rate among those who send: they are told what each of them may, and who does not keep to it is ended. */
export class RelayMeter {
  readonly #limit: number | undefined
  readonly #ends = new Set<End>()
  #share: number
  #ticks = 0
  bytes = 0

  /** `limit`: bytes per second over all; undefined: as much as there is. */
  constructor(limit: number | undefined) {
    this.#limit = limit
    this.#share = this.#shareOf(1)
  }

  add(stream: CarriedStream, tell: (rate: number) => void): void {
    const end: End = { stream, tell, counted: 0, fresh: 0, recent: 0 }
    this.#ends.add(end)
    if (this.#limit !== undefined) tell(this.#share)
    stream.on('close', () => {
      this.#count(end)
      this.#ends.delete(end)
    })
  }

  /** To be called about every second. */
  tick(): void {
    for (const end of this.#ends) this.#count(end)
    if (this.#limit !== undefined) this.#keep(this.#limit)
    for (const end of this.#ends) end.fresh = 0
  }

  #keep(limit: number): void {
    const busy = [...this.#ends].filter(({ fresh }) => fresh > BUSY_SHARE * this.#share).length
    const share = this.#shareOf(Math.max(1, busy))
    if (share !== this.#share) for (const { tell } of this.#ends) tell(share)
    this.#share = share
    if (++this.#ticks % JUDGED_TICKS !== 0) return
    const carried = [...this.#ends].reduce((sum, { recent }) => sum + recent, 0)
    const [busiest] = [...this.#ends].sort((a, b) => b.recent - a.recent)
    for (const end of this.#ends) end.recent = 0
    if (carried / JUDGED_TICKS > PATIENCE * limit) busiest?.stream.destroy()
  }

  #shareOf(busy: number): number {
    return this.#limit === undefined ? 0 : Math.floor((GIVEN_SHARE * this.#limit) / busy)
  }

  #count(end: End): void {
    const more = end.stream.bytesReceived - end.counted
    end.counted += more
    end.fresh += more
    end.recent += more
    this.bytes += more
  }
}
