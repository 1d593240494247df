import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { recordFigures } from '../card/figures.js'
import { installPackages } from '../make/packages.js'
import { FLOWS, type Flow } from './flows.js'
import { Mounts, type Kind } from './mounts.js'
import { freshSeed, killAll, Rig } from './rig.js'

/**
 * Kills a device at every system call that changes a file system, in every flow, and cuts the power of its file systems there: `npm run
 * test:crash -- [words] [--seed N] [--most N] [--minutes N] [--record]`. Words choose suites and flows by their titles; `--most`: kills of one call in one flow;
 * `--minutes`: begins with no other flow after so long, in an order that the seed gives. Needs root, strace and xfsprogs. Ends with
 * `N passed, N failed`, counting flows.
 */
const CALLS = [
  ...[
    'renameat2',
    'rename',
    'renameat',
    'link',
    'linkat',
    'unlink',
    'unlinkat',
    'mkdir',
    'mkdirat',
    'rmdir',
    'symlink'
  ],
  ...['symlinkat', 'fsync', 'fdatasync', 'syncfs', 'sync_file_range', 'pwrite64', 'pwritev', 'writev', 'ftruncate'],
  ...['fchmod', 'fchmodat', 'chmod', 'utimensat', 'copy_file_range', 'fallocate']
]

interface Suite {
  readonly title: string
  /** Where the folder and the home of the mortal device lie. */
  readonly kinds?: readonly [folder: Kind, home: Kind | undefined]
  readonly flushesLog?: boolean
  /** Kills of one call in one flow. */
  readonly most: number
}

const SUITES: readonly Suite[] = [
  { title: 'F1 F2 killed', most: 25 },
  { title: 'F3 power cut, ext4', kinds: ['ext4', undefined], most: 2 },
  { title: 'F3 power cut, ext4, journal flushed', kinds: ['ext4', undefined], flushesLog: true, most: 2 },
  {
    title: 'F3 power cut, ext4 with writeback, journal flushed',
    kinds: ['ext4-writeback', undefined],
    flushesLog: true,
    most: 2
  },
  { title: 'F3 power cut, xfs', kinds: ['xfs', undefined], most: 2 },
  { title: 'F3 power cut, xfs, journal flushed', kinds: ['xfs', undefined], flushesLog: true, most: 2 },
  { title: 'F3 power cut, folder on xfs and home on ext4', kinds: ['xfs', 'ext4'], most: 2 },
  {
    title: 'F3 power cut, folder on ext4 and home on xfs, journals flushed',
    kinds: ['ext4', 'xfs'],
    flushesLog: true,
    most: 2
  }
]

const { values, positionals } = parseArgs({
  options: {
    seed: { type: 'string' },
    most: { type: 'string' },
    minutes: { type: 'string' },
    record: { type: 'boolean', default: false }
  },
  allowPositionals: true
})
const seed = values.seed === undefined ? freshSeed() : Number(values.seed)
const base = mkdtempSync(join(tmpdir(), 'backer-crash-'))
const mounts = new Mounts(base)
const total = { passed: 0, failed: 0, kills: 0, cycles: 0 }
const endMs = values.minutes === undefined ? Infinity : Number(values.minutes) * 60_000

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    cleanUp()
    process.exit(130)
  })

try {
  install()
  console.log(`seed ${seed}`)
  const runs = chosen()
  const begun = await runAll(runs)
  if (begun < runs.length) console.log(`left out for want of time: ${runs.length - begun} of ${runs.length} flows`)
} finally {
  cleanUp()
}
console.log(`${total.kills} kills in ${total.cycles} cycles, ${(performance.now() / 1000).toFixed(0)} s`)
console.log(`${total.passed} passed, ${total.failed} failed`)
if (values.record)
  recordFigures('crash', {
    kills: total.kills,
    cycles: total.cycles,
    flows: total.passed + total.failed,
    failed: total.failed
  })
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)

/** What the suite needs and the machine lacks. */
function install(): void {
  if (process.getuid?.() !== 0) throw new Error('this suite needs root: it mounts file systems')
  installPackages({ strace: 'strace', 'mkfs.xfs': 'xfsprogs', xfs_io: 'xfsprogs' })
}

/** Every suite with every flow that was asked for; in the seed's order, so that a short run is a sample of all. */
function chosen(): readonly (readonly [Suite, Flow])[] {
  const all = SUITES.flatMap(suite => FLOWS.map(flow => [suite, flow] as const)).filter(([suite, flow]) =>
    positionals.every(word => `${suite.title} ${flow.title}`.includes(word))
  )
  const place = ([suite, flow]: readonly [Suite, Flow]): string =>
    createHash('sha256').update(`${seed} ${suite.title} ${flow.title}`).digest('hex')
  return endMs === Infinity ? all : all.sort((a, b) => (place(a) < place(b) ? -1 : 1))
}

/** How many were begun before the time was up. */
async function runAll(runs: readonly (readonly [Suite, Flow])[]): Promise<number> {
  let begun = 0
  for (const [suite, flow] of runs) {
    if (performance.now() > endMs) break
    begun++
    await runOne(suite, flow)
  }
  return begun
}

async function runOne(suite: Suite, flow: Flow): Promise<void> {
  const name = `${suite.title}: ${flow.title}`
  const begin = performance.now()
  try {
    const { kills, cycles } = await runFlow(suite, flow)
    total.passed++
    total.kills += kills
    total.cycles += cycles
    const perCycle = Math.round((performance.now() - begin) / cycles)
    console.log(`ok     ${name}: ${kills} kills, ${perCycle} ms a cycle`)
  } catch (error) {
    total.failed++
    console.log(`FAILED ${name}: ${error instanceof Error ? error.message : String(error)} (seed ${seed})`)
  }
  killAll()
  mounts.close()
}

async function runFlow(suite: Suite, flow: Flow): Promise<{ kills: number; cycles: number }> {
  const place = mkdtempSync(join(base, 'flow-'))
  const [folderKind, homeKind] = suite.kinds ?? []
  const disk = folderKind === undefined ? place : mounts.make('disk', folderKind)
  const homeDisk = homeKind === undefined ? disk : mounts.make('home-disk', homeKind)
  const [mortal, home, peer] = [join(disk, 'mortal'), join(homeDisk, 'home'), join(place, 'peer')]
  for (const directory of [mortal, peer]) mkdirSync(directory)
  const flushesLog = suite.flushesLog === true
  const cutPower = (): void => {
    for (const mounted of new Set([disk, homeDisk])) mounts.cutPower(mounted, flushesLog)
  }
  const rig = await Rig.open({ mortal, home, peer, seed, ...(folderKind === undefined ? {} : { afterKill: cutPower }) })
  try {
    await killEverywhere(rig, flow, Number(values.most ?? suite.most), join(place, 'strace.log'))
    return rig
  } finally {
    await rig.close()
    rmSync(place, { recursive: true, force: true })
  }
}

/** Kills at each call that a cycle makes, from its first to its last; then, for the crash of a recovery, at each call of a start. */
async function killEverywhere(rig: Rig, flow: Flow, most: number, log: string): Promise<void> {
  await rig.profile(flow, CALLS, log)
  const counts = await rig.profile(flow, CALLS, log)
  for (const [call, count] of counts) {
    const step = Math.max(1, Math.ceil(count / most))
    for (let when = 1; when <= count; when += step) if (!(await rig.cycle(flow, call, when))) break
  }
  for (const call of ['fsync', 'fdatasync', 'rename', 'unlink', 'pwrite64'])
    for (let when = 1; when <= Math.min(most, 3); when++) if (!(await rig.startAndKill(call, when))) break
}

function cleanUp(): void {
  killAll()
  mounts.close()
  rmSync(base, { recursive: true, force: true })
}
