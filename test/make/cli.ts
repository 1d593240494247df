import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'brittle'
import { makeTemporary } from './temporary.js'

const BIN = fileURLToPath(new URL('../../bin/backer.js', import.meta.url))
const DEADLINE_MS = 150_000

/** How a command ended. `code`: its exit code, or the signal that killed it. */
export interface Finished {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What it reads from stdin. */
  readonly input?: string
  /** When it is killed, where it has not ended by then. */
  readonly deadlineMs?: number
}

/** A device on this machine: a home of its own, and a directory for its folders. */
export class CliDevice {
  readonly #t: Test
  readonly root: string
  readonly #env: Readonly<Record<string, string>>
  readonly #started: RunningCli[] = []

  constructor(t: Test, root: string, env: Readonly<Record<string, string>>) {
    this.#t = t
    this.root = root
    this.#env = env
  }

  /** A path below the device's own directory. */
  at(...names: string[]): string {
    return join(this.root, ...names)
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], options: CliOptions = {}): Promise<Finished> {
    const running = this.#spawn(args, options)
    this.#t.teardown(() => running.kill(), { order: -1 })
    return running.finished
  }

  /** One more device on the same network. */
  beside(t: Test): Promise<CliDevice> {
    const { BACKER_BOOTSTRAP = '' } = this.#env
    return makeCliDevice(t, { BACKER_BOOTSTRAP })
  }

  /** Starts a command that goes on until it is told to stop; it is killed with the test. */
  start(args: readonly string[], options: CliOptions = {}): RunningCli {
    const running = this.#spawn(args, options)
    this.#t.teardown(() => running.kill(), { order: -1 })
    this.#started.push(running)
    return running
  }

  #spawn(
    args: readonly string[],
    { cwd = this.root, env = {}, input = '', deadlineMs = DEADLINE_MS }: CliOptions
  ): RunningCli {
    return new RunningCli(args, { cwd, env: { ...this.#env, ...env }, input, deadlineMs })
  }

  /** What the processes said that were started for longer than one answer. */
  get said(): string {
    return this.#started.map(({ args, stderr }) => `${args.join(' ')}:\n${stderr}`).join('\n')
  }
}

/** One process of the compiled program. */
export class RunningCli {
  readonly args: readonly string[]
  readonly finished: Promise<Finished>
  readonly #child
  #stdout = ''
  #stderr = ''
  #hasEnded = false

  constructor(args: readonly string[], { cwd, env, input, deadlineMs }: Required<CliOptions>) {
    this.args = args
    this.#child = spawn(process.execPath, [BIN, ...args], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdout.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()))
    this.#child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.#child.stdin.on('error', () => undefined)
    this.#child.stdin.end(input)
    this.finished = this.#finish(args, deadlineMs)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Resolves with the match once stdout (or stderr) has it. Throws where the process ends first, or after a deadline. */
  async says(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    const end = Date.now() + DEADLINE_MS
    for (;;) {
      const match = pattern.exec(this[stream])
      if (match !== null) return match
      if (this.#hasEnded || Date.now() > end)
        throw new Error(`never said ${String(pattern)}:\n${this.#stdout}\n${this.#stderr}`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    this.#child.kill(signal)
    return this.finished
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async #finish(args: readonly string[], deadlineMs: number): Promise<Finished> {
    const deadline = setTimeout(() => {
      this.#stderr += `\n(killed: backer ${args.join(' ')} did not end in time)`
      this.kill()
    }, deadlineMs)
    const [code, signal] = (await once(this.#child, 'close')) as [number | null, string | null]
    clearTimeout(deadline)
    this.#hasEnded = true
    return { code: code ?? signal ?? 'lost', stdout: this.#stdout, stderr: this.#stderr }
  }
}

/** A device that is on no network. */
export async function makeCliDevice(t: Test, env: Readonly<Record<string, string>> = {}): Promise<CliDevice> {
  const root = await makeTemporary(t)
  await mkdir(join(root, 'files'))
  const { PATH = '' } = process.env
  return new CliDevice(t, join(root, 'files'), {
    PATH,
    HOME: root,
    BACKER_HOME: join(root, 'home'),
    // A port where nobody answers: no test may reach the public DHT.
    BACKER_BOOTSTRAP: '127.0.0.1:9',
    // What a test starts it ends by itself; the tests of the background take this away.
    BACKER_NO_AUTOSTART: '1',
    BACKER_NO_LAN: '1',
    ...env
  })
}

/** Two devices on a DHT of their own. */
export async function makeCliPair(t: Test): Promise<[CliDevice, CliDevice]> {
  const helper = await makeCliDevice(t)
  const dht = helper.start(['dht', '--host', '127.0.0.1', '--port', '0'])
  const [address = ''] = await dht.says(/127\.0\.0\.1:\d+/)
  const env = { BACKER_BOOTSTRAP: address }
  return [await makeCliDevice(t, env), await makeCliDevice(t, env)]
}

/** A write key alone on a line. */
export const KEY = /^backer-rw-[a-z0-9]+$/m

/** Has a device share `docs` with one file; gives the process and the key. */
export async function shareDocs(device: CliDevice): Promise<{ running: RunningCli; key: string }> {
  await mkdir(device.at('docs'))
  await writeFile(device.at('docs', 'hello.txt'), 'hello\n')
  const running = device.start(['share', '--foreground', 'docs'])
  const [key] = await running.says(KEY)
  return { running, key }
}

/** What a question answers with --json. */
export async function documentOf(device: CliDevice, ...args: string[]): Promise<Record<string, unknown>> {
  const ended = await device.run([...args, '--json'])
  if (ended.code !== 0) throw new Error(`${args.join(' ')}: ${String(ended.code)} ${ended.stderr}\n${device.said}`)
  return JSON.parse(ended.stdout) as Record<string, unknown>
}
