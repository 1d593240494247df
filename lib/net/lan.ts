import type { DnsPacket, DnsRecord, MulticastDns } from 'multicast-dns'
import { messageOf } from '../core/error.js'
import type { Runtime, Timer } from '../runtime.js'
import { isNeighbour, ownAddresses, type Address } from './address.js'
import { makeTags, recognise } from './lan-tag.js'

/**
 * Finds devices of one's folders on the LANs that this machine is in, without the internet and without a DHT, by multicast DNS (RFC 6762, RFC 6763).
 * What is announced is a port and tags that only holders of a folder's key recognise, under a name that is drawn anew every few minutes; see
 * `lan-tag.ts`. One socket for each interface, because each must ask and answer on its own network.
 */

const SERVICE = '_backer._tcp.local'
/** How long one name is used. */
const INSTANCE_MS = 10 * 60_000
const RECORD_TTL_SECONDS = 120
/** When it is asked again, from the start or a change of the network on; then always after the last of these. */
const ASK_MS = [1000, 2000, 5000, 15_000, 30_000, 60_000]
/** How often an answer is given at most, whoever asks. */
const ANSWER_EVERY_MS = 250
const LETTERS = /^[0-9a-f]{16}$/

export interface LanOptions {
  /** The TCP port to announce. */
  readonly port: number
  /** The LAN keys of the folders to announce and to look for, by name; asked whenever they are needed. */
  readonly keys: () => ReadonlyMap<string, Uint8Array>
  /** Somebody who has some of the folders is there. May come again and again. */
  readonly onfound: (address: Address, folders: readonly string[]) => void
  readonly runtime: Runtime
}

export class LanDiscovery {
  readonly #options: LanOptions
  readonly #make: typeof import('multicast-dns').default
  readonly #sockets = new Map<string, MulticastDns>()
  #instance: string
  #instanceAt: number
  #asked = 0
  #timer: Timer | undefined
  #answer: Timer | undefined
  #isClosed = false

  private constructor(options: LanOptions, make: typeof import('multicast-dns').default) {
    this.#options = options
    this.#make = make
    this.#instance = drawInstance(options.runtime)
    this.#instanceAt = options.runtime.clock.monotonic()
  }

  static async open(options: LanOptions): Promise<LanDiscovery> {
    const { default: make } = await import('multicast-dns')
    const lan = new LanDiscovery(options, make)
    lan.refresh()
    return lan
  }

  /** The addresses of the interfaces on which others are looked for. */
  get interfaces(): readonly string[] {
    return [...this.#sockets.keys()]
  }

  /** The network, or the folders, have changed: takes the interfaces that there are now, announces anew, and asks more often for a while. */
  refresh(): void {
    if (this.#isClosed) return
    const addresses = new Set(ownAddresses().flatMap(({ family, address }) => (family === 'IPv4' ? [address] : [])))
    for (const [address, socket] of this.#sockets) {
      if (addresses.has(address)) continue
      this.#sockets.delete(address)
      socket.destroy()
    }
    for (const address of addresses) if (!this.#sockets.has(address)) this.#listen(address)
    this.#asked = 0
    this.#ask()
    this.#answerSoon()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#answer?.cancel()
    for (const socket of this.#sockets.values()) socket.destroy()
    this.#sockets.clear()
  }

  #listen(address: string): void {
    const socket = this.#make({ interface: address, bind: '0.0.0.0', loopback: true })
    const fail = (error: Error): void => {
      this.#options.runtime.trace(`multicast DNS on ${address}: ${messageOf(error)}`)
      if (this.#sockets.get(address) === socket) this.#sockets.delete(address)
      socket.destroy()
    }
    socket.on('error', fail)
    socket.on('warning', error => this.#options.runtime.trace(`multicast DNS on ${address}: ${messageOf(error)}`))
    socket.on('query', packet => {
      if (packet.questions?.some(({ name, type }) => name.toLowerCase() === SERVICE && isFor(type)) === true)
        this.#answerSoon()
    })
    socket.on('response', (packet, from) => this.#heard(packet, from.address))
    this.#sockets.set(address, socket)
  }

  #ask(): void {
    this.#timer?.cancel()
    for (const socket of this.#sockets.values()) socket.query({ questions: [{ name: SERVICE, type: 'PTR' }] })
    const delayMs = ASK_MS[Math.min(this.#asked++, ASK_MS.length - 1)] ?? 0
    this.#timer = this.#options.runtime.timers.after(delayMs, () => this.#ask())
  }

  #answerSoon(): void {
    const delayMs = this.#options.runtime.random.below(ANSWER_EVERY_MS)
    this.#answer ??= this.#options.runtime.timers.after(delayMs, () => {
      this.#answer = undefined
      this.#announce()
    })
  }

  #announce(): void {
    const { runtime, port, keys } = this.#options
    const now = runtime.clock.monotonic()
    if (now - this.#instanceAt > INSTANCE_MS) {
      this.#instance = drawInstance(runtime)
      this.#instanceAt = now
    }
    const name = `${this.#instance}.${SERVICE}`
    const tags = makeTags([...keys().values()], this.#instance, length => runtime.random.bytes(length))
    const records: DnsRecord[] = [
      { name: SERVICE, type: 'PTR', ttl: RECORD_TTL_SECONDS, data: name },
      { name, type: 'SRV', ttl: RECORD_TTL_SECONDS, data: { port, target: `${this.#instance}.local` } },
      { name, type: 'TXT', ttl: RECORD_TTL_SECONDS, data: tags }
    ]
    for (const [address, socket] of this.#sockets) {
      const own = { name: `${this.#instance}.local`, type: 'A', ttl: RECORD_TTL_SECONDS, data: address }
      socket.respond({ answers: [...records, own] })
    }
  }

  /** Whatever comes here was sent by anybody: it is looked at only in the shapes that are known, and leads to a connection at most. */
  #heard(packet: DnsPacket, host: string): void {
    if (!isNeighbour(host)) return
    for (const record of packet.answers ?? []) {
      if (record.type !== 'SRV' || !record.name.endsWith(`.${SERVICE}`)) continue
      const instance = record.name.slice(0, -SERVICE.length - 1)
      const port = portOf(record.data)
      const tags = tagsOf(packet.answers?.find(({ name, type }) => name === record.name && type === 'TXT')?.data)
      if (!LETTERS.test(instance) || instance === this.#instance || port === undefined) continue
      const folders = recognise(this.#options.keys(), instance, tags)
      if (folders.length > 0) this.#options.onfound({ host, port }, folders)
    }
  }
}

function isFor(type: string): boolean {
  return type === 'PTR' || type === 'ANY'
}

function drawInstance({ random }: Runtime): string {
  return Buffer.from(random.bytes(8)).toString('hex')
}

function portOf(data: unknown): number | undefined {
  const port = typeof data === 'object' && data !== null && 'port' in data ? data.port : undefined
  return typeof port === 'number' && port > 0 && port < 65536 ? port : undefined
}

function tagsOf(data: unknown): readonly Uint8Array[] {
  return Array.isArray(data) ? data.filter(tag => tag instanceof Uint8Array) : []
}
