import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Contender, Cost } from './contender.js'
import { childSeconds, cpuSecondsOf } from './usage.js'

/** A command that makes `b` like `a`, and what serves it on the other side. */
export interface Command {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly server?: ChildProcess
  readonly timeStepNs?: bigint
}

/** A program that is run by hand for each change. */
export class RunByHand implements Contender {
  readonly #command: Command

  constructor(command: Command) {
    this.#command = command
  }

  get name(): string {
    return this.#command.name
  }

  get timeStepNs(): bigint {
    return this.#command.timeStepNs ?? 1n
  }

  first(): Promise<Cost> {
    return this.#run()
  }

  change(make: () => void): Promise<Cost> {
    make()
    return this.#run()
  }

  restart(): Promise<Cost> {
    return this.#run()
  }

  async close(): Promise<void> {
    const { server } = this.#command
    if (server === undefined || server.exitCode !== null) return
    const ended = new Promise(resolve => server.once('exit', resolve))
    server.kill()
    await ended
  }

  async #run(): Promise<Cost> {
    const { program, args, env } = this.#command
    const before = this.#cpuSeconds()
    const start = performance.now()
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } })
    let said = ''
    child.stderr.on('data', (text: Buffer) => (said += text.toString()))
    const [code] = (await once(child, 'close')) as [number | null]
    if (code !== 0) throw new Error(`${this.name}: ${said}`)
    return { seconds: (performance.now() - start) / 1000, cpuSeconds: this.#cpuSeconds() - before }
  }

  #cpuSeconds(): number {
    const pid = this.#command.server?.pid
    return childSeconds() + (pid === undefined ? 0 : cpuSecondsOf(pid))
  }
}
