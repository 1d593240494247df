import type { Device } from './device.js'
import { Broken } from './ledger.js'
import { DIRECTORY, EMPTY, type Label } from './look.js'
import { NAMES } from './plan.js'

/** The file that says what is not synced. */
export const RULES_NAME = '.backerignore'
/** What an engine has begun before it read the rules is over by then, virtual milliseconds. */
const GRACE_MS = 1000

/** A text of rules that hit these names, at whatever depth. `token`: bytes that nobody has written yet. */
export function rulesText(names: readonly string[], token: Uint8Array): Uint8Array {
  return Buffer.from([...names, `# ${Buffer.from(token).toString('hex')}`, ''].join('\n'))
}

const known = new WeakMap<Uint8Array, ReadonlySet<string>>()

/** The names that a text's rules hit, whatever has become of it since a plan had it written. */
export function namesIn(bytes: Uint8Array): ReadonlySet<string> {
  const names = known.get(bytes) ?? new Set(Buffer.from(bytes).toString().split('\n').filter(isName))
  known.set(bytes, names)
  return names
}

function isName(line: string): boolean {
  return NAMES.some(name => name === line)
}

/** What a device keeps out of the folder, as a checker sees it, who reads the rules by himself. */
export class Rules {
  readonly #device: Device
  /** What its user wrote where the rules hit, since they are what they are. */
  readonly #private = new Set<Label>()

  constructor(device: Device) {
    this.#device = device
  }

  /** True for a path that the rules on the disk hit, where the engine has read just these some time ago. */
  ignores(path: string): boolean {
    const bytes = this.#device.root.entries.get(RULES_NAME)?.bytes
    const read = this.#device.rulesRead
    if (bytes === undefined || read?.bytes !== bytes || this.#device.uptimeMs - read.atMs < GRACE_MS) return false
    const names = namesIn(bytes)
    return names.size > 0 && path !== RULES_NAME && path.split('/').some(name => names.has(name))
  }

  /** Its user put a version at a path. `isNew`: it was nowhere before. */
  placed(path: string, label: Label, isNew: boolean): void {
    if (!this.ignores(path)) this.#private.delete(label)
    else if (isNew) this.#private.add(label)
  }

  /** Another device's user has the same. */
  shared(label: Label): void {
    this.#private.delete(label)
  }

  /** The rules are others now, or may be. */
  changed(): void {
    this.#private.clear()
  }

  /** True for what no other device may show. */
  keeps(label: Label): boolean {
    return this.#private.has(label)
  }
}

/** What all devices of a run keep out of the folder. */
export class AllRules {
  readonly #devices: readonly Device[]
  readonly #rules: readonly Rules[]
  /** Every version that users put anywhere. */
  readonly #known = new Set<Label>([DIRECTORY, EMPTY])

  constructor(devices: readonly Device[]) {
    this.#devices = devices
    this.#rules = devices.map(device => new Rules(device))
  }

  of(index: number): Rules {
    return this.#rules[index]!
  }

  /** A device's user put a version at a path. */
  placed(index: number, path: string, label: Label): void {
    const isNew = !this.#known.has(label)
    this.#known.add(label)
    for (const [i, rules] of this.#rules.entries()) {
      if (i === index) rules.placed(path, label, isNew)
      else rules.shared(label)
    }
  }

  /** What somebody keeps out of the folder shows nowhere else. `name`: of the device that shows it. Throws Broken. */
  judge(name: string, path: string, label: Label): void {
    const owner = this.#devices.find(device => device.name !== name && this.of(device.index).keeps(label))
    if (owner !== undefined)
      throw new Broken(
        'S14',
        `${name}: ${path} shows ${label}, which is ignored on ${owner.name}, where it was written`
      )
  }
}

/** True where a device has rules that hit anything. */
export function hasRules({ root }: Device): boolean {
  const bytes = root.entries.get(RULES_NAME)?.bytes
  return bytes !== undefined && namesIn(bytes).size > 0
}
