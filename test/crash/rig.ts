import type { ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { backer, type Backer, type FolderStatus } from '../../lib/index.js'
import { BUNDLED_DEVICE } from './bundle.js'
import type { Flow, Stage } from './flows.js'
import { filesBelow, linesOf, TOKEN_LENGTH, tokensBelow } from './shown.js'
import { begin, changesIn, end, hasEnded } from './strike.js'

const DEADLINE_MS = 60_000
/** For a device that may hang to say how it is. */
const LAST_WORD_MS = 5000
/** Versions of so many cycles are looked for after each. */
const REMEMBERED = 400

export interface RigParts {
  /** Where the device that is killed has its folder and its home. */
  readonly mortal: string
  readonly home: string
  readonly peer: string
  /** What ends a process at a call, and where it says which calls came. */
  readonly atCall: string
  readonly log: string
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
  /** Paths that a flow never shows absent, and that were seen. */
  readonly #neverAbsent = new Set<string>()
  /** How often users have played each flow. */
  readonly #acted = new Map<Flow, number>()
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
    await rig.#start(0)
    await rig.#untilSame()
    await rig.#endHere()
    return rig
  }

  /**
   * The changes that a device makes from a start to the end of a cycle that nobody interrupts, by the names of the calls. The crash before it was
   * the last flow's: with it ends what that has left.
   */
  async profile(flow: Flow): Promise<readonly string[]> {
    if (flow.apart === true) this.#act(flow)
    await this.#start(0)
    await this.#untilSame()
    this.#check()
    if (flow.apart !== true) this.#act(flow)
    await this.#untilSame()
    this.#check()
    if (flow.neverAbsent !== undefined) this.#neverAbsent.add(flow.neverAbsent)
    await this.#endHere()
    return changesIn(this.#parts.log)
  }

  /**
   * One cycle: a start after a crash, what users do, and a kill before the change number `point`, which may come before anything was recovered. Whatever it left is
   * looked at. True where it came. Throws with what is wrong.
   */
  async cycle(flow: Flow, point: number): Promise<boolean> {
    if (flow.apart === true) this.#act(flow)
    const isReady = await this.#start(point)
    const wasKilled = !isReady || (await this.#goesThrough(flow))
    this.kills += Number(wasKilled)
    await this.#endHere()
    return wasKilled
  }

  /** A start that nobody interrupts: both devices become the same. */
  async settle(): Promise<void> {
    await this.#start(0)
    await this.#untilSame()
    this.#check()
    await this.#endHere()
  }

  async close(): Promise<void> {
    if (this.#child !== undefined) await end(this.#child)
    await this.#peer.close()
  }

  /** True where the device died. */
  async #goesThrough(flow: Flow): Promise<boolean> {
    if (await this.#untilSameOrDead()) return true
    this.#check()
    if (flow.apart === true) return false
    this.#act(flow)
    if (await this.#untilSameOrDead()) return true
    this.#check()
    return false
  }

  /** Starts the mortal device, which dies at `point`; false where it ended before it was ready. */
  async #start(point: number): Promise<boolean> {
    const { mortal, home, atCall, log } = this.#parts
    const child = begin({ atCall, point, log }, [BUNDLED_DEVICE, mortal, home, this.#peer.key])
    this.#child = child
    const stream = this.#peer.createStream()
    for (const way of [stream, child.stdin, child.stdout]) way?.on('error', () => undefined)
    child.stdout?.pipe(stream).pipe(child.stdin!)
    child.once('exit', () => stream.destroy())
    return (await firstOf(child)) === 'message'
  }

  async #untilSame(): Promise<void> {
    if (await this.#untilSameOrDead()) throw new Error('the device died by itself')
  }

  /** The users do their part. What they themselves overwrite or remove on every device that shows it is theirs to lose. */
  #act(flow: Flow): void {
    const acted = this.#acted.get(flow) ?? 0
    this.#acted.set(flow, acted + 1)
    this.cycles++
    flow.act(this.#stage(), acted)
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

  /** The device ends, where it has not died: where the power goes as well it goes now, and what is left is looked at. */
  async #endHere(): Promise<void> {
    if (this.#child !== undefined) await end(this.#child)
    this.#parts.afterKill?.()
    this.#checkLeft()
  }

  /** S1, S4, S19: before anybody has recovered anything, what was acknowledged is there, and what stands is whole. */
  #checkLeft(): void {
    const { mortal, peer } = this.#parts
    const there = tokensBelow(mortal)
    for (const token of this.#acked)
      if (!there.has(token)) throw new Error(`${token} was acknowledged and is gone from ${mortal}`)
    for (const path of this.#neverAbsent)
      if (existsSync(join(peer, path)) && !existsSync(join(mortal, path))) throw new Error(`${path} is absent`)
    this.#checkWhole(mortal)
  }

  /** S1, S3: both show the same; every file is a whole version; no version is gone from both. */
  #check(): void {
    const { mortal, peer } = this.#parts
    this.#checkWhole(mortal)
    this.#checkWhole(peer)
    const differing = this.#differing()
    if (differing.length > 0) throw new Error(`the devices differ: ${differing.slice(0, 6).join(' | ')}`)
    this.#acked = tokensBelow(mortal)
    const held = new Set([...this.#acked, ...tokensBelow(peer)])
    for (const token of this.#versions) if (!held.has(token)) throw new Error(`version ${token} is lost`)
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
    const last = Date.now() + DEADLINE_MS
    let status: FolderStatus | undefined
    while (Date.now() < last) {
      if (child === undefined || hasEnded(child)) return true
      const mine = this.#peer.status()
      if (mine.idle && mine.peers.length > 0 && this.#showTheSame()) {
        status = await statusOf(child)
        if (status?.idle === true && status.root === this.#peer.status().root && this.#showTheSame()) return false
      }
      await new Promise(resolve => setTimeout(resolve, 8))
    }
    status = child === undefined ? undefined : await Promise.race([statusOf(child), wait(LAST_WORD_MS, undefined)])
    throw new Error(
      `never the same: ${this.#differing().slice(0, 6).join(' | ')} ${JSON.stringify([status, this.#peer.status()]).slice(0, 3000)}`
    )
  }

  /** What stands on one of them and not on the other. */
  #differing(): readonly string[] {
    const [a, b] = [linesOf(this.#parts.mortal), linesOf(this.#parts.peer)]
    return [
      ...a.filter(line => !b.includes(line)).map(line => `mortal: ${line}`),
      ...b.filter(line => !a.includes(line)).map(line => `peer: ${line}`)
    ]
  }

  /** What users did shows on both: a hint of it may still be on its way while both are at rest. */
  #showTheSame(): boolean {
    const { mortal, peer } = this.#parts
    return linesOf(mortal).join('\n') === linesOf(peer).join('\n')
  }
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

/** A seed for a run that was given none. */
export function freshSeed(): number {
  return randomBytes(4).readUInt32LE()
}
