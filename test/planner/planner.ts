import { asHash, hashBytes } from '../../lib/core/model/hash.js'
import { isBelow, joinPath, parentOf, type RelativePath } from '../../lib/core/model/path.js'
import type { Payload } from '../../lib/core/model/record.js'
import { SeededRandom } from '../sim/random.js'
import { PlannerDevice, shuffled } from './planner-device.js'

/** In so many rounds of everybody hearing everybody, all must be at rest. */
const ROUNDS_MAX = 200
const NAMES = ['a', 'b', 'c', 'd', 'e.txt'] as const

/** How a run ended: what went wrong, or undefined; and how many rounds it took. */
export interface PlannerOutcome {
  readonly wrong: string | undefined
  readonly rounds: number
}

/**
 * One random tree that two or three devices know, changed by each on its own; then they hear each other until nobody has anything to do. The plans are
 * the real ones, carried out in any order and in batches of any size. Source: Sujay Jayakar, "Testing sync at Dropbox", 2020, on CanopyCheck.
 */
export async function runPlanner(seed: string): Promise<PlannerOutcome> {
  const random = new SeededRandom(`planner ${seed}`)
  const user = new User(random)
  const devices = Array.from({ length: random.between(2, 3) }, (_, i) => new PlannerDevice(`${seed} ${i}`))
  const [first, ...others] = devices as [PlannerDevice, ...PlannerDevice[]]
  for (let i = random.below(12); i > 0; i--) await user.change(first)
  for (const other of others) await rest([other], [first], random)
  const before = first.shown()
  const owed: Set<string>[] = []
  for (const device of devices) {
    for (let i = random.below(7); i > 0; i--) await user.change(device)
    owed.push(new Set([...device.shown()].filter(([path, what]) => before.get(path) !== what).map(([, what]) => what)))
  }
  const untouched = [...before].filter(([path, what]) => devices.every(device => device.shown().get(path) === what))
  const rounds = await rest(devices, devices, random)
  return { rounds, wrong: rounds > ROUNDS_MAX ? `no end after ${rounds} rounds` : wrongWith(devices, owed, untouched) }
}

/** Devices hear others until none of them has anything to do. Returns how many rounds it took. */
async function rest(
  devices: readonly PlannerDevice[],
  all: readonly PlannerDevice[],
  random: SeededRandom
): Promise<number> {
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    let changes = 0
    for (const device of shuffled(devices, random))
      changes += await device.hear(
        shuffled(
          all.filter(other => other !== device),
          random
        ),
        random
      )
    if (changes === 0) return round
  }
  return ROUNDS_MAX + 1
}

function wrongWith(
  devices: readonly PlannerDevice[],
  owed: readonly ReadonlySet<string>[],
  untouched: readonly (readonly [RelativePath, string])[]
): string | undefined {
  const trees = devices.map(device => text(device.shown()))
  for (const [i, device] of devices.entries()) {
    if (text(device.told()) !== trees[i]) return `device ${i} shows ${trees[i]} and says ${text(device.told())}`
    if (trees[i] !== trees[0]) return `device ${i} shows ${trees[i]}, and device 0 ${trees[0]}`
    if (Buffer.compare(device.store.root, devices[0]!.store.root) !== 0) return `device ${i} has another root`
  }
  const shown = devices[0]!.shown()
  const contents = new Set(shown.values())
  for (const [i, all] of owed.entries())
    for (const what of all)
      if (!contents.has(what)) return `${what}, which device ${i} wrote, is nowhere in ${trees[0]}`
  for (const [path, what] of untouched)
    if (shown.get(path) !== what) return `nobody touched ${path}, and it is ${shown.get(path)} instead of ${what}`
  return undefined
}

function text(tree: ReadonlyMap<RelativePath, string>): string {
  return [...tree]
    .map(([path, what]) => `${path} = ${what.slice(0, 20)}`)
    .sort()
    .join(', ')
}

/** Changes devices as users do. Every content is new, but for what is copied or moved. */
class User {
  readonly #random: SeededRandom
  #count = 0

  constructor(random: SeededRandom) {
    this.#random = random
  }

  async change(device: PlannerDevice): Promise<void> {
    const random = this.#random
    const paths = [...device.disk.standing.keys()]
    const path = paths.length === 0 ? undefined : random.pick(paths)
    switch (
      random.weighted([
        [5, 'make'],
        [3, 'edit'],
        [3, 'remove'],
        [3, 'move'],
        [2, 'retype'],
        [1, 'mode']
      ] as const)
    ) {
      case 'make':
        return this.#put(device, this.#freshPath(), this.#freshPayload())
      case 'edit':
        if (path !== undefined && this.#kind(device, path) !== 'directory') await device.write(path, this.#freshFile())
        return
      case 'remove':
        if (path !== undefined) await this.#remove(device, path)
        return
      case 'move':
        if (path !== undefined) await this.#move(device, path, this.#freshPath())
        return
      case 'retype': {
        if (path === undefined) return
        const isDirectory = this.#kind(device, path) === 'directory'
        await this.#remove(device, path)
        return device.write(path, isDirectory ? this.#freshFile() : { kind: 'directory', mode: 0o755 })
      }
      case 'mode':
        if (path !== undefined && this.#kind(device, path) === 'directory')
          await device.write(path, { kind: 'directory', mode: random.pick([0o755, 0o700]) })
    }
  }

  #kind(device: PlannerDevice, path: RelativePath): string | undefined {
    return device.disk.standing.get(path)?.stamp.kind
  }

  #freshPath(): RelativePath {
    let path: RelativePath | undefined
    for (let depth = this.#random.between(1, 3); depth > 0; depth--) path = joinPath(path, this.#random.pick(NAMES))
    return path ?? ('a' as RelativePath)
  }

  #freshFile(): Payload {
    const root = asHash(hashBytes(Buffer.from(`content ${this.#count++}`)))
    // Few times, so that equal ones are common.
    return { kind: 'file', size: 0, mtimeNs: BigInt(this.#random.below(4)), mode: 0o644, content: { root, height: 0 } }
  }

  #freshPayload(): Payload {
    return this.#random.weighted<Payload>([
      [6, this.#freshFile()],
      [2, { kind: 'directory', mode: 0o755 }],
      [1, { kind: 'symlink', target: `to ${this.#count++}`, mtimeNs: 0n }]
    ])
  }

  /** Puts something where nothing stands, and makes the directories above it. */
  async #put(device: PlannerDevice, path: RelativePath, payload: Payload): Promise<void> {
    if (device.disk.standing.has(path) || !(await this.#makeParents(device, path))) return
    await device.write(path, payload)
  }

  async #makeParents(device: PlannerDevice, path: RelativePath): Promise<boolean> {
    const parent = parentOf(path)
    if (parent === undefined || this.#kind(device, parent) === 'directory') return true
    if (device.disk.standing.has(parent) || !(await this.#makeParents(device, parent))) return false
    await device.write(parent, { kind: 'directory', mode: 0o755 })
    return true
  }

  async #remove(device: PlannerDevice, path: RelativePath): Promise<void> {
    const below = [...device.disk.standing.keys()].filter(other => isBelow(other, path))
    for (const one of below.sort().reverse()) await device.write(one, { kind: 'deleted' })
    await device.write(path, { kind: 'deleted' })
  }

  async #move(device: PlannerDevice, from: RelativePath, to: RelativePath): Promise<void> {
    const isFree = !device.disk.standing.has(to) && to !== from && !isBelow(to, from)
    if (!isFree || !(await this.#makeParents(device, to))) return
    const moving = [...device.index.entries].filter(([path]) => path === from || isBelow(path, from))
    const live = moving.filter(([path]) => device.disk.standing.has(path)).sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [path, { record }] of live)
      await device.write((to + path.slice(from.length)) as RelativePath, record.versions[0]!.payload)
    await this.#remove(device, from)
  }
}
