import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '../sim/random.js'
import { Mounts } from './mounts.js'
import { Rig } from './rig.js'
import { compileAtCall, killAll } from './strike.js'
import { cutsPower, RUNS, titleOf, type Run, type Suite } from './suites.js'

/** Calls of one kind that come more often than this in a cycle are tried at regular distances: which of them, the seed chooses. */
const POINTS_OF_CALL = 12

/** What a worker is asked to do: the run of that title; or, with none, to bring to an end what it has open. */
export interface Order {
  readonly title: string | undefined
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

/** Two devices that a suite's flows are played on. */
interface Open {
  readonly suite: Suite
  readonly rig: Rig
  readonly place: string
}

/**
 * A process that does one run after the other, as it is told over IPC. All that it makes lies in memory where this user may mount: nothing here
 * depends on a disk that outlives the machine, and a sync costs nothing.
 */
const base = mkdtempSync(join(tmpdir(), 'backer-crash-'))
const isInMemory = mountMemory()
const mounts = new Mounts(base)
const atCall = compileAtCall(base)
let open: Open | undefined

process.on('message', message => void carryOut(message as Order))
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

async function carryOut(order: Order): Promise<void> {
  const began = performance.now()
  const run = RUNS.find(one => titleOf(one) === order.title)
  const title = order.title ?? `${open?.suite.title}: at rest in the end`
  const done = { kills: 0, cycles: 0 }
  let failure: string | undefined
  try {
    if (run === undefined) await finish()
    else await play(run, order, done)
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error)
    await abandon()
  }
  const elapsedMs = performance.now() - began
  process.send?.({ title, ...done, elapsedMs, ...(failure === undefined ? {} : { failure }) } satisfies Report)
}

/** Plays a flow, on what those before it have left where the power is cut. */
async function play(run: Run, order: Order, done: { kills: number; cycles: number }): Promise<void> {
  open ??= await openRig(run.suite, order.seed)
  const { rig } = open
  const before = { kills: rig.kills, cycles: rig.cycles }
  try {
    await killEverywhere(rig, run, order)
  } finally {
    Object.assign(done, { kills: rig.kills - before.kills, cycles: rig.cycles - before.cycles })
  }
  if (!cutsPower(run.suite)) await finish()
}

async function openRig(suite: Suite, seed: number): Promise<Open> {
  const place = mkdtempSync(join(base, 'rig-'))
  const [folderKind, homeKind] = suite.kinds ?? []
  const disk = folderKind === undefined ? place : mounts.make('disk', folderKind)
  const homeDisk = homeKind === undefined ? disk : mounts.make('home-disk', homeKind)
  const [mortal, home, peer] = [join(disk, 'mortal'), join(homeDisk, 'home'), join(place, 'peer')]
  for (const directory of [mortal, peer]) mkdirSync(directory)
  const cutPower = (): void => {
    for (const mounted of new Set([disk, homeDisk])) mounts.cutPower(mounted, suite.flushesLog === true)
  }
  const afterKill = folderKind === undefined ? {} : { afterKill: cutPower }
  const rig = await Rig.open({ mortal, home, peer, seed, atCall, log: join(place, 'calls.log'), ...afterKill })
  return { suite, rig, place }
}

/** Both devices become the same a last time, and what they lie on goes. */
async function finish(): Promise<void> {
  await open?.rig.settle()
  await letGo()
}

async function abandon(): Promise<void> {
  killAll()
  await letGo()
}

async function letGo(): Promise<void> {
  const last = open
  open = undefined
  await last?.rig.close()
  mounts.close()
  if (last !== undefined) rmSync(last.place, { recursive: true, force: true })
}

async function killEverywhere(
  rig: Rig,
  { suite, flow }: Run,
  { title, seed, points = suite.points }: Order
): Promise<void> {
  const calls = await rig.profile(flow)
  const before = rig.kills
  for (const point of chosenOf(calls, `${seed} ${title}`)) {
    if (rig.kills - before >= points) return
    await rig.cycle(flow, point)
  }
  if (points !== Infinity) return
  // A start that has more to recover from makes more of them.
  for (let point = calls.length + 1; await rig.cycle(flow, point); point++);
}

/** Points of every call, from its first to its last, in an order that depends on the seed alone. */
function chosenOf(calls: readonly string[], seed: string): number[] {
  const random = new SeededRandom(seed)
  const points = [...new Set(calls)].flatMap(name => {
    const all = calls.flatMap((call, i) => (call === name ? [i + 1] : []))
    const step = Math.max(1, Math.ceil(all.length / POINTS_OF_CALL))
    const first = random.below(step)
    return all.filter((_, i) => i % step === first)
  })
  for (let i = points.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[points[i], points[j]] = [points[j]!, points[i]!]
  }
  return points
}
