import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, type Dirent } from 'node:fs'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { backer, type Backer, type FolderStatus } from '../../lib/index.js'
import type { Flow, Stage } from './flows.js'

const DEVICE = fileURLToPath(new URL('device.js', import.meta.url))
const DEADLINE_MS = 60_000
/** Begun by strace a process stops at the calls that are named only, by a filter in the kernel. */
const STRACE = ['strace', '-f', '--seccomp-bpf', '-e']
/** Every version's content is its name, over and over. */
const TOKEN_LENGTH = 48
/** Versions of so many cycles are looked for after each. */
const REMEMBERED = 400

export interface RigParts {
  /** Where the device that is killed has its folder and its home. */
  readonly mortal: string
  readonly home: string
  readonly peer: string
  /** What happens between a kill and the next start. */
  readonly afterKill?: () => void
  readonly seed: number
}

/** One system call, of those that a thread makes between a start and the end of a cycle. */
export interface Point {
  readonly call: string
  /** The how-manieth of its kind, from 1. */
  readonly when: number
}

/** Two devices of one folder: one here, which lives, and one in a process of its own, which is killed again and again. */
export class Rig {
  readonly #parts: RigParts
  readonly #peer: Backer
  #child: ChildProcess | undefined
  #versions: string[] = []
  #acked = new Set<string>()
  #count = 0
  kills = 0
  cycles = 0

  private constructor(parts: RigParts, peer: Backer) {
    this.#parts = parts
    this.#peer = peer
  }

  static async open(parts: RigParts): Promise<Rig> {
    const peer = backer(parts.peer, { deviceName: 'immortal' })
    await peer.ready()
    const rig = new Rig(parts, peer)
    await rig.#start([])
    await rig.#untilSame()
    return rig
  }

  /**
   * How often each call is made, at most by one thread, from a start to the end of a cycle that nobody interrupts. A crash comes before it, so that
   * the start has something to recover from.
   */
  async profile(flow: Flow, calls: readonly string[], log: string): Promise<ReadonlyMap<string, number>> {
    this.#act(flow)
    await this.#kill()
    this.#cut(flow)
    if (flow.apart === true) this.#act(flow)
    await this.#start([...STRACE, `trace=${calls.map(call => `?${call}`).join()}`, '-o', log])
    await this.#untilSame()
    if (flow.apart !== true) this.#act(flow)
    await this.#untilSame()
    await this.#kill()
    this.#check(flow)
    return countCalls(readFileSync(log, 'latin1'))
  }

  /**
   * One cycle: a start after a crash, what users do, and a kill at `point`, which may come before anything was recovered. Whatever it left is looked at. True where it
   * came. Throws with what is wrong.
   */
  async cycle(flow: Flow, { call, when }: Point): Promise<boolean> {
    if (flow.apart === true) this.#act(flow)
    const kill = ['-e', `inject=${call}:signal=KILL:when=${when}`]
    const isReady = await this.#start([...STRACE, `trace=${call}`, ...kill, '-o', '/dev/null'])
    const wasKilled = !isReady || (await this.#runCycle(flow))
    this.kills += Number(wasKilled)
    await this.#kill()
    this.#cut(flow)
    return wasKilled
  }

  /** A start that nobody interrupts: both devices become the same. */
  async settle(flow: Flow): Promise<void> {
    await this.#start([])
    await this.#untilSame()
    this.#check(flow)
    await this.#kill()
  }

  async close(): Promise<void> {
    await this.#kill()
    await this.#peer.close()
  }

  /** True where the device died. */
  async #runCycle(flow: Flow): Promise<boolean> {
    if (await this.#untilSameOrDead()) return true
    this.#check(flow)
    if (flow.apart === true) return false
    this.#act(flow)
    if (await this.#untilSameOrDead()) return true
    this.#check(flow)
    return false
  }

  /** Starts the mortal device, by a command that may kill it; false where it ended before it was ready. */
  async #start(by: readonly string[]): Promise<boolean> {
    const { mortal, home } = this.#parts
    const command = [...by, process.execPath, DEVICE, mortal, home, this.#peer.key]
    const child = spawn(command[0] ?? '', command.slice(1), {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit', 'ipc']
    })
    this.#child = child
    running.add(child)
    child.once('exit', () => running.delete(child))
    const stream = this.#peer.createStream()
    for (const end of [stream, child.stdin, child.stdout]) end?.on('error', () => undefined)
    child.stdout?.pipe(stream).pipe(child.stdin!)
    child.once('exit', () => stream.destroy())
    return (await firstOf(child)) === 'message'
  }

  async #untilSame(): Promise<void> {
    if (await this.#untilSameOrDead()) throw new Error('the device died by itself')
  }

  /** The users do their part. What they themselves overwrite or remove on every device that shows it is theirs to lose. */
  #act(flow: Flow): void {
    flow.act(this.#stage(), this.cycles++)
    const mine = tokensBelow(this.#parts.mortal)
    const held = new Set([...mine, ...tokensBelow(this.#parts.peer)])
    this.#versions = this.#versions.filter(token => held.has(token))
    this.#acked = new Set([...this.#acked].filter(token => mine.has(token)))
  }

  #stage(): Stage {
    const { mortal, peer } = this.#parts
    return { mortal, peer, version: size => this.#version(size) }
  }

  #version(size = 200): string {
    const token = createHash('sha256')
      .update(`${this.#parts.seed} ${this.#count++}`)
      .digest('hex')
      .slice(0, TOKEN_LENGTH)
    this.#versions.push(token)
    if (this.#versions.length > REMEMBERED) this.#versions.shift()
    return token.repeat(Math.ceil(size / TOKEN_LENGTH))
  }

  /** The device is dead: where the power goes as well it goes now, and what is left is looked at. */
  #cut(flow: Flow): void {
    this.#parts.afterKill?.()
    this.#checkLeft(flow)
  }

  /** S1, S4, S19: before anybody has recovered anything, what was acknowledged is there, and what stands is whole. */
  #checkLeft(flow: Flow): void {
    const { mortal } = this.#parts
    const there = tokensBelow(mortal)
    for (const token of this.#acked)
      if (!there.has(token)) throw new Error(`${token} was acknowledged and is gone from ${mortal}`)
    const path = flow.neverAbsent
    if (path !== undefined && existsSync(join(this.#parts.peer, path)) && this.#seen.has(path)) {
      if (!existsSync(join(mortal, path))) throw new Error(`${path} is absent`)
    }
    this.#checkWhole(mortal)
  }

  readonly #seen = new Set<string>()

  /** S1, S3: both show the same; every file is a whole version; no version is gone from both. */
  #check(flow: Flow): void {
    const { mortal, peer } = this.#parts
    this.#checkWhole(mortal)
    this.#checkWhole(peer)
    const [a, b] = [linesOf(mortal), linesOf(peer)]
    if (a.join('\n') !== b.join('\n')) {
      const differing = [...a.filter(line => !b.includes(line)), ...b.filter(line => !a.includes(line))]
      throw new Error(`the devices differ: ${differing.slice(0, 6).join(' | ')}`)
    }
    const held = new Set([...tokensBelow(mortal), ...tokensBelow(peer)])
    for (const token of this.#versions) if (!held.has(token)) throw new Error(`version ${token} is lost`)
    this.#acked = tokensBelow(mortal)
    if (flow.neverAbsent !== undefined) this.#seen.add(flow.neverAbsent)
  }

  #checkWhole(root: string): void {
    for (const path of filesBelow(root, false)) {
      if (path.includes('.saving ')) continue
      const text = readFileSync(path, 'latin1')
      const token = text.slice(0, TOKEN_LENGTH)
      if (text !== token.repeat(text.length / TOKEN_LENGTH) || token.length < TOKEN_LENGTH)
        throw new Error(`${path} is no whole version: ${text.length} bytes, ${JSON.stringify(text.slice(0, 60))}`)
    }
  }

  /** True where the device has died; false once both are at rest and the same. */
  async #untilSameOrDead(): Promise<boolean> {
    const child = this.#child
    const end = Date.now() + DEADLINE_MS
    let last: FolderStatus | undefined
    while (Date.now() < end) {
      if (child === undefined || hasEnded(child)) return true
      const mine = this.#peer.status()
      if (mine.idle && mine.peers.length > 0 && this.#showTheSame()) {
        last = await statusOf(child)
        if (last?.idle === true && last.root === this.#peer.status().root && this.#showTheSame()) return false
      }
      await new Promise(resolve => setTimeout(resolve, 8))
    }
    throw new Error(`never the same: ${JSON.stringify([last, this.#peer.status()]).slice(0, 3000)}`)
  }

  /** What users did shows on both: a hint of it may still be on its way while both are at rest. */
  #showTheSame(): boolean {
    const { mortal, peer } = this.#parts
    return linesOf(mortal).join('\n') === linesOf(peer).join('\n')
  }

  /** Ends the device, where it has not ended yet, and whatever it was started by. */
  async #kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    if (!hasEnded(child)) killGroup(child)
    if (!hasEnded(child)) await once(child, 'exit')
    await groupEnded(child)
  }
}

const running = new Set<ChildProcess>()

/** Ends every process that a rig began, at once. */
export function killAll(): void {
  running.forEach(killGroup)
}

/** With strace around it a device has a process of its own in the group. */
function killGroup({ pid = 0 }: ChildProcess): void {
  if (isThere(pid)) process.kill(-pid, 'SIGKILL')
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

/** With strace around it a device may end after what it was started by: only then is its lock free. */
async function groupEnded({ pid = 0 }: ChildProcess): Promise<void> {
  const end = Date.now() + DEADLINE_MS
  while (isThere(pid)) {
    if (Date.now() > end) throw new Error(`process group ${pid} does not end`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

function isThere(group: number): boolean {
  try {
    return process.kill(-group, 0)
  } catch {
    return false
  }
}

/** Of each call, how often the thread that makes it most often does: strace counts by thread. */
function countCalls(log: string): Map<string, number> {
  const byThread = new Map<string, number>()
  const most = new Map<string, number>()
  for (const line of log.split('\n')) {
    const [, thread = '', call = ''] = /^(\d+) +(\w+)\(/.exec(line) ?? []
    if (call === '') continue
    const count = (byThread.get(`${thread} ${call}`) ?? 0) + 1
    byThread.set(`${thread} ${call}`, count)
    most.set(call, Math.max(most.get(call) ?? 0, count))
  }
  return most
}

/** Which comes first: that the device is ready, or its end. */
function firstOf(child: ChildProcess): Promise<'message' | 'exit'> {
  return new Promise(resolve => {
    child.once('message', () => resolve('message'))
    child.once('exit', () => resolve('exit'))
  })
}

async function statusOf(child: ChildProcess): Promise<FolderStatus | undefined> {
  const over = new AbortController()
  const { signal } = over
  const answer = once(child, 'message', { signal }).then(([status]) => status as FolderStatus)
  const died = once(child, 'exit', { signal }).then(() => undefined)
  child.send('status', () => undefined)
  try {
    return await Promise.race([answer, died])
  } finally {
    over.abort()
    await Promise.allSettled([answer, died])
  }
}

/** What a folder shows, one line an item. */
function linesOf(root: string): string[] {
  return entriesBelow(root, false)
    .map(entry => {
      const path = join(entry.parentPath, entry.name)
      const stat = lstatSync(path, { throwIfNoEntry: false })
      if (entry.isSymbolicLink()) return `l ${path.slice(root.length + 1)} ${ifThere(() => readlinkSync(path))}`
      const shown = entry.isFile() ? `${stat?.size} ${(stat?.mode ?? 0) & 0o777} ${Math.floor(stat?.mtimeMs ?? 0)}` : ''
      const kind = entry.isDirectory() ? 'd' : 'f'
      return `${kind} ${path.slice(root.length + 1)} ${shown}`
    })
    .sort()
}

/** The names of all versions that lie anywhere in a folder, in its own directory too. */
function tokensBelow(root: string): Set<string> {
  const tokens = new Set<string>()
  for (const path of filesBelow(root, true)) {
    if (path.includes('/.backer/index') || path.includes('/.backer/home')) continue
    const text = ifThere(() => readFileSync(path, 'latin1')) ?? ''
    if (/^[0-9a-f]{48}/.test(text)) tokens.add(text.slice(0, TOKEN_LENGTH))
  }
  return tokens
}

function filesBelow(root: string, withOwn: boolean): string[] {
  return entriesBelow(root, withOwn)
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
}

function entriesBelow(root: string, withOwn: boolean): Dirent[] {
  return (ifThere(() => readdirSync(root, { withFileTypes: true })) ?? [])
    .filter(entry => withOwn || (entry.name !== '.backer' && entry.name !== 'lost+found'))
    .flatMap(entry => [entry, ...(entry.isDirectory() ? entriesBelow(join(root, entry.name), true) : [])])
}

/** What is read of something that a living device may take away, or replace, in that moment; undefined where it did. */
function ifThere<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Error && 'code' in error && GONE.has(error.code)) return undefined
    throw error
  }
}

const GONE: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EINVAL'])

/** A seed for a run that was given none. */
export function freshSeed(): number {
  return randomBytes(4).readUInt32LE()
}
