import { createWriteKey, toReadKey } from '../../lib/core/model/keys.js'
import { messageOf } from '../../lib/core/error.js'
import { hashKey } from '../../lib/core/model/hash.js'
import { EMPTY_ROOT } from '../../lib/core/tree/node.js'
import { CHANGING, Killed, systemError } from '../disk/watched-filesystem.js'
import { losePower } from './crash.js'
import { Device, RESCAN_MS } from './device.js'
import { inspectConflicts, inspectEqual, inspectResting } from './inspect.js'
import { Broken, Ledger } from './ledger.js'
import type { Label } from './look.js'
import { Network } from './network.js'
import type { Misfortune, Plan, Step, UserAction } from './plan.js'
import { SeededRandom } from './random.js'
import { Scheduler, settled } from './scheduler.js'
import { act, type Desk } from './user.js'
import { Witness, type Cause } from './witness.js'

/** How long all devices may take to become equal once nothing stands in their way: what the watcher missed is found within one look through everything. */
const CONVERGE_MS = 5 * RESCAN_MS
/** How often everything is looked through once all devices are equal. */
const RESCANS = 3
/** More events than any healthy run takes to become equal. */
const CONVERGE_EVENTS = 150_000

/** What is armed on a device: it strikes at a later call of the engine. */
interface Armed {
  /** Changing calls (or, for a race, calls of any kind) until it strikes. */
  left: number
  readonly counts: 'changes' | 'calls'
  /** Strikes; true while it stays armed. */
  readonly strike: () => boolean
}

/** A run of a plan: devices, network, users, and those who watch that every promise is kept. */
export class World {
  readonly plan: Plan
  readonly scheduler = new Scheduler()
  readonly ledger = new Ledger()
  readonly devices: readonly Device[]
  readonly witnesses: readonly Witness[]
  readonly network: Network
  readonly trace: string[] = []
  eventCount = 0
  readonly #random: SeededRandom
  readonly #contents: SeededRandom
  readonly #armed: Armed[][]
  /** Every version that was ever seen at a path. */
  readonly #ever = new Map<string, Set<Label>>()
  #broken: Error | undefined

  constructor(plan: Plan) {
    this.plan = plan
    this.#random = new SeededRandom(`${plan.seed} world`)
    this.#contents = new SeededRandom(`${plan.seed} contents`)
    const key = createWriteKey(new SeededRandom(`${plan.seed} key`).bytes(32))
    this.#armed = Array.from({ length: plan.deviceCount }, () => [])
    this.devices = Array.from({ length: plan.deviceCount }, (_, index) => {
      const { seed, canExchange, reusesInodes, order } = plan
      return new Device({
        index,
        seed,
        canExchange,
        reusesInodes,
        order,
        scheduler: this.scheduler,
        key: plan.readers.includes(index) ? toReadKey(key) : key,
        gate: call => this.#gate(index, call),
        trace: line => this.note(line)
      })
    })
    this.witnesses = this.devices.map(
      ({ name, volume, root }) => new Witness(name, { volume, root, ledger: this.ledger })
    )
    this.network = new Network({ scheduler: this.scheduler, random: this.#random, devices: this.devices }, plan.line)
  }

  note(line: string): void {
    this.trace.push(`${this.scheduler.nowMs} ${line}`)
  }

  /** Runs the plan to its end, then heals everything and waits until all are equal. Throws Broken. */
  async run(): Promise<void> {
    for (const device of this.devices) this.#start(device)
    for (const step of this.plan.steps) {
      await this.#pass(step.afterMs)
      await this.#do(step)
      this.#look('engine')
    }
    await this.#settle()
  }

  /** Lets virtual time pass. */
  async #pass(ms: number): Promise<void> {
    const until = this.scheduler.nowMs + ms
    // What was begun just now asks for its timers before time passes.
    await settled()
    while (await this.scheduler.step(until)) this.#stepped()
  }

  #stepped(): void {
    this.eventCount++
    if (this.#broken !== undefined) throw this.#broken
    this.#look('engine')
  }

  /** All witnesses look; whatever they find is judged. */
  #look(cause: Cause): void {
    for (const witness of this.witnesses) {
      this.#judge(witness, cause)
      if (cause === 'engine') witness.conclude()
    }
  }

  #judge(witness: Witness, cause: Cause): void {
    const left = witness.refresh(cause)
    for (const label of left) {
      if (!this.ledger.isOwed(label) || this.witnesses.some(({ holdings }) => holdings.has(label))) continue
      if (cause === 'power') this.ledger.lost(label)
      else throw new Broken('S1', `${label} is nowhere any more, and nobody who saw it removed it`)
    }
  }

  async #do(step: Step): Promise<void> {
    switch (step.kind) {
      case 'user':
        this.#act(step.device, step.action)
        return
      case 'race':
        this.#arm(step.device, step.calls, 'calls', () => {
          this.#act(step.device, step.action)
          return false
        })
        return
      case 'misfortune':
        this.#befall(step.misfortune)
        return
      case 'settle':
        return this.#settle()
    }
  }

  #act(index: number, action: UserAction): void {
    const device = this.devices[index]!
    if (!device.isMounted) return
    const desk: Desk = {
      volume: device.volume,
      root: device.root,
      freshBytes: size => this.#contents.bytes(size),
      later: (delayMs, more) =>
        void this.scheduler.after(delayMs, () => this.#asUser(index, () => device.volume.asUser(more)))
    }
    const words = this.#asUser(index, () => act(desk, action))
    if (words !== undefined) this.note(`${device.name} user: ${words}`)
  }

  /** Tells what a user does from what the engine does. */
  #asUser<T>(index: number, action: () => T): T {
    const witness = this.witnesses[index]!
    this.#judge(witness, 'engine')
    const before = witness.view
    const result = action()
    this.#judge(witness, 'user')
    for (const [path, { label }] of witness.view.visible) {
      if (before.visible.get(path)?.label === label) continue
      for (const other of this.witnesses) other.unbury(path, label)
      const ever = this.#ever.get(path)
      if (ever === undefined) this.#ever.set(path, new Set([label]))
      else ever.add(label)
    }
    return result
  }

  #arm(index: number, left: number, counts: Armed['counts'], strike: () => boolean): void {
    this.#armed[index]!.push({ left, counts, strike })
  }

  #gate(index: number, call: string): void {
    const device = this.devices[index]!
    if (device.running?.life.isOver === true) throw new Killed()
    const armed = this.#armed[index]!
    for (const one of [...armed]) {
      if (one.counts === 'changes' && !CHANGING.has(call)) continue
      if (one.left-- > 0) continue
      try {
        if (!one.strike()) armed.splice(armed.indexOf(one), 1)
      } catch (error) {
        // What a witness finds in the middle of a call must not be taken for an error of the disk.
        if (error instanceof Broken) this.#broken ??= error
        throw error
      }
    }
  }

  #start(device: Device): void {
    try {
      device.start(
        () => this.network.dial(),
        error => {
          this.note(`${device.name} could not begin: ${messageOf(error)}`)
          this.#kill(device, 1000)
        }
      )
      this.note(`${device.name} starts`)
    } catch (error) {
      if (error instanceof Broken) throw error
      this.note(`${device.name} could not start: ${messageOf(error)}`)
      this.#later(1000, () => this.#startAgain(device))
    }
  }

  #startAgain(device: Device): void {
    if (device.running === undefined) this.#start(device)
  }

  #kill(device: Device, downMs: number): void {
    this.note(`${device.name} dies`)
    device.kill(this.#random.below(3))
    this.#armed[device.index] = []
    this.network.left(device)
    this.#later(downMs, () => this.#startAgain(device))
  }

  #losePower(device: Device, downMs: number): void {
    const witness = this.witnesses[device.index]!
    this.#judge(witness, 'engine')
    witness.brace()
    const { damaged, droppedCount } = losePower(device.volume, this.#random)
    this.note(`${device.name} loses power: ${damaged.length} files damaged, ${droppedCount} changes dropped`)
    this.#judge(witness, 'power')
    for (const [path, { label }] of witness.view.visible) for (const other of this.witnesses) other.unbury(path, label)
    this.#kill(device, downMs)
  }

  #later(delayMs: number, action: () => void): void {
    this.scheduler.after(delayMs, () => {
      try {
        action()
      } catch (error) {
        this.#broken ??= error instanceof Error ? error : new Error(messageOf(error))
      }
    })
  }

  #befall(misfortune: Misfortune): void {
    this.note(`misfortune: ${JSON.stringify(misfortune)}`)
    if ('a' in misfortune) this.#disturb(misfortune)
    else if ('downMs' in misfortune) this.#stop(misfortune)
    else this.#spoil(misfortune)
  }

  #disturb(misfortune: Extract<Misfortune, { readonly a: number }>): void {
    const [a, b] = [this.devices[misfortune.a]!, this.devices[misfortune.b]!]
    switch (misfortune.kind) {
      case 'cut':
        return this.network.cut(a, b)
      case 'partition':
        this.network.part(a, b)
        return this.#later(misfortune.forMs, () => this.network.rejoin(a, b))
      case 'one-way':
        this.network.block(a, b)
        return this.#later(misfortune.forMs, () => this.network.unblock(a, b))
      case 'second-line':
        return this.network.connect(a, b)
    }
  }

  #stop(misfortune: Extract<Misfortune, { readonly downMs: number }>): void {
    const device = this.devices[misfortune.device]!
    const { downMs } = misfortune
    const isArmed = 'afterChanges' in misfortune && misfortune.afterChanges > 0 && device.running !== undefined
    if (misfortune.kind === 'restart') return this.#close(device, downMs)
    const strike = (): void => {
      if (misfortune.kind === 'power') this.#losePower(device, downMs)
      else this.#kill(device, downMs)
      if (misfortune.kind === 'lose-index') device.loseIndex()
    }
    if (!isArmed) return strike()
    this.#arm(misfortune.device, misfortune.afterChanges, 'changes', () => {
      strike()
      throw new Killed()
    })
  }

  /** Closes the engine as a user does who ends the program. */
  #close(device: Device, downMs: number): void {
    const { running } = device
    if (running?.isReady !== true) return
    void running.folder.close().then(() => {
      if (!running.life.isOver) this.#kill(device, downMs)
    })
  }

  #spoil(misfortune: Exclude<Misfortune, { readonly a: number } | { readonly downMs: number }>): void {
    const device = this.devices[misfortune.device]!
    switch (misfortune.kind) {
      case 'clock':
        device.clockOffMs += misfortune.byMs
        return
      case 'fail': {
        let left = misfortune.count
        this.#arm(misfortune.device, misfortune.skip, 'calls', () => {
          if (left-- > 0) throw systemError(misfortune.code)
          return false
        })
        return
      }
      case 'deny': {
        const inodes = [...this.witnesses[misfortune.device]!.view.visible.values()].map(({ inode }) => inode)
        const inode = inodes[misfortune.at % Math.max(1, inodes.length)]
        if (inode === undefined) return
        inode.isDenied = true
        return this.#later(misfortune.forMs, () => (inode.isDenied = false))
      }
      case 'deafen':
        device.isDeaf = true
        return this.#later(misfortune.forMs, () => (device.isDeaf = false))
      case 'overflow':
        return device.overflow()
      case 'unmount':
        device.isMounted = false
        return this.#later(misfortune.forMs, () => (device.isMounted = true))
    }
  }

  /** Heals everything, waits until all devices are equal, and looks closely at what they have become. */
  async #settle(): Promise<void> {
    this.note('settles')
    for (const device of this.devices) this.#heal(device)
    this.network.heal()
    await this.#pass(1000)
    for (const device of this.devices) this.#restartIfStopped(device)
    const began = { at: this.scheduler.nowMs, events: this.eventCount }
    while (!this.#isEqual()) {
      if (this.scheduler.nowMs - began.at > CONVERGE_MS) throw new Broken('L1', `not equal in time: ${this.#states()}`)
      if (this.eventCount - began.events > CONVERGE_EVENTS) throw new Broken('L2', `no end of work: ${this.#states()}`)
      await this.#pass(500)
    }
    this.note('equal')
    for (const witness of this.witnesses) witness.bury(this.#ever)
    await this.#inspect()
  }

  async #inspect(): Promise<void> {
    const writers = this.witnesses.filter((_, index) => !this.plan.readers.includes(index))
    inspectEqual(writers, this.ledger)
    if (this.plan.isSingleWriter) for (const witness of writers) inspectConflicts(witness)
    await this.#lookAgain()
    for (const device of this.devices) inspectResting(device)
  }

  /** Looking through everything again, some times, makes no version and moves no content. */
  async #lookAgain(): Promise<void> {
    const roots = this.#roots()
    const { chunkCount } = this.network.traffic
    for (let i = 0; i < RESCANS; i++) {
      for (const { running } of this.devices) running?.folder.rescan()
      await this.#pass(1000)
    }
    if (this.#roots() !== roots) throw new Broken('S11', 'looking again made new versions')
    if (!this.#isEqual()) throw new Broken('L8', `looking again has no end: ${this.#states()}`)
    if (this.network.traffic.chunkCount !== chunkCount) throw new Broken('S11', 'looking again moved content')
  }

  #heal(device: Device): void {
    this.#armed[device.index] = []
    device.isDeaf = false
    device.isMounted = true
    for (const { inode } of this.witnesses[device.index]!.view.visible.values()) inode.isDenied = false
    device.overflow()
  }

  #restartIfStopped(device: Device): void {
    if (device.running === undefined) return
    if (device.running.folder.status().state === 'stopped') this.#kill(device, 100)
  }

  #isEqual(): boolean {
    if (!this.network.isWhole) return false
    const first = this.devices[0]!.running
    return this.devices.every(({ index, running }) => {
      if (running?.isReady !== true || !running.folder.isIdle) return false
      // A reader that has written by itself has a root of its own, for good.
      if (this.plan.readers.includes(index)) return true
      const isSame = Buffer.compare(running.store.root, first?.store.root ?? running.store.root) === 0
      return isSame && (this.plan.readers.length > 0 || running.folder.status().state === 'in-sync')
    })
  }

  #roots(): string {
    return this.devices.map(({ running }) => hashKey(running?.store.root ?? EMPTY_ROOT)).join()
  }

  #states(): string {
    return this.devices
      .map(({ name, running }) => {
        if (running === undefined) return `${name} is down`
        const { state, root, idle, problems, error } = running.folder.status()
        const why = [
          ...problems.map(
            ({ path, code, message }) => `${path ?? '?'} ${code}${path === undefined ? `: ${message}` : ''}`
          ),
          error?.message ?? ''
        ].join(', ')
        return `${name} ${state} ${idle ? 'idle' : 'busy'} ${root.slice(0, 8)} ${why}`
      })
      .join('; ')
  }

  /** Ends whatever still runs. */
  end(): void {
    for (const device of this.devices) {
      device.kill(0)
      this.network.left(device)
    }
  }
}
