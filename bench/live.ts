import { becomesAlike } from './alike.js'
import type { Contender, Cost } from './contender.js'
import { cpuSecondsOf } from './usage.js'

/** A program of which a process runs at each side, and notices changes by itself. */
export abstract class Live implements Contender {
  abstract readonly name: string
  readonly timeStepNs = 1n
  protected readonly a: string
  protected readonly b: string

  constructor(a: string, b: string) {
    this.a = a
    this.b = b
  }

  abstract first(): Promise<Cost>
  abstract restart(): Promise<Cost>
  abstract close(): Promise<void>
  /** Its processes. */
  protected abstract pids(): readonly number[]

  async change(make: () => void): Promise<Cost> {
    const before = this.#cpuSeconds()
    const start = performance.now()
    make()
    await becomesAlike(this.a, this.b, this.timeStepNs)
    return this.costSince(start, before)
  }

  /** `start`: as of `performance.now()`; `cpuBefore`: what its processes had used by then. */
  protected costSince(start: number, cpuBefore = 0): Cost {
    return { seconds: (performance.now() - start) / 1000, cpuSeconds: this.#cpuSeconds() - cpuBefore }
  }

  #cpuSeconds(): number {
    return this.pids().reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)
  }
}
