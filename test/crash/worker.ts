import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Mounts } from './mounts.js'
import { killAll, Rig, type Point } from './rig.js'
import { SeededRandom } from '../sim/random.js'
import { RUNS, titleOf, type Run } from './suites.js'

/** Every system call that changes a file system, or makes a change durable. */
const CALLS = [
  ...['renameat2', 'rename', 'renameat', 'link', 'linkat', 'unlink', 'unlinkat', 'mkdir', 'mkdirat', 'rmdir'],
  ...['symlink', 'symlinkat', 'fsync', 'fdatasync', 'syncfs', 'sync_file_range', 'pwrite64', 'pwritev', 'writev'],
  ...['ftruncate', 'fchmod', 'fchmodat', 'chmod', 'utimensat', 'copy_file_range', 'fallocate']
]

/** Calls of one kind that a thread makes more often than this are tried at regular distances. */
const POINTS_OF_CALL = 25

/** What a worker is asked to do: the run of that title. */
export interface Order {
  readonly title: string
  readonly seed: number
  /** How often the end comes; the suite's own number where it is undefined. */
  readonly points: number | undefined
}

/** What became of it. */
export interface Report {
  readonly title: string
  readonly kills: number
  readonly cycles: number
  readonly elapsedMs: number
  /** What is wrong, where something is. */
  readonly failure?: string
}

/**
 * A process that does one run after the other, as it is told over IPC. All that it makes lies in memory where this user may mount: nothing here
 * depends on a disk that outlives the machine, and a sync costs nothing.
 */
const base = mkdtempSync(join(tmpdir(), 'backer-crash-'))
const isInMemory = mountMemory()
const mounts = new Mounts(base)

process.on('message', message => {
  const order = message as Order
  const run = RUNS.find(one => titleOf(one) === order.title)
  if (run !== undefined) void report(run, order)
})
// What interrupts the whole group ends the process that gives orders, and thereby this one.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => {
  killAll()
  mounts.close()
  if (isInMemory) execFileSync('umount', ['-l', base])
  rmSync(base, { recursive: true, force: true })
  process.exit(0)
})

function mountMemory(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', base], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

async function report(run: Run, order: Order): Promise<void> {
  const { title } = order
  const begin = performance.now()
  const done = { kills: 0, cycles: 0 }
  let failure: string | undefined
  try {
    await killEverywhere(run, order, done)
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error)
  }
  killAll()
  mounts.close()
  const elapsedMs = performance.now() - begin
  process.send?.({ title, ...done, elapsedMs, ...(failure === undefined ? {} : { failure }) } satisfies Report)
}

async function killEverywhere(
  run: Run,
  { title, seed, points = run.suite.points }: Order,
  done: { kills: number; cycles: number }
): Promise<void> {
  const { suite, flow } = run
  const place = mkdtempSync(join(base, 'flow-'))
  const [folderKind, homeKind] = suite.kinds ?? []
  const disk = folderKind === undefined ? place : mounts.make('disk', folderKind)
  const homeDisk = homeKind === undefined ? disk : mounts.make('home-disk', homeKind)
  const [mortal, home, peer] = [join(disk, 'mortal'), join(homeDisk, 'home'), join(place, 'peer')]
  for (const directory of [mortal, peer]) mkdirSync(directory)
  const cutPower = (): void => {
    for (const mounted of new Set([disk, homeDisk])) mounts.cutPower(mounted, suite.flushesLog === true)
  }
  const rig = await Rig.open({ mortal, home, peer, seed, ...(folderKind === undefined ? {} : { afterKill: cutPower }) })
  try {
    const counts = await rig.profile(flow, CALLS, join(place, 'strace.log'))
    /** Of each call, the lowest number that no thread came to: threads share their work in other ways from run to run. */
    const missed = new Map<string, number>()
    for (const point of chosenOf(counts, `${seed} ${title}`)) {
      if (rig.kills >= points) break
      if (point.when >= (missed.get(point.call) ?? Infinity)) continue
      if (!(await rig.cycle(flow, point))) missed.set(point.call, point.when)
      Object.assign(done, { kills: rig.kills, cycles: rig.cycles })
    }
    await rig.settle(flow)
  } finally {
    await rig.close()
    rmSync(place, { recursive: true, force: true })
  }
}

/** Points of every call, from its first to its last, in an order that depends on the seed alone. */
function chosenOf(counts: ReadonlyMap<string, number>, seed: string): Point[] {
  const points = [...counts].flatMap(([call, count]) => {
    const step = Math.max(1, Math.ceil(count / POINTS_OF_CALL))
    return Array.from({ length: Math.ceil(count / step) }, (_, i) => ({ call, when: 1 + i * step }))
  })
  const random = new SeededRandom(seed)
  for (let i = points.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[points[i], points[j]] = [points[j]!, points[i]!]
  }
  return points
}
