import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { becomesAlike, DEADLINE_MS } from './alike.js'
import type { Contender, Cost } from './contender.js'
import type { Order, Word } from './side.js'
import { cpuSecondsOf } from './usage.js'

const SIDE = fileURLToPath(new URL('./side.js', import.meta.url))

/** One device in a process of its own. */
class Side {
  readonly #child: ChildProcess
  readonly #words: Word[] = []
  #heard: () => void = () => undefined

  constructor(args: readonly string[], profile: string | undefined) {
    const execArgv = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
    this.#child = fork(SIDE, [...args], { execArgv })
    this.#child.on('message', (word: Word) => {
      this.#words.push(word)
      this.#heard()
    })
    this.#child.once('exit', () => this.#heard())
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  tell(order: Order): void {
    this.#child.send(order)
  }

  /** The first word that came, or comes, for which `find` gives something; those before it are forgotten. */
  async hear<T>(find: (word: Word) => T | undefined): Promise<T> {
    const deadline = performance.now() + DEADLINE_MS
    for (;;) {
      for (let word = this.#words.shift(); word !== undefined; word = this.#words.shift()) {
        const found = find(word)
        if (found !== undefined) return found
      }
      if (this.#child.exitCode !== null || performance.now() > deadline) throw new Error('a side has ended or hangs')
      await Promise.race([new Promise<void>(resolve => (this.#heard = resolve)), wait(1000)])
    }
  }

  state(...states: readonly string[]): Promise<string> {
    return this.hear(word => (word.kind === 'state' && states.includes(word.state) ? word.state : undefined))
  }

  async close(): Promise<void> {
    const ended = new Promise(resolve => this.#child.once('exit', resolve))
    this.tell({ kind: 'close' })
    await ended
  }
}

/** Two devices of backer, live: whatever changes travels by itself. */
export class Backers implements Contender {
  readonly name = 'backer'
  readonly timeStepNs = 1n
  readonly #a: string
  readonly #b: string
  readonly #profile: string | undefined
  #sides: readonly Side[] = []
  /** From the start of the first device to the end of its first scan. */
  scanSeconds = 0
  /** CPU of the first device until then. */
  scanCpuSeconds = 0

  constructor(a: string, b: string, profile: string | undefined) {
    this.#a = a
    this.#b = b
    this.#profile = profile
  }

  async first(): Promise<Cost> {
    const start = performance.now()
    const a = new Side([this.#a], this.#profile)
    this.#sides = [a]
    const key = await a.hear(word => (word.kind === 'open' ? word.key : undefined))
    await a.state('alone')
    this.scanSeconds = (performance.now() - start) / 1000
    this.scanCpuSeconds = cpuSecondsOf(a.pid)
    const b = new Side([this.#b, key], this.#profile)
    this.#sides = [a, b]
    await this.#join()
    return this.#cost(start, 0)
  }

  async change(make: () => void): Promise<Cost> {
    const before = this.#cpuSeconds()
    const start = performance.now()
    make()
    await becomesAlike(this.#a, this.#b, this.timeStepNs)
    return this.#cost(start, before)
  }

  async restart(): Promise<Cost> {
    await this.#end()
    const start = performance.now()
    this.#sides = [new Side([this.#a], this.#profile), new Side([this.#b], this.#profile)]
    await this.#join()
    return this.#cost(start, 0)
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

  #cpuSeconds(): number {
    return this.#sides.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0)
  }

  #cost(start: number, cpuBefore: number): Cost {
    return { seconds: (performance.now() - start) / 1000, cpuSeconds: this.#cpuSeconds() - cpuBefore }
  }
}
