import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, readFileSync, readdirSync, type Dirent } from 'node:fs'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { backer, type Backer, type FolderStatus } from '../../lib/index.js'
import type { Flow, Stage } from './flows.js'

const DEVICE = fileURLToPath(new URL('device.js', import.meta.url))
const DEADLINE_MS = 60_000
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
    await rig.start()
    await rig.untilSame()
    return rig
  }

  /** Starts the mortal device, under a kill at the `when`-th `call` of any of its threads where one is given. */
  async start(call?: string, when = 1): Promise<boolean> {
    if (this.#child !== undefined) await groupEnded(this.#child)
    const { mortal, home } = this.#parts
    const command = [process.execPath, DEVICE, mortal, home, this.#peer.key]
    const traced = call === undefined ? command : [...strace(call, when), '--', ...command]
    const child = spawn(traced[0] ?? '', traced.slice(1), {
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

  /**
   * One cycle of a flow with a kill at the `when`-th `call`; false where it came to its end before. Afterwards everything has been checked, and
   * both devices are the same. Throws with what is wrong.
   */
  async cycle(flow: Flow, call: string, when: number): Promise<boolean> {
    if (flow.apart === true) return this.#apart(flow, call, when)
    const tracer = await attach(this.#alive(), strace(call, when))
    this.#act(flow)
    const wasKilled = await this.#untilSameOrDead()
    await letGo(tracer)
    if (wasKilled) await this.#recover(flow)
    else this.#check(flow)
    return wasKilled
  }

  /** How often each call is made by one thread in a cycle of a flow that nobody kills, at most. */
  async profile(flow: Flow, calls: readonly string[], log: string): Promise<ReadonlyMap<string, number>> {
    const tracing = ['strace', '-f', '-e', `trace=${calls.map(call => `?${call}`).join()}`, '-o', log]
    const tracer = await attach(this.#alive(), tracing)
    this.#act(flow)
    await this.untilSame()
    await letGo(tracer)
    this.#check(flow)
    return countCalls(readFileSync(log, 'latin1'))
  }

  /** As `cycle`, where both devices change things while only one of them runs, and the kill strikes the other as it comes back. */
  async #apart(flow: Flow, call: string, when: number): Promise<boolean> {
    await this.#kill()
    this.#act(flow)
    const isReady = await this.start(call, when)
    const wasKilled = !isReady || (await this.#untilSameOrDead())
    if (wasKilled) await this.#recover(flow)
    else await this.#restartPlain(flow)
    return wasKilled
  }

  /** Kills the device while it starts, at the `when`-th `call`; false where it started before that. */
  async startAndKill(call: string, when: number): Promise<boolean> {
    await this.#kill()
    const isReady = await this.start(call, when)
    const wasKilled = !isReady || (await this.#untilSameOrDead())
    if (wasKilled) await this.#recover(undefined)
    else await this.#restartPlain(undefined)
    return wasKilled
  }

  async close(): Promise<void> {
    await this.#kill()
    await this.#peer.close()
  }

  async untilSame(): Promise<void> {
    if (await this.#untilSameOrDead()) throw new Error('the device died by itself')
  }

  async #restartPlain(flow: Flow | undefined): Promise<void> {
    await this.#kill()
    await this.start()
    await this.untilSame()
    this.#check(flow)
  }

  #alive(): ChildProcess {
    if (this.#child === undefined) throw new Error('the device was not started')
    return this.#child
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

  /** What a kill left is looked at, the device started again, and looked at again when both are the same. */
  async #recover(flow: Flow | undefined): Promise<void> {
    this.kills++
    await groupEnded(this.#alive())
    this.#parts.afterKill?.()
    this.#checkLeft(flow)
    await this.start()
    await this.untilSame()
    this.#check(flow)
  }

  /** S1, S4, S19: before anybody has recovered anything, what was acknowledged is there, and what stands is whole. */
  #checkLeft(flow: Flow | undefined): void {
    const { mortal } = this.#parts
    const there = tokensBelow(mortal)
    for (const token of this.#acked)
      if (!there.has(token)) throw new Error(`${token} was acknowledged and is gone from ${mortal}`)
    const path = flow?.neverAbsent
    if (path !== undefined && existsSync(join(this.#parts.peer, path)) && this.#seen.has(path)) {
      if (!existsSync(join(mortal, path))) throw new Error(`${path} is absent`)
    }
    this.#checkWhole(mortal)
  }

  readonly #seen = new Set<string>()

  /** S1, S3: both show the same; every file is a whole version; no version is gone from both. */
  #check(flow: Flow | undefined): void {
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
    if (flow?.neverAbsent !== undefined) this.#seen.add(flow.neverAbsent)
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
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return true
      last = await statusOf(child)
      const mine = this.#peer.status()
      const isSame = last !== undefined && last.idle && mine.idle && last.root === mine.root
      if (isSame && mine.peers.length > 0 && (await this.#isSeen())) return false
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    throw new Error(`never the same: ${JSON.stringify([last, this.#peer.status()]).slice(0, 3000)}`)
  }

  /** What users did is in both trees: a hint of it may still be on its way while both are at rest. */
  #isSeen(): Promise<boolean> {
    const { mortal, peer } = this.#parts
    return Promise.resolve(linesOf(mortal).join('\n') === linesOf(peer).join('\n'))
  }

  async #kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    killGroup(child)
    await once(child, 'exit')
  }
}

const running = new Set<ChildProcess>()

/** Ends every process that a rig began, at once. */
export function killAll(): void {
  running.forEach(killGroup)
}

/** With strace around it a device has a process of its own in the group. */
function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL')
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

function strace(call: string, when: number): string[] {
  return ['strace', '-f', '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${when}`, '-o', '/dev/null']
}

/** Puts a running process under strace; resolves once all of its threads are. */
async function attach(child: ChildProcess, [program = '', ...args]: readonly string[]): Promise<ChildProcess> {
  const tracer = spawn(program, [...args, '-p', String(child.pid)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe']
  })
  running.add(tracer)
  tracer.once('exit', () => running.delete(tracer))
  await Promise.race([once(tracer.stderr, 'data'), once(tracer, 'exit')])
  tracer.stderr.resume()
  return tracer
}

async function letGo(tracer: ChildProcess): Promise<void> {
  if (tracer.exitCode !== null || tracer.signalCode !== null) return
  tracer.kill('SIGTERM')
  await once(tracer, 'exit')
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
      const shown = entry.isFile() ? `${stat?.size} ${(stat?.mode ?? 0) & 0o777} ${Math.floor(stat?.mtimeMs ?? 0)}` : ''
      const kind = entry.isDirectory() ? 'd' : entry.isSymbolicLink() ? 'l' : 'f'
      return `${kind} ${path.slice(root.length + 1)} ${shown}`
    })
    .sort()
}

/** The names of all versions that lie anywhere in a folder, in its own directory too. */
function tokensBelow(root: string): Set<string> {
  const tokens = new Set<string>()
  for (const path of filesBelow(root, true)) {
    if (path.includes('/.backer/index') || path.includes('/.backer/home')) continue
    const text = readFileSync(path, 'latin1')
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
  return readdirSync(root, { withFileTypes: true })
    .filter(entry => withOwn || (entry.name !== '.backer' && entry.name !== 'lost+found'))
    .flatMap(entry => [entry, ...(entry.isDirectory() ? entriesBelow(join(root, entry.name), true) : [])])
}

/** A seed for a run that was given none. */
export function freshSeed(): number {
  return randomBytes(4).readUInt32LE()
}
