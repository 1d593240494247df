import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'brittle'
import { Client } from '../../lib/cli/client.js'
import { isBackerError } from '../../lib/core/error.js'
import type { FolderDocument, PeerDocument, StatusDocument } from '../../lib/daemon/document.js'
import type { LabHost } from './lab.js'

const BIN = fileURLToPath(new URL('../../bin/backer.js', import.meta.url))
const LOOK_MS = 20

/** A device in a lab: a home and a folder of its own, and the real program, run on some host. */
export class LabDevice {
  readonly host: LabHost
  readonly root: string
  readonly folder: string
  /** Asks the device's process. Its socket is reached from everywhere on this machine: what is in a file system is in no network. */
  readonly client: Client
  readonly #env: Readonly<Record<string, string>>
  #running: ChildProcess | undefined
  #output = ''

  private constructor(host: LabHost, root: string, env: Readonly<Record<string, string>>) {
    this.host = host
    this.root = root
    this.folder = join(root, 'folder')
    this.client = new Client(join(root, 'home'))
    this.#env = env
  }

  /** A device that uses the DHT node at `bootstrap`, or none that answers. */
  static async make(t: Test, host: LabHost, env: Readonly<Record<string, string>> = {}): Promise<LabDevice> {
    const root = await mkdtemp(join(host.directory, 'device-'))
    const device = new LabDevice(host, root, {
      PATH: process.env['PATH'] ?? '',
      HOME: root,
      BACKER_HOME: join(root, 'home'),
      BACKER_BOOTSTRAP: '127.0.0.1:9',
      ...env
    })
    await mkdir(device.folder)
    t.teardown(() => device.stop(), { order: 1 })
    return device
  }

  /** The process that goes on; undefined where none does. */
  get pid(): number | undefined {
    return this.#running?.pid
  }

  get output(): string {
    return this.#output
  }

  /** Shares the folder; gives its key. */
  async share(...options: string[]): Promise<string> {
    this.#start(['share', '--foreground', this.folder, ...options])
    return (await this.says(/^backer-rw-[a-z0-9]+$/m))[0]
  }

  async join(key: string, ...options: string[]): Promise<void> {
    this.#start(['join', '--foreground', key, this.folder, ...options])
    await this.says(/Joined/)
  }

  /** Starts a command that goes on. */
  start(...words: string[]): void {
    this.#start(words)
  }

  /** Runs a command to its end and gives what it printed. */
  async run(...words: string[]): Promise<string> {
    const child = this.#spawn(words)
    let output = ''
    child.stdout?.on('data', (bytes: Buffer) => (output += bytes.toString()))
    await once(child, 'close')
    return output
  }

  /** The status of the device's folder; undefined while nothing runs. */
  async status(): Promise<FolderDocument | undefined> {
    return (await this.running())?.folders[0]
  }

  async running(): Promise<StatusDocument | undefined> {
    try {
      return await this.client.status()
    } catch (error) {
      if (isBackerError(error, 'NOT_RUNNING')) return undefined
      throw error
    }
  }

  async peers(): Promise<readonly PeerDocument[]> {
    return (await this.status())?.peers ?? []
  }

  /** Waits until the device's peers are as they should be; gives how long that took, in milliseconds. */
  untilPeers(isRight: (peers: readonly PeerDocument[]) => boolean, deadlineMs: number): Promise<number> {
    return this.until(({ peers }) => isRight(peers), deadlineMs)
  }

  /** Waits until the status of the device's folder is as it should be; gives how long that took, in milliseconds. */
  async until(isRight: (folder: FolderDocument) => boolean, deadlineMs: number): Promise<number> {
    const begin = performance.now()
    for (;;) {
      const folder = await this.status()
      const elapsedMs = performance.now() - begin
      if (folder !== undefined && isRight(folder)) return elapsedMs
      if (elapsedMs > deadlineMs)
        throw new Error(`not within ${deadlineMs} ms: ${JSON.stringify(folder)}\n${this.#output.slice(-4000)}`)
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (const end = performance.now() + 60_000; ;) {
      const match = pattern.exec(this.#output)
      if (match !== null) return match
      if (performance.now() > end) throw new Error(`never said ${String(pattern)}:\n${this.#output}`)
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#running
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    const hard = setTimeout(() => child.kill('SIGKILL'), 12_000)
    await gone
    clearTimeout(hard)
  }

  /** What stops the device's process for a while, or has it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#running?.kill(signal)
  }

  #start(words: readonly string[]): void {
    this.#output = ''
    const child = this.#spawn(words)
    const note = (bytes: Buffer): string => (this.#output += bytes.toString())
    child.stdout?.on('data', note)
    child.stderr?.on('data', note)
    this.#running = child
  }

  #spawn(words: readonly string[]): ChildProcess {
    const [program = '', ...before] = this.host.prefix
    const args = [...before, process.execPath, BIN, ...words]
    return spawn(program, args, { env: this.#env, cwd: this.root, stdio: ['ignore', 'pipe', 'pipe'] })
  }
}

/** A node of a DHT of the lab's own, on a host's first address; gives what BACKER_BOOTSTRAP needs. */
export async function startDht(t: Test, host: LabHost): Promise<string> {
  const node = await LabDevice.make(t, host)
  node.start('dht', '--host', host.address, '--port', '49737')
  await node.says(new RegExp(`${host.address}:49737`))
  return `${host.address}:49737`
}
