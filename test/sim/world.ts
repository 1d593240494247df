import { createWriteKey, toReadKey } from '../../lib/core/model/keys.js'
import type { RelativePath } from '../../lib/core/model/path.js'
import { messageOf } from '../../lib/core/error.js'
import { CHANGING, systemError } from '../disk/watched-filesystem.js'
import { losePower } from './crash.js'
import { Device } from './device.js'
import { Broken, Ledger } from './ledger.js'
import type { Label, Seen } from './look.js'
import { Network } from './network.js'
import { befall } from './misfortune.js'
import type { Plan, Step, UserAction } from './plan.js'
import { SeededRandom } from './random.js'
import { AllRules, hasRules } from './rules.js'
import { Knowledge } from './records.js'
import { Scheduler, type Life } from './scheduler.js'
import { settle } from './settle.js'
import type { Tally } from './tally.js'
import { act, copyTree, type Desk } from './user.js'
import { grant } from './wish.js'
import { Witness, type Cause } from './witness.js'

/** After how long a system brings what was written to the disk by itself: Linux after 30 s, and it looks every 5 s. */
const WRITTEN_BACK_MS = 35_000

const NO_RULES: UserAction = { kind: 'ignore', names: [] }

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
  readonly scheduler: Scheduler
  readonly ledger = new Ledger()
  readonly devices: readonly Device[]
  readonly witnesses: readonly Witness[]
  readonly network: Network
  readonly trace: string[] = []
  eventCount = 0
  #acts = 0
  #kills = 0
  #powerCuts = 0
  wishCount = 0
  otherMisfortunes = 0
  /** What engines are doing because their users asked for it: the lives of their processes. */
  readonly wishes = new Set<{ readonly life: Life }>()
  readonly #random: SeededRandom
  readonly #contents: SeededRandom
  readonly #armed: Armed[][]
  readonly #knowledge: readonly Knowledge[]
  /** Every version that was ever seen at a path. */
  readonly ever = new Map<string, Set<Label>>()
  readonly #retired = new Set<Device>()
  readonly #rules: AllRules
  #broken: Error | undefined

  constructor(plan: Plan) {
    this.plan = plan
    this.scheduler = new Scheduler({ usesStreams: plan.line === 'wire' })
    this.#random = new SeededRandom(`${plan.seed} world`)
    this.#contents = new SeededRandom(`${plan.seed} contents`)
    const key = createWriteKey(new SeededRandom(`${plan.seed} key`).bytes(32))
    this.#armed = Array.from({ length: plan.deviceCount }, () => [])
    this.devices = Array.from({ length: plan.deviceCount }, (_, index) => {
      const { seed, canExchange, reusesInodes, order, packMs, longBytes } = plan
      return new Device({
        index,
        seed,
        canExchange,
        reusesInodes,
        order,
        packMs,
        longBytes,
        scheduler: this.scheduler,
        key: plan.readers.includes(index) && plan.receiveOnly?.includes(index) !== true ? toReadKey(key) : key,
        role: plan.receiveOnly?.includes(index) === true ? 'receive-only' : undefined,
        gate: call => this.#gate(index, call),
        trace: line => this.note(line),
        onrolledback: one => this.later(0, () => this.kill(one, 100)),
        onoutside: what => (this.#broken ??= new Broken('S14', `${what} was changed, which is no part of the folder`))
      })
    })
    this.#rules = new AllRules(this.devices)
    this.witnesses = this.devices.map(
      ({ index, name, volume, root }) =>
        new Witness(name, {
          volume,
          root,
          ledger: this.ledger,
          mayWrite: !plan.readers.includes(index),
          rules: this.#rules.of(index),
          onrestored: (path, label) => this.#restored(this.devices[index]!, path, label)
        })
    )
    this.#knowledge = this.devices
      .filter(({ index }) => !plan.readers.includes(index))
      .map(device => new Knowledge(device))
    this.network = new Network({ scheduler: this.scheduler, random: this.#random, devices: this.devices }, plan.line)
  }

  /** The devices that are not retired. */
  get members(): readonly Device[] {
    return this.devices.filter(device => !this.#retired.has(device))
  }

  /** What happened so far, counted. */
  get tally(): Partial<Tally> {
    return {
      events: this.eventCount,
      acts: this.#acts,
      wishes: this.wishCount,
      kills: this.#kills - this.#powerCuts,
      powerCuts: this.#powerCuts,
      otherMisfortunes: this.otherMisfortunes
    }
  }

  note(line: string): void {
    this.trace.push(`${this.scheduler.nowMs} ${line}`)
  }

  /** Runs the plan to its end, then heals everything and waits until all are equal. Throws Broken. */
  async run(): Promise<void> {
    for (const device of this.devices) if (this.plan.late?.includes(device.index) !== true) this.#start(device)
    for (const step of this.plan.steps) {
      await this.pass(step.afterMs)
      await this.#do(step)
      this.#look('engine')
    }
    await settle(this)
  }

  /** Lets virtual time pass. */
  async pass(ms: number): Promise<void> {
    const until = this.scheduler.nowMs + ms
    // What was begun just now asks for its timers before time passes.
    await this.scheduler.settled()
    while (await this.scheduler.step(until)) this.#stepped()
  }

  #stepped(): void {
    this.eventCount++
    if (this.#broken !== undefined) throw this.#broken
    this.#look('engine')
    for (const one of this.#knowledge) one.look()
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
    if (cause === 'engine') for (const [path, label] of witness.arrivals) this.#rules.judge(witness.name, path, label)
    for (const label of left) {
      if (!this.ledger.isOwed(label) || this.witnesses.some(({ holdings }) => holdings.has(label))) continue
      if (cause === 'power' || cause === 'roll-back') this.ledger.lost(label)
      else throw new Broken('S1', `${label} is nowhere any more, and nobody who saw it removed it`)
    }
  }

  async #do(step: Step): Promise<void> {
    switch (step.kind) {
      case 'user':
        this.#act(step.device, step.action)
        return
      case 'race':
        this.arm(step.device, step.calls, 'calls', () => {
          this.#act(step.device, step.action)
          return false
        })
        return
      case 'misfortune':
        befall(this, step.misfortune)
        return
      case 'wish':
        grant(this, this.devices[step.device]!, step.wish)
        return
      case 'settle':
        return settle(this)
    }
  }

  #act(index: number, action: UserAction): void {
    const device = this.devices[index]!
    if (!device.isMounted || device.isReadOnly || this.isRetired(device)) return
    const desk: Desk = {
      volume: device.volume,
      root: device.root,
      freshBytes: size => this.#contents.bytes(size),
      later: (delayMs, more) => {
        const { timesPutBack } = device
        void this.scheduler.after(delayMs, () => {
          const goesOn = !this.isRetired(device) && device.timesPutBack === timesPutBack
          if (goesOn) this.#asUser(index, () => device.volume.asUser(more))
        })
      }
    }
    const words = this.#asUser(index, () => act(desk, action))
    if (words === undefined) return
    this.#acts++
    this.note(`${device.name} user: ${words}`)
  }

  /** Tells what a user does from what the engine does. */
  #asUser<T>(index: number, action: () => T): T {
    const witness = this.witnesses[index]!
    this.#judge(witness, 'engine')
    const result = action()
    this.#judge(witness, 'user')
    for (const [path, label] of witness.arrivals) {
      this.#rules.placed(index, path, label)
      this.#placed(path, label)
    }
    return result
  }

  /** A user had a version put at a path. Where the file of this path was dropped, what the folder has there is replaced as if it stood here. */
  #restored({ entries }: Device, path: string, label: Label): void {
    if (entries.get(path as RelativePath)?.lack?.kind === 'dropped')
      for (const witness of this.witnesses) this.ledger.removed(path, witness.labelAt(path) ?? label)
    this.ledger.placed(path, label)
    this.#placed(path, label)
  }

  /** A user put a version at a path. */
  #placed(path: string, label: Label): void {
    for (const other of this.witnesses) other.unbury(path, label)
    const ever = this.ever.get(path)
    if (ever === undefined) this.ever.set(path, new Set([label]))
    else ever.add(label)
  }

  /** Has `strike` happen ahead of a later call of a device's engine. */
  arm(index: number, left: number, counts: Armed['counts'], strike: () => boolean): void {
    this.#armed[index]!.push({ left, counts, strike })
  }

  disarm(device: Device): void {
    this.#armed[device.index] = []
  }

  #gate(index: number, call: string): void {
    if (this.devices[index]?.isReadOnly === true && (CHANGING.has(call) || call === 'openWrite'))
      throw systemError('EROFS')
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
          this.kill(device, 1000)
        }
      )
      this.note(`${device.name} starts`)
    } catch (error) {
      if (error instanceof Broken) throw error
      this.note(`${device.name} could not start: ${messageOf(error)}`)
      this.later(1000, () => this.#startAgain(device))
    }
  }

  /** True where something is ignored on some device. */
  get hasRules(): boolean {
    return this.members.some(hasRules)
  }

  /** Users let all be synced again: those of the writers where any of them has rules, the others once no writer has. */
  clearRules(): void {
    const { readers } = this.plan
    const [writing, reading] = [false, true].map(reads =>
      this.members.filter(device => readers.includes(device.index) === reads && hasRules(device))
    )
    if (writing?.length === 0) for (const { index } of reading ?? []) this.#act(index, NO_RULES)
    for (const { index } of writing ?? []) this.#act(index, NO_RULES)
  }

  /** The user of a device that is none of the folder's yet copies another one's files into its directory. */
  copyTo(device: Device, from: Device, keepsTimes: boolean): void {
    if (device.wasStarted || !device.isMounted || !from.isMounted || this.isRetired(from)) return
    const count = this.#asUser(device.index, () => copyTree(device, from.root, keepsTimes))
    if (count !== undefined) this.note(`${device.name} user: copy ${count} files of ${from.name}`)
  }

  /** A device that was never started is. */
  join(device: Device): void {
    if (!device.wasStarted) this.#startAgain(device)
  }

  isRetired(device: Device): boolean {
    return this.#retired.has(device)
  }

  /** A device is gone for good, and the users of the others say so. What only it had is lost, which is nobody's fault. */
  retire(device: Device): void {
    if (!device.wasStarted) return
    const witness = this.witnesses[device.index]!
    this.#judge(witness, 'engine')
    witness.conclude()
    this.kill(device, 0)
    this.#retired.add(device)
    const before = new Map(witness.view.visible)
    for (const label of witness.vanish())
      if (this.ledger.isOwed(label) && !this.witnesses.some(({ holdings }) => holdings.has(label)))
        this.ledger.lost(label)
    this.#revert(before)
    const id = Buffer.from(device.keyPair.publicKey).toString('hex')
    for (const { running } of this.members)
      if (running?.isReady === true) running.folder.copies.forget(id).catch(() => undefined)
  }

  #startAgain(device: Device): void {
    if (this.isRetired(device)) return
    // One that joins while its disk is away would take another one for its own.
    if (device.running === undefined && (device.wasStarted || device.isMounted)) this.#start(device)
  }

  /** A device's process dies, and is started again after a while. */
  kill(device: Device, downMs: number): void {
    this.note(`${device.name} dies`)
    this.#kills++
    device.kill(this.#random.below(3))
    this.disarm(device)
    this.network.left(device)
    this.later(downMs, () => this.#startAgain(device))
  }

  /** A device loses power, and is started again after a while. */
  losePower(device: Device, downMs: number): void {
    const witness = this.witnesses[device.index]!
    this.#judge(witness, 'engine')
    device.volume.writeBack(WRITTEN_BACK_MS)
    witness.brace(device.running?.folder.status().state === 'stopped', device.promised(witness.view.visible))
    this.#powerCuts++
    const { damaged, droppedCount } = losePower(device.volume, this.#random)
    this.note(`${device.name} loses power: ${damaged.length} files damaged, ${droppedCount} changes dropped`)
    this.#judge(witness, 'power')
    this.#unburyAll(witness)
    this.kill(device, downMs)
  }

  /** What a disk shows now may come back anywhere. */
  #unburyAll(witness: Witness): void {
    for (const [path, { label }] of witness.view.visible) for (const other of this.witnesses) other.unbury(path, label)
  }

  /** A machine is put back to its last snapshot. What only it had is lost, which is nobody's fault. */
  rollBack(device: Device, downMs: number): void {
    const witness = this.witnesses[device.index]!
    this.#judge(witness, 'engine')
    witness.conclude()
    this.kill(device, downMs)
    const before = new Map(witness.view.visible)
    if (!device.rollBack()) return
    this.note(`${device.name} is put back to its last snapshot`)
    this.#judge(witness, 'roll-back')
    this.#revert(before)
    this.#unburyAll(witness)
  }

  /** What stood on a device that is gone, and stands so nowhere, is in its place no more. */
  #revert(before: ReadonlyMap<string, Seen>): void {
    for (const [path, { label }] of before) {
      const isThere = this.members.some(({ index }) => this.witnesses[index]?.labelAt(path) === label)
      if (!isThere) this.ledger.reverted(path, label)
    }
  }

  /** Does something after a while, whatever has become of whom by then. */
  later(delayMs: number, action: () => void): void {
    this.scheduler.after(delayMs, () => {
      try {
        action()
      } catch (error) {
        this.#broken ??= error instanceof Error ? error : new Error(messageOf(error))
      }
    })
  }

  /** Ends whatever still runs. */
  end(): void {
    for (const device of this.devices) {
      device.kill(0)
      this.network.left(device)
    }
  }
}
