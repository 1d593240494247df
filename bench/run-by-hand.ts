import { execFileSync, type ChildProcess } from 'node:child_process'
import type { Contender, Cost } from './contender.js'
import { childSeconds, usageOf } from './usage.js'

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
    return Promise.resolve(this.#run())
  }

  change(make: () => void): Promise<Cost> {
    make()
    return Promise.resolve(this.#run())
  }

  restart(): Promise<Cost> {
    return Promise.resolve(this.#run())
  }

  async close(): Promise<void> {
    const { server } = this.#command
    if (server === undefined || server.exitCode !== null) return
    const ended = new Promise(resolve => server.once('exit', resolve))
    server.kill()
    await ended
  }

  #run(): Cost {
    const { program, args, env } = this.#command
    const before = this.#cpuSeconds()
    const start = performance.now()
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } })
    const seconds = (performance.now() - start) / 1000
    return { seconds, cpuSeconds: this.#cpuSeconds() - before, memoryMiB: this.#server?.memoryMiB ?? 0 }
  }

  get #server(): ReturnType<typeof usageOf> | undefined {
    const pid = this.#command.server?.pid
    return pid === undefined ? undefined : usageOf(pid)
  }

  #cpuSeconds(): number {
    return childSeconds() + (this.#server?.cpuSeconds ?? 0)
  }
}
