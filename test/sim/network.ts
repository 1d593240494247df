import type { Device, Running } from './device.js'
import { FastLink, type Traffic } from './fast-link.js'
import { Lane } from './lane.js'
import type { SeededRandom } from './random.js'
import type { Scheduler } from './scheduler.js'
import { connectWire } from './wire-link.js'

/** After how long a line that carries nothing is given up. */
const SILENCE_MS = 25_000

/** One connection between two devices, while it lasts. */
export interface Connection {
  readonly a: Device
  readonly b: Device
  readonly lanes: readonly [aToB: Lane, bToA: Lane]
  /** Ends it at one side. */
  readonly endAt: (device: Device) => void
  isOver: boolean
}

/** Both ends of a connection to be, and what carries it. */
export interface Line {
  readonly a: Device
  readonly b: Device
  readonly atA: Running
  readonly atB: Running
  readonly lanes: readonly [aToB: Lane, bToA: Lane]
  readonly traffic: Traffic
  readonly random: SeededRandom
  readonly onend: () => void
}

/** Who can hear whom, and who is connected. */
export class Network {
  readonly traffic: Traffic = { chunkCount: 0, epoch: 0, freshCount: 0 }
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #kind: 'fast' | 'wire'
  readonly #devices: readonly Device[]
  readonly #blocked = new Set<string>()
  readonly #apart = new Set<string>()
  readonly #dialling = new Set<string>()
  #connections: Connection[] = []

  constructor(
    parts: { readonly scheduler: Scheduler; readonly random: SeededRandom; readonly devices: readonly Device[] },
    kind: 'fast' | 'wire'
  ) {
    this.#scheduler = parts.scheduler
    this.#random = parts.random
    this.#devices = parts.devices
    this.#kind = kind
  }

  /** True where every two devices that run are connected. */
  get isWhole(): boolean {
    return this.#pairs().every(([a, b]) => !a.isUp || !b.isUp || this.#between(a, b).length > 0)
  }

  /** Connects whoever can be connected and is not, a little later. */
  dial(): void {
    for (const [a, b] of this.#pairs()) {
      const pair = pairOf(a, b)
      if (!this.#canConnect(a, b) || this.#dialling.has(pair) || this.#between(a, b).length > 0) continue
      this.#dialling.add(pair)
      this.#scheduler.after(this.#random.between(20, 700), () => {
        this.#dialling.delete(pair)
        if (this.#canConnect(a, b) && this.#between(a, b).length === 0) this.connect(a, b)
      })
    }
  }

  /** Makes a connection, also beside one that there is. */
  connect(a: Device, b: Device): void {
    const [atA, atB] = [a.running, b.running]
    if (atA === undefined || atB === undefined || !this.#canConnect(a, b)) return
    const delayMs = this.#random.pick([0, 1, 5, 40, 200])
    const lane = (from: Device, to: Device): Lane =>
      new Lane(this.#scheduler, this.#random, { delayMs, isBlocked: () => this.#blocked.has(wayOf(from, to)) })
    const lanes = [lane(a, b), lane(b, a)] as const
    const line: Line = { a, b, atA, atB, lanes, traffic: this.traffic, random: this.#random, onend: () => later() }
    const later = (): void => void this.#scheduler.after(this.#random.below(50), () => this.#end(connection))
    const endAt = this.#kind === 'fast' ? connectFast(line) : connectWire(line)
    const connection: Connection = { a, b, lanes, endAt, isOver: false }
    this.#connections.push(connection)
  }

  /** Ends all connections of a pair: each side hears of it when it does. */
  cut(a: Device, b: Device): void {
    for (const connection of this.#between(a, b)) this.#end(connection)
  }

  /** The two can't reach one another. */
  part(a: Device, b: Device): void {
    this.#apart.add(pairOf(a, b))
    this.cut(a, b)
  }

  rejoin(a: Device, b: Device): void {
    this.#apart.delete(pairOf(a, b))
    this.dial()
  }

  /** What `from` sends to `to` does not arrive, until `unblock`; in the end the line is given up. */
  block(from: Device, to: Device): void {
    this.#blocked.add(wayOf(from, to))
    const connections = this.#between(from, to)
    this.#scheduler.after(SILENCE_MS, () => {
      if (this.#blocked.has(wayOf(from, to))) for (const connection of connections) this.#end(connection)
    })
  }

  unblock(from: Device, to: Device): void {
    this.#blocked.delete(wayOf(from, to))
    for (const { lanes } of this.#between(from, to)) for (const lane of lanes) lane.flow()
    this.dial()
  }

  /** A process has ended: its connections end, and the others hear of it a little later. */
  left(device: Device): void {
    for (const connection of this.#connections)
      if (connection.a === device || connection.b === device) this.#end(connection)
  }

  heal(): void {
    this.#apart.clear()
    for (const way of [...this.#blocked]) {
      const [from, to] = way.split('>').map(index => this.#devices[Number(index)])
      if (from !== undefined && to !== undefined) this.unblock(from, to)
    }
    this.dial()
  }

  #end(connection: Connection): void {
    if (connection.isOver) return
    connection.isOver = true
    for (const lane of connection.lanes) lane.cut()
    this.#connections = this.#connections.filter(one => one !== connection)
    for (const device of [connection.a, connection.b])
      this.#scheduler.after(this.#random.below(100), () => connection.endAt(device))
    this.#scheduler.after(this.#random.between(100, 400), () => this.dial())
  }

  #between(a: Device, b: Device): readonly Connection[] {
    return this.#connections.filter(one => (one.a === a && one.b === b) || (one.a === b && one.b === a))
  }

  #canConnect(a: Device, b: Device): boolean {
    const isBlocked = this.#blocked.has(wayOf(a, b)) || this.#blocked.has(wayOf(b, a))
    return a.isUp && b.isUp && !isBlocked && !this.#apart.has(pairOf(a, b))
  }

  #pairs(): (readonly [Device, Device])[] {
    return this.#devices.flatMap((a, i) => this.#devices.slice(i + 1).map(b => [a, b] as const))
  }
}

function connectFast({ a, b, atA, atB, lanes, traffic, onend }: Line): (device: Device) => void {
  const make = (running: Running, other: Device, out: Lane): FastLink =>
    new FastLink(
      running.folder.link(() => 'direct'),
      { deviceId: Buffer.from(other.keyPair.publicKey).toString('hex'), out, traffic, onend }
    )
  const [first, second] = [make(atA, b, lanes[0]), make(atB, a, lanes[1])]
  first.begin(second)
  second.begin(first)
  return device => {
    const [link, running] = device === a ? [first, atA] : [second, atB]
    if (!running.life.isOver) link.end(undefined)
  }
}

function pairOf(a: Device, b: Device): string {
  return a.index < b.index ? `${a.index}-${b.index}` : `${b.index}-${a.index}`
}

function wayOf(from: Device, to: Device): string {
  return `${from.index}>${to.index}`
}
