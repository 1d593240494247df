/** Over how long a rate is told, in milliseconds. */
const WINDOW_MS = 5000

/** Bytes per second. */
export interface Rates {
  readonly up: number
  readonly down: number
}

interface Sample {
  readonly at: number
  readonly up: number
  readonly down: number
}

/** Tells rates from counts that grow, and that begin anew where a device has left. */
export class RateMeter {
  #samples: readonly Sample[] = []

  /** Takes the counts (bytes) at a moment (monotonic milliseconds); gives the rates over the last seconds. */
  note(at: number, { up, down }: Rates): Rates {
    const last = this.#samples.at(-1)
    const isNew = last === undefined || up < last.up || down < last.down
    const kept = isNew ? [] : this.#samples.filter(sample => sample.at > at - WINDOW_MS)
    this.#samples = [...kept, { at, up, down }]
    const first = this.#samples[0]
    if (first === undefined || at <= first.at) return { up: 0, down: 0 }
    const perSecond = 1000 / (at - first.at)
    return { up: Math.round((up - first.up) * perSecond), down: Math.round((down - first.down) * perSecond) }
  }
}
