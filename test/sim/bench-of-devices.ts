import { createWriteKey } from '../../lib/core/model/keys.js'
import type { FolderKey } from '../../lib/core/model/keys.js'
import type { Role } from '../../lib/core/model/role.js'
import { Device } from './device.js'
import { Network } from './network.js'
import { SeededRandom } from './random.js'
import { Scheduler } from './scheduler.js'
import { pathsBelow } from './user.js'
import { find, type Inode } from './volume.js'

/** Virtual time after which what a test waits for will not come any more. */
const DEADLINE_MS = 10 * 60 * 1000

interface BenchParts {
  readonly keyOf?: (index: number, key: FolderKey) => FolderKey
  readonly roles?: readonly Role[]
  /** Called before each call that an engine makes of its file system, with the number of its device: what it throws, the call does. */
  readonly gate?: (index: number, call: string) => void
}

/** Some simulated devices of one folder that a test drives by hand: nothing happens to them but what it does. */
export class Bench {
  readonly scheduler = new Scheduler()
  readonly devices: readonly Device[]
  readonly network: Network
  readonly trace: string[] = []
  readonly #random: SeededRandom

  constructor(seed: string, deviceCount: number, parts: BenchParts = {}) {
    this.#random = new SeededRandom(`${seed} bench`)
    const key = createWriteKey(new SeededRandom(`${seed} key`).bytes(32))
    this.devices = Array.from(
      { length: deviceCount },
      (_, index) =>
        new Device({
          index,
          seed,
          scheduler: this.scheduler,
          key: parts.keyOf?.(index, key) ?? key,
          role: parts.roles?.[index],
          canExchange: true,
          reusesInodes: false,
          order: 'journal',
          gate: call => parts.gate?.(index, call),
          onrolledback: device => {
            if (device.timesPutBack === 0) throw new Error('nobody put a device back')
            void this.scheduler.after(0, () => {
              this.stop(device)
              this.start(device)
            })
          },
          trace: line => this.trace.push(`${this.scheduler.nowMs} ${line}`)
        })
    )
    this.network = new Network({ scheduler: this.scheduler, random: this.#random, devices: this.devices }, 'fast')
  }

  start(device: Device): void {
    device.start(
      () => this.network.dial(),
      error => {
        throw error
      }
    )
  }

  stop(device: Device): void {
    device.kill(0)
    this.network.left(device)
  }

  /** Lets time pass until a condition holds. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const end = this.scheduler.nowMs + DEADLINE_MS
    await this.scheduler.settled()
    while (!condition()) {
      if (!(await this.scheduler.step(end)))
        throw new Error(`never happened: ${what}\n${this.trace.slice(-30).join('\n')}`)
    }
  }

  /** Lets time pass until a promise has settled; gives or throws what it does. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    let isOver = false
    const over = (): void => void (isOver = true)
    promise.then(over, over)
    await this.until('a promise', () => isOver)
    return promise
  }

  /** Waits until all that run hold the same and have nothing to do. */
  async untilSame(): Promise<void> {
    await this.until('all hold the same', () => {
      const running = this.devices.flatMap(device => device.running ?? [])
      const roots = new Set(running.map(({ store }) => Buffer.from(store.root).toString('hex')))
      return roots.size === 1 && running.every(({ folder }) => folder.isIdle && folder.status().state !== 'ahead')
    })
  }

  /** Writes a file as its user does. */
  write(device: Device, path: string, bytes: Uint8Array): void {
    const { volume, root } = device
    volume.asUser(() => {
      const names = path.split('/')
      let directory = root
      for (const name of names.slice(0, -1)) {
        let next = directory.entries.get(name)
        if (next === undefined) {
          next = volume.makeInode('directory', 0o755)
          volume.change([{ directory, name, after: next }])
        }
        directory = next
      }
      const name = names.at(-1) ?? ''
      let inode = directory.entries.get(name)
      if (inode === undefined) {
        inode = volume.makeInode('file', 0o644)
        volume.change([{ directory, name, after: inode }])
      }
      volume.hold(inode, { bytes })
    })
  }

  remove(device: Device, path: string): void {
    const slash = path.lastIndexOf('/')
    const directory = find(device.root, path.slice(0, Math.max(0, slash)))
    if (directory === undefined) throw new Error(`no directory for ${path}`)
    device.volume.asUser(() => device.volume.change([{ directory, name: path.slice(slash + 1), after: undefined }]))
  }

  random(length: number): Uint8Array {
    return this.#random.bytes(length)
  }

  below(limit: number): number {
    return this.#random.below(limit)
  }
}

/** The inode at a path. */
export function inodeAt(device: Device, path: string): Inode {
  const inode = find(device.root, path)
  if (inode === undefined) throw new Error(`nothing at ${path}`)
  return inode
}

/** What a device shows: each file's path and bytes. */
export function shownBy(device: Device): Map<string, string> {
  const shown = new Map<string, string>()
  for (const path of pathsBelow(device.root)) {
    const inode = inodeAt(device, path)
    if (inode.kind === 'file') shown.set(path, Buffer.from(inode.bytes).toString('hex'))
  }
  return shown
}

/** Turns one bit over beneath the file system: nothing shows that the file was touched. */
export function rot(inode: Inode, bit: number): void {
  const bytes = Uint8Array.from(inode.bytes)
  const at = (bit >> 3) % bytes.byteLength
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7))
  inode.bytes = bytes
}
