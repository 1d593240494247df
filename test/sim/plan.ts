import { withCopies, withIgnoring, withRoles } from './circumstances.js'
import { SeededRandom } from './random.js'

/** What a user, or a program of his, does to a device's files. `at` picks one of the paths that are there, `path` names a new one. */
export type UserAction =
  | { readonly kind: 'write'; readonly path: string; readonly size: number; readonly isSynced: boolean }
  | { readonly kind: 'overwrite'; readonly at: number; readonly size: number; readonly isSynced: boolean }
  | { readonly kind: 'slow-write'; readonly at: number; readonly size: number; readonly takesMs: number }
  | { readonly kind: 'append'; readonly at: number; readonly size: number }
  | { readonly kind: 'truncate'; readonly at: number }
  | { readonly kind: 'save'; readonly at: number; readonly size: number; readonly isSynced: boolean }
  | { readonly kind: 'sneak'; readonly at: number }
  | { readonly kind: 'delete'; readonly at: number }
  | { readonly kind: 'mkdir'; readonly path: string }
  | { readonly kind: 'rename'; readonly at: number; readonly path: string }
  | { readonly kind: 'swap'; readonly at: number; readonly with: number }
  | { readonly kind: 'retype'; readonly at: number; readonly size: number }
  | { readonly kind: 'symlink'; readonly path: string }
  | { readonly kind: 'chmod'; readonly at: number; readonly mode: number }
  | { readonly kind: 'touch'; readonly at: number; readonly mtimeMs: number }
  | { readonly kind: 'copy'; readonly at: number; readonly path: string }
  | { readonly kind: 'link'; readonly at: number; readonly path: string }
  /** Says in `.backerignore` that what is called so, at whatever depth, is not synced. */
  | { readonly kind: 'ignore'; readonly names: readonly string[] }

/** What happens to a device's machine or to the network. */
export type Misfortune =
  | { readonly kind: 'kill'; readonly device: number; readonly afterChanges: number; readonly downMs: number }
  | { readonly kind: 'power'; readonly device: number; readonly afterChanges: number; readonly downMs: number }
  | { readonly kind: 'restart'; readonly device: number; readonly downMs: number }
  | { readonly kind: 'lose-index'; readonly device: number; readonly downMs: number }
  /** A machine is kept as it is, and later put back to that, disk and index and all. */
  | { readonly kind: 'snapshot'; readonly device: number }
  | { readonly kind: 'roll-back'; readonly device: number; readonly downMs: number }
  | { readonly kind: 'clock'; readonly device: number; readonly byMs: number }
  | {
      readonly kind: 'fail'
      readonly device: number
      readonly code: string
      readonly skip: number
      readonly count: number
    }
  | { readonly kind: 'deny'; readonly device: number; readonly at: number; readonly forMs: number }
  | { readonly kind: 'deafen'; readonly device: number; readonly forMs: number }
  | { readonly kind: 'overflow'; readonly device: number }
  | { readonly kind: 'unmount'; readonly device: number; readonly forMs: number }
  | { readonly kind: 'read-only'; readonly device: number; readonly forMs: number }
  /** A device that was not there yet becomes one of the folder's, with what its user has put into the directory until then. */
  | {
      readonly kind: 'join'
      readonly device: number
      /** Its user has copied into it before what another device shows; with the times of the files, or with new ones. */
      readonly copyOf?: number
      readonly keepsTimes?: boolean
    }
  /** A device is gone for good, with all that is on it. */
  | { readonly kind: 'retire'; readonly device: number }
  | { readonly kind: 'cut'; readonly a: number; readonly b: number }
  | { readonly kind: 'partition'; readonly a: number; readonly b: number; readonly forMs: number }
  | { readonly kind: 'one-way'; readonly a: number; readonly b: number; readonly forMs: number }
  | { readonly kind: 'second-line'; readonly a: number; readonly b: number }

/** What a user asks of the engine. `at` picks one of the files that are there. */
export type Wish =
  | { readonly kind: 'restore'; readonly at: number }
  | { readonly kind: 'restore-all'; readonly nth: number }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'drop'; readonly at: number; readonly copies: number }
  | { readonly kind: 'get' }

/** One step of a run. `afterMs`: virtual time that passes before it. */
export type Step = { readonly afterMs: number } & (
  | { readonly kind: 'user'; readonly device: number; readonly action: UserAction }
  /** In the middle of what the engine does to the disk: ahead of its `calls`-th call from now. */
  | { readonly kind: 'race'; readonly device: number; readonly calls: number; readonly action: UserAction }
  | { readonly kind: 'misfortune'; readonly misfortune: Misfortune }
  | { readonly kind: 'wish'; readonly device: number; readonly wish: Wish }
  /** Everything is healed, and all devices become equal; then it goes on. */
  | { readonly kind: 'settle' }
)

/** Everything that decides a run. */
export interface Plan {
  readonly seed: string
  readonly deviceCount: number
  /** The real protocol over chopped bytes, or calls that are only late. */
  readonly line: 'fast' | 'wire'
  readonly canExchange: boolean
  readonly reusesInodes: boolean
  readonly order: 'journal' | 'dependencies'
  /** Only device 0's user writes: there is nothing to be in conflict with. */
  readonly isSingleWriter: boolean
  /** Devices of these numbers may read only. */
  readonly readers: readonly number[]
  /** Of those, the ones that have the write key and are only to receive. */
  readonly receiveOnly?: readonly number[]
  /** Devices of these numbers are not started until they join. */
  readonly late?: readonly number[]
  /** How often each device packs its revisions, milliseconds. */
  readonly packMs?: number
  /** From which size on each device reads files on the side, in bytes. */
  readonly longBytes?: number
  readonly steps: readonly Step[]
}

export const NAMES = ['a', 'b', 'c', 'd', 'n.txt', 'é', 'z~1', '.h'] as const
const CHUNK = 128 * 1024

export interface PlanOptions {
  readonly stepCount?: number
  readonly deviceCount?: number
  readonly line?: 'fast' | 'wire'
  /** In some runs the last device may only read or receive, in some one is retired, in some users change what is ignored. */
  readonly withAll?: boolean
}

/** The plan that a seed stands for. */
export function makePlan(seed: string, options: PlanOptions = {}): Plan {
  const random = new SeededRandom(`plan ${seed}`)
  const deviceCount =
    options.deviceCount ??
    random.weighted([
      [3, 2],
      [5, 3],
      [1, 4],
      [1, 5]
    ])
  const line = random.oneIn(10) ? 'wire' : 'fast'
  const isSingleWriter = random.oneIn(8)
  const base = {
    seed,
    deviceCount,
    line: options.line ?? line,
    canExchange: !random.oneIn(6),
    reusesInodes: random.oneIn(3),
    order: random.oneIn(2) ? 'journal' : 'dependencies',
    isSingleWriter,
    readers: options.withAll === true && random.oneIn(4) ? [deviceCount - 1] : [],
    late: random.oneIn(4) ? [random.below(deviceCount)] : [],
    packMs: random.pick([3000, 20_000, 60_000]),
    ...(new SeededRandom(`plan ${seed} long reads`).oneIn(2) ? { longBytes: 500 } : {})
  } as const
  const mood = {
    pace: random.pick([5, 40, 300, 2000]),
    faults: random.pick([0, 4, 8, 16]),
    wishes: random.pick([0, 0, 3, 10]),
    drops: random.oneIn(2) && base.readers.length === 0 && !isSingleWriter,
    late: base.late,
    isSingleWriter,
    deviceCount
  }
  const steps = Array.from({ length: options.stepCount ?? random.between(20, 180) }, () => makeStep(random, mood))
  const plan: Plan = { ...base, steps }
  return options.withAll === true ? withCopies(withIgnoring(withRoles(plan, mood.drops))) : plan
}

interface Mood {
  readonly pace: number
  /** In a hundred steps. */
  readonly faults: number
  /** In a hundred steps as well. */
  readonly wishes: number
  /**
   * Whether some of them are to drop files. Then no machine is put back, nor loses its index, and all may write: others rely on what they hold, and would not
   * hear that a reader's user has removed it.
   */
  readonly drops: boolean
  readonly late: readonly number[]
  readonly isSingleWriter: boolean
  readonly deviceCount: number
}

function makeStep(random: SeededRandom, mood: Mood): Step {
  const afterMs = random.oneIn(3) ? 0 : random.below(random.oneIn(10) ? 20 * mood.pace : mood.pace)
  const device = mood.isSingleWriter ? 0 : random.below(mood.deviceCount)
  if (random.below(100) < mood.faults) return { afterMs, kind: 'misfortune', misfortune: makeMisfortune(random, mood) }
  if (random.oneIn(60)) return { afterMs, kind: 'settle' }
  if (random.below(100) < mood.wishes) return { afterMs, kind: 'wish', device, wish: makeWish(random, mood) }
  const action = makeAction(random)
  // A write that keeps size and time can't be told from none between the last look and the exchange: lib/disk/place.ts.
  if (random.oneIn(6) && action.kind !== 'sneak')
    return { afterMs, kind: 'race', device, calls: random.between(1, 60), action }
  return { afterMs, kind: 'user', device, action }
}

function makeWish(random: SeededRandom, { drops }: Mood): Wish {
  const at = random.below(1000)
  const dropping = drops ? 1 : 0
  return random.weighted<Wish>([
    [5, { kind: 'restore', at }],
    [1, { kind: 'restore-all', nth: at }],
    [2, { kind: 'snapshot' }],
    [5 * dropping, { kind: 'drop', at, copies: random.between(1, 2) }],
    [3 * dropping, { kind: 'get' }]
  ])
}

function makePath(random: SeededRandom): string {
  const depth = random.weighted([
    [5, 1],
    [4, 2],
    [2, 3]
  ])
  return Array.from({ length: depth }, () => random.pick(NAMES)).join('/')
}

function makeSize(random: SeededRandom): number {
  return random.weighted([
    [1, 0],
    [1, 1],
    [20, 40],
    [8, 1000],
    [1, CHUNK - 1],
    [1, CHUNK],
    [1, 3 * CHUNK + 1]
  ])
}

function makeAction(random: SeededRandom): UserAction {
  const at = random.below(1000)
  const path = makePath(random)
  const size = makeSize(random)
  const isSynced = random.oneIn(2)
  return random.weighted<UserAction>([
    [18, { kind: 'write', path, size, isSynced }],
    [9, { kind: 'overwrite', at, size, isSynced }],
    [3, { kind: 'slow-write', at, size, takesMs: random.below(400) }],
    [4, { kind: 'append', at, size }],
    [2, { kind: 'truncate', at }],
    [8, { kind: 'save', at, size, isSynced }],
    [2, { kind: 'sneak', at }],
    [9, { kind: 'delete', at }],
    [6, { kind: 'mkdir', path }],
    [10, { kind: 'rename', at, path }],
    [2, { kind: 'swap', at, with: random.below(1000) }],
    [4, { kind: 'retype', at, size }],
    [2, { kind: 'symlink', path }],
    [3, { kind: 'chmod', at, mode: random.pick([0o600, 0o644, 0o755, 0o700, 0o444]) }],
    [2, { kind: 'touch', at, mtimeMs: random.pick([-5000, 0, 1_500_000_000_123, 4_000_000_000_000]) }],
    [2, { kind: 'copy', at, path }],
    [1, { kind: 'link', at, path }]
  ])
}

function makeMisfortune(random: SeededRandom, mood: Mood): Misfortune {
  const { deviceCount, isSingleWriter, late } = mood
  const device = random.below(deviceCount)
  const a = device
  const b = (a + 1 + random.below(deviceCount - 1)) % deviceCount
  const afterChanges = random.oneIn(4) ? 0 : random.between(1, 40)
  const downMs = random.pick([10, 500, 5000])
  const forMs = random.pick([100, 2000, 40_000])
  const harsh = isSingleWriter ? 0 : 1
  const lossy = isSingleWriter || (mood.wishes > 0 && mood.drops) ? 0 : 1
  return random.weighted<Misfortune>([
    [5, { kind: 'kill', device, afterChanges, downMs }],
    [5 * harsh, { kind: 'power', device, afterChanges, downMs }],
    [2, { kind: 'restart', device, downMs }],
    [2 * lossy, { kind: 'lose-index', device, downMs }],
    [2 * lossy, { kind: 'snapshot', device }],
    [2 * lossy, { kind: 'roll-back', device, downMs }],
    [1, { kind: 'clock', device, byMs: random.pick([-315_000_000_000, 315_000_000_000, -5000, 60_000]) }],
    [
      3,
      {
        kind: 'fail',
        device,
        code: random.pick(['EIO', 'ENOSPC', 'EACCES', 'EMFILE']),
        skip: random.below(60),
        count: random.pick([1, 1, 3, 50])
      }
    ],
    [1, { kind: 'deny', device, at: random.below(1000), forMs }],
    [2, { kind: 'deafen', device, forMs }],
    [1, { kind: 'overflow', device }],
    [2, { kind: 'unmount', device, forMs }],
    [1, { kind: 'read-only', device, forMs }],
    [late.length > 0 ? 4 : 0, { kind: 'join', device: late[0] ?? 0 }],
    [3, { kind: 'cut', a, b }],
    [3, { kind: 'partition', a, b, forMs }],
    [2, { kind: 'one-way', a, b, forMs }],
    [1, { kind: 'second-line', a, b }]
  ])
}
