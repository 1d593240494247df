import { fork, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { recordFigures } from '../card/figures.js'
import { installPackages } from '../make/packages.js'
import { freshSeed } from './rig.js'
import { RUNS, titleOf } from './suites.js'
import type { Order, Report } from './worker.js'

/**
 * Kills a device at every system call that changes a file system, in every flow, and cuts the power of its file systems there: `npm run
 * test:crash -- [patterns] [--seed N] [--points N] [--minutes N] [--jobs N] [--record]`. Patterns choose suites and flows by their titles, each of which
 * has to fit; `--points`: ends of one flow, at most; `--minutes`: begins with no other flow after so long, in an order that the seed gives; `--jobs`: flows at once. Needs root,
 * strace and xfsprogs. Ends with `N passed, N failed`, counting flows.
 */
const WORKER = fileURLToPath(new URL('worker.js', import.meta.url))

const { values, positionals } = parseArgs({
  options: {
    seed: { type: 'string' },
    points: { type: 'string' },
    minutes: { type: 'string' },
    jobs: { type: 'string' },
    record: { type: 'boolean', default: false }
  },
  allowPositionals: true
})
const seed = values.seed === undefined ? freshSeed() : Number(values.seed)
const points = values.points === undefined ? undefined : Number(values.points)
const endMs = values.minutes === undefined ? Infinity : Number(values.minutes) * 60_000
// More than there are processors: devices wait for each other now and then.
const jobs = values.jobs === undefined ? availableParallelism() + 2 : Number(values.jobs)
const total = { passed: 0, failed: 0, kills: 0, cycles: 0 }

if (process.getuid?.() !== 0) throw new Error('this suite needs root: it mounts file systems')
installPackages({ strace: 'strace', 'mkfs.xfs': 'xfsprogs', xfs_io: 'xfsprogs', 'mkfs.ext4': 'e2fsprogs' })
console.log(`seed ${seed}`)
const waiting = chosen()
await Promise.all(Array.from({ length: Math.min(jobs, waiting.length) }, runWorker))
if (waiting.length > 0) console.log(`left out for want of time: ${waiting.length} flows`)
console.log(`${total.kills} kills in ${total.cycles} cycles, ${(performance.now() / 1000).toFixed(0)} s`)
console.log(`${total.passed} passed, ${total.failed} failed`)
if (values.record) {
  const { passed, failed, kills, cycles } = total
  recordFigures('crash', { kills, cycles, flows: passed + failed, failed })
}
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

/** Titles of what was asked for; in the seed's order, so that a short run is a sample of all. */
function chosen(): string[] {
  const place = (title: string): string => createHash('sha256').update(`${seed} ${title}`).digest('hex')
  return RUNS.map(titleOf)
    .filter(title => positionals.every(pattern => new RegExp(pattern).test(title)))
    .sort((a, b) => (place(a) < place(b) ? -1 : 1))
}

/** One flow after the other, each in the same process. It ends with this one, however that ends. */
async function runWorker(): Promise<void> {
  const worker = fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  for (let title = next(); title !== undefined; title = next()) tell(await runOne(worker, { title, seed, points }))
  if (!worker.connected) return
  worker.disconnect()
  await once(worker, 'exit')
}

function next(): string | undefined {
  return performance.now() > endMs ? undefined : waiting.shift()
}

async function runOne(worker: ChildProcess, order: Order): Promise<Report> {
  const over = new AbortController()
  const { signal } = over
  const done = once(worker, 'message', { signal }).then(([report]) => report as Report)
  const died = once(worker, 'exit', { signal }).then((): Report => {
    return { title: order.title, kills: 0, cycles: 0, elapsedMs: 0, failure: 'the worker died' }
  })
  if (worker.connected) worker.send(order)
  else return { title: order.title, kills: 0, cycles: 0, elapsedMs: 0, failure: 'the worker has died' }
  try {
    return await Promise.race([done, died])
  } finally {
    over.abort()
    await Promise.allSettled([done, died])
  }
}

function tell({ title, kills, cycles, elapsedMs, failure }: Report): void {
  total.kills += kills
  total.cycles += cycles
  if (failure === undefined) total.passed++
  else total.failed++
  const figures = `${kills} kills in ${cycles} cycles, ${(elapsedMs / 1000).toFixed(1)} s`
  if (failure === undefined) console.log(`ok     ${title}: ${figures}`)
  else console.log(`FAILED ${title}: ${failure} (seed ${seed}, ${figures})`)
}
