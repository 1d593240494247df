import type { Cost } from './contender.js'
import { Device } from './device.js'
import { Live } from './live.js'
import { cpuSecondsOf } from './usage.js'

/** Two devices of backer, live: whatever changes travels by itself. */
export class Backers extends Live {
  readonly name = 'backer'
  readonly #profile: string | undefined
  #sides: readonly Device[] = []
  /** From the start of the first device to the end of its first scan. */
  scanSeconds = 0
  /** CPU of the first device until then. */
  scanCpuSeconds = 0

  constructor(a: string, b: string, profile: string | undefined) {
    super(a, b)
    this.#profile = profile
  }

  async first(): Promise<Cost> {
    const start = performance.now()
    const a = new Device([this.a], this.#profile)
    this.#sides = [a]
    const key = await a.hear(word => (word.kind === 'open' ? word.key : undefined))
    await a.state('alone')
    this.scanSeconds = (performance.now() - start) / 1000
    this.scanCpuSeconds = cpuSecondsOf(a.pid)
    const b = new Device([this.b, key], this.#profile)
    this.#sides = [a, b]
    await this.#join()
    return this.costSince(start)
  }

  async restart(): Promise<Cost> {
    await this.#end()
    const start = performance.now()
    this.#sides = [new Device([this.a], this.#profile), new Device([this.b], this.#profile)]
    await this.#join()
    return this.costSince(start)
  }

  async close(): Promise<void> {
    await this.#end()
  }

  async #join(): Promise<void> {
    const [a, b] = this.#sides
    if (a === undefined || b === undefined) throw new Error('there are no two sides')
    a.tell({ kind: 'listen' })
    const port = await a.hear(word => (word.kind === 'listening' ? word.port : undefined))
    await b.hear(word => (word.kind === 'open' ? true : undefined))
    b.tell({ kind: 'connect', port })
    await Promise.all([a.state('in-sync'), b.state('in-sync')])
  }

  async #end(): Promise<void> {
    await Promise.all(this.#sides.map(side => side.close()))
    this.#sides = []
  }

  protected pids(): readonly number[] {
    return this.#sides.map(({ pid }) => pid)
  }
}
