import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { DEADLINE_MS } from './alike.js'
import type { Order, Word } from './side.js'

const SIDE = fileURLToPath(new URL('./side.js', import.meta.url))

/** One device of backer in a process of its own. */
export class Device {
  readonly #child: ChildProcess
  readonly #words: Word[] = []
  /** What it holds, as it last told. */
  #root = ''
  #heard: () => void = () => undefined

  constructor(args: readonly string[], profile: string | undefined) {
    const execArgv = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
    this.#child = fork(SIDE, [...args], { execArgv })
    this.#child.on('message', (word: Word) => {
      if (word.kind === 'state') this.#root = word.root
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

  /** Resolves once it holds something else than when it last told. */
  otherRoot(): Promise<string> {
    const before = this.#root
    return this.hear(word => (word.kind === 'state' && word.root !== before ? word.root : undefined))
  }

  async close(): Promise<void> {
    const ended = new Promise(resolve => this.#child.once('exit', resolve))
    this.tell({ kind: 'close' })
    await ended
  }
}
