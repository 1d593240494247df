import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { DEADLINE_MS } from './alike.js'
import type { Contender, Cost, Place } from './contender.js'
import { Live } from './live.js'

const FOLDER = 'bench'
const LOOK_MS = 20
/** Ten seconds by default: it is told to look at a change as soon as it can be told to. Older versions take whole seconds only. */
const DELAY_SECONDS = 0.01
const OLD_DELAY_SECONDS = 1
/** What would call out. Source: Syncthing's documentation, "Configuration", options. */
const SILENT = [
  'globalAnnounceEnabled',
  'localAnnounceEnabled',
  'relaysEnabled',
  'natEnabled',
  'crashReportingEnabled',
  'startBrowser'
]

interface FolderState {
  readonly state?: string
  readonly needTotalItems?: number
  readonly globalFiles?: number
  readonly localFiles?: number
}

/** One device: a process with a directory of its own for what it keeps, a port for the others and one for its REST interface. */
class Device {
  readonly #home: string
  readonly root: string
  readonly port: number
  readonly #restPort: number
  readonly #apiKey: string
  readonly id: string
  #child: ChildProcess | undefined
  #startedAt = 0

  constructor(home: string, root: string, port: number, restPort: number) {
    this.#home = home
    this.root = root
    this.port = port
    this.#restPort = restPort
    execFileSync('syncthing', ['generate', '--home', home, '--no-default-folder'], { stdio: 'ignore' })
    this.id = execFileSync('syncthing', ['--device-id', '--home', home], { encoding: 'utf8' }).trim()
    const file = join(home, 'config.xml')
    const config = readFileSync(file, 'utf8')
    this.#apiKey = /<apikey>(.*)<\/apikey>/.exec(config)?.[1] ?? ''
    const silent = SILENT.reduce((text, option) => set(text, option, 'false'), config)
    const quiet = set(set(set(silent, 'urAccepted', '-1'), 'autoUpgradeIntervalH', '0'), 'stunKeepaliveStartS', '0')
    const listening = set(quiet, 'listenAddress', `tcp://127.0.0.1:${port}`)
    writeFileSync(file, listening.replace(/(<gui [^]*?<address>)[^<]*/, `$1127.0.0.1:${restPort}`))
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async start(): Promise<void> {
    // Its own times are whole seconds.
    this.#startedAt = Math.floor(Date.now() / 1000) * 1000
    this.#child = spawn('syncthing', ['serve', '--home', this.#home, '--no-browser', '--no-restart'], {
      stdio: 'ignore',
      env: { ...process.env, HOME: this.#home, STNODEFAULTFOLDER: '1', STNOUPGRADE: '1' }
    })
    await until(async () => (await this.#get('system/ping')) !== undefined)
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }

  /** Has a folder with the other device, empty as yet. */
  async share(other: Device): Promise<void> {
    const addresses = [`tcp://127.0.0.1:${other.port}`]
    await this.#put(`config/devices/${other.id}`, { deviceID: other.id, name: other.id, addresses })
    const devices = [this.id, other.id].map(deviceID => ({ deviceID }))
    const folder = { id: FOLDER, path: this.root, type: 'sendreceive', fsWatcherEnabled: true, devices }
    try {
      await this.#put(`config/folders/${FOLDER}`, { ...folder, fsWatcherDelayS: DELAY_SECONDS })
    } catch {
      await this.#put(`config/folders/${FOLDER}`, { ...folder, fsWatcherDelayS: OLD_DELAY_SECONDS })
    }
    await until(async () => (await this.#state())?.state === 'idle')
  }

  /** True once it has scanned since it was started, has nothing to do, is connected, and says that the other one has everything. */
  async isInSyncWith(other: Device): Promise<boolean> {
    const state = await this.#state()
    if (state?.state !== 'idle' || state.needTotalItems !== 0) return false
    // Without anything it is idle as well: before the other one has told what it has.
    if (state.globalFiles === 0 || state.localFiles !== state.globalFiles) return false
    const scans = (await this.#get('stats/folder')) as Record<string, { lastScan?: string }> | undefined
    const lastScan = scans?.[FOLDER]?.lastScan
    if (lastScan === undefined || Date.parse(lastScan) < this.#startedAt) return false
    const { connections = {} } = ((await this.#get('system/connections')) ?? {}) as {
      connections?: Record<string, { connected?: boolean }>
    }
    if (connections[other.id]?.connected !== true) return false
    const there = await this.#get(`db/completion?folder=${FOLDER}&device=${other.id}`)
    const { completion, remoteState = 'valid' } = (there ?? {}) as { completion?: number; remoteState?: string }
    return completion === 100 && remoteState === 'valid'
  }

  async #state(): Promise<FolderState | undefined> {
    return (await this.#get(`db/status?folder=${FOLDER}`)) as FolderState | undefined
  }

  async #get(path: string): Promise<unknown> {
    try {
      const answer = await fetch(this.#url(path), { headers: { 'X-API-Key': this.#apiKey } })
      return answer.ok ? await answer.json() : undefined
    } catch {
      // It is still starting.
      return undefined
    }
  }

  async #put(path: string, body: unknown): Promise<void> {
    const headers = { 'X-API-Key': this.#apiKey, 'Content-Type': 'application/json' }
    const answer = await fetch(this.#url(path), { method: 'PUT', headers, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`Syncthing: ${path}: ${await answer.text()}`)
  }

  #url(path: string): string {
    return `http://127.0.0.1:${this.#restPort}/rest/${path}`
  }
}

class Syncthings extends Live {
  readonly name = 'Syncthing'
  readonly #devices: readonly [Device, Device]

  constructor(devices: readonly [Device, Device]) {
    super(devices[0].root, devices[1].root)
    this.#devices = devices
  }

  async first(): Promise<Cost> {
    const [a, b] = this.#devices
    const start = performance.now()
    await Promise.all([a.start(), b.start()])
    await until(async () => (await a.isInSyncWith(b)) && (await b.isInSyncWith(a)))
    return this.costSince(start)
  }

  async restart(): Promise<Cost> {
    await this.close()
    return this.first()
  }

  async close(): Promise<void> {
    await Promise.all(this.#devices.map(device => device.stop()))
  }

  protected pids(): readonly number[] {
    return this.#devices.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  }
}

/** Two devices that know each other and share an empty folder, not running: static addresses, TCP, nothing that calls out. */
export async function startSyncthings({ place, a, b, port }: Place): Promise<Contender> {
  const devices = [
    new Device(join(place, 'syncthing-a'), a, port, port + 1),
    new Device(join(place, 'syncthing-b'), b, port + 2, port + 3)
  ] as const
  const [first, second] = devices
  try {
    await Promise.all(devices.map(device => device.start()))
    await Promise.all([first.share(second), second.share(first)])
  } finally {
    await Promise.all(devices.map(device => device.stop()))
  }
  return new Syncthings(devices)
}

function set(config: string, option: string, value: string): string {
  return config.replace(new RegExp(`<${option}>[^<]*</${option}>`), `<${option}>${value}</${option}>`)
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error('Syncthing hangs')
    await wait(LOOK_MS)
  }
}
