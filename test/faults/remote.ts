import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Backer, FolderStatus } from '../../lib/index.js'
import { until, type Scope } from '../make/backers.js'

const DEVICE = fileURLToPath(new URL('../crash/device.js', import.meta.url))

export interface RemoteParts {
  readonly directory: string
  readonly home: string
  /** The device here that it is connected to. */
  readonly peer: Backer
  /** What it is started by: a program that injects faults, with its arguments. */
  readonly under?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A device in a process of its own, connected to one in this process, under whatever makes its system calls fail. */
export class Remote {
  readonly #child: ChildProcess
  readonly #isReady: Promise<boolean>
  #stderr = ''

  constructor(t: Scope, { directory, home, peer, under = [], env = {} }: RemoteParts) {
    const command = [...under, process.execPath, DEVICE, directory, home, peer.key]
    this.#child = spawn(command[0] ?? '', command.slice(1), {
      detached: true,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc']
    })
    const child = this.#child
    const stream = peer.createStream()
    for (const end of [stream, child.stdin, child.stdout]) end?.on('error', () => undefined)
    child.stdout?.pipe(stream).pipe(child.stdin!)
    child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    child.once('exit', () => stream.destroy())
    this.#isReady = Promise.race([once(child, 'message').then(() => true), once(child, 'exit').then(() => false)])
    t.teardown(() => this.kill(), { order: -1 })
  }

  /** Resolves once it is open. Throws with what it said where it ended instead. */
  async ready(): Promise<this> {
    if (!(await this.#isReady)) throw new Error(`the device ended: ${this.#stderr}`)
    return this
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Only where it was started by nothing else. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  get stderr(): string {
    return this.#stderr
  }

  /** The most memory that it ever had, in bytes. Only where it was started by nothing else. */
  peakBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Infinity) * 1024
  }

  /** Throws where it has ended. */
  async status(): Promise<FolderStatus> {
    if (this.hasEnded) throw new Error(`the device ended: ${this.#stderr}`)
    this.#child.send('status', () => undefined)
    const over = new AbortController()
    const { signal } = over
    const answer = once(this.#child, 'message', { signal }).then(([status]) => status as FolderStatus)
    const end = once(this.#child, 'exit', { signal }).then(() => {
      throw new Error(`the device ended: ${this.#stderr}`)
    })
    try {
      return await Promise.race([answer, end])
    } finally {
      over.abort()
      await Promise.allSettled([answer, end])
    }
  }

  /** Waits until its status is so. */
  async until(what: string, holds: (status: FolderStatus) => boolean): Promise<FolderStatus> {
    let last: FolderStatus | undefined
    try {
      await until(what, async () => holds((last = await this.status())))
    } catch (error) {
      throw new Error(`${String(error)}\n${JSON.stringify({ ...last, peers: undefined })}`)
    }
    return last!
  }

  /** Waits until it and its peer hold the same, and have nothing to do. */
  async untilSame(peer: Backer): Promise<void> {
    await this.until('both hold the same', ({ idle, root, peers }) => {
      const mine = peer.status()
      return idle && mine.idle && root === mine.root && peers.length > 0
    })
  }

  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid !== undefined && !this.hasEnded) process.kill(-pid, signal)
  }

  async end(): Promise<void> {
    if (this.hasEnded) return
    this.#child.send('end')
    await once(this.#child, 'exit')
  }

  async kill(): Promise<void> {
    if (this.hasEnded) return
    this.signal('SIGKILL')
    await once(this.#child, 'exit')
  }
}
