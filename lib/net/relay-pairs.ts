/** Links of one pair at once: both sides may connect at the same moment, and anew while an old link has not ended. */
const LINKS_PER_PAIR = 4

interface CarriedEnd {
  destroy(): void
  on(event: 'close', listener: () => void): void
}

/** One link: what two devices agreed on by a token. */
interface Link {
  readonly devices: Set<string>
  readonly ends: Set<CarriedEnd>
}

/** Which pairs of devices a relay carries: no more than it may, however many links each pair has for a moment. */
export class RelayPairs {
  readonly #most: number
  readonly #links = new Map<string, Link>()

  constructor(most: number) {
    this.#most = most
  }

  get count(): number {
    return this.#names().size
  }

  /** True where a device may come: there is room for another pair, or it is one of a pair that is carried. */
  admits(deviceId: string): boolean {
    return this.count < this.#most || [...this.#links.values()].some(({ devices }) => devices.has(deviceId))
  }

  /** One end of a link has come about. False where it was one too many, and was ended. */
  add(token: string, deviceId: string, end: CarriedEnd): boolean {
    const link = this.#links.get(token) ?? { devices: new Set(), ends: new Set() }
    this.#links.set(token, link)
    link.devices.add(deviceId)
    link.ends.add(end)
    end.on('close', () => {
      link.ends.delete(end)
      if (link.ends.size === 0) this.#links.delete(token)
    })
    const alike = [...this.#links.values()].filter(other => nameOf(other) === nameOf(link)).length
    if (this.count <= this.#most && alike <= LINKS_PER_PAIR) return true
    end.destroy()
    return false
  }

  #names(): Set<string> {
    return new Set([...this.#links.values()].filter(({ ends }) => ends.size > 1).map(nameOf))
  }
}

function nameOf({ devices }: Link): string {
  return [...devices].sort().join()
}
