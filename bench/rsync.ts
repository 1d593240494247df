import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Contender, Cost } from './contender.js'
import { childSeconds, usageOf } from './usage.js'

const STARTS_MAX = 100

/** rsync with its own daemon over loopback: no encryption, run by hand for each change, times compared to the nanosecond. */
export class Rsync implements Contender {
  readonly name = 'rsync'
  readonly #a: string
  readonly #daemon: ChildProcess
  readonly #port: number

  private constructor(a: string, daemon: ChildProcess, port: number) {
    this.#a = a
    this.#daemon = daemon
    this.#port = port
  }

  /** True where rsync is installed. */
  static isThere(): boolean {
    try {
      execFileSync('rsync', ['--version'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }

  static async start(place: string, a: string, b: string, port: number): Promise<Rsync> {
    const config = join(place, 'rsyncd.conf')
    writeFileSync(config, `use chroot = no\nlog file = /dev/null\n${asMyself()}[b]\npath = ${b}\nread only = no\n`)
    const args = ['--daemon', '--no-detach', '--address=127.0.0.1', `--port=${port}`, `--config=${config}`]
    const daemon = spawn('rsync', args, { stdio: 'ignore' })
    for (let i = 0; i < STARTS_MAX && !(await answers(port)); i++) await wait(20)
    return new Rsync(a, daemon, port)
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

  close(): Promise<void> {
    return new Promise(resolve => {
      this.#daemon.once('exit', () => resolve())
      this.#daemon.kill()
    })
  }

  #run(): Cost {
    const before = this.#cpuSeconds()
    const start = performance.now()
    execFileSync('rsync', [
      '-a',
      '--delete',
      '--modify-window=-1',
      '--exclude=/.backer',
      `${this.#a}/`,
      `rsync://127.0.0.1:${this.#port}/b/`
    ])
    const seconds = (performance.now() - start) / 1000
    return { seconds, cpuSeconds: this.#cpuSeconds() - before, memoryMiB: usageOf(this.#daemon.pid ?? 0).memoryMiB }
  }

  #cpuSeconds(): number {
    return childSeconds() + usageOf(this.#daemon.pid ?? 0).cpuSeconds
  }
}

/** A daemon of the superuser's would write as nobody. */
function asMyself(): string {
  const [user, group] = [process.getuid?.(), process.getgid?.()]
  return user === 0 && group !== undefined ? `uid = ${user}\ngid = ${group}\n` : ''
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
