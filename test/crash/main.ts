import { fork, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../../lib/core/error.js'
import { recordFigures } from '../card/figures.js'
import { readArguments } from '../make/arguments.js'
import { bundleDevice } from './bundle.js'
import { prepareMachine } from './machine.js'
import { freshSeed } from './rig.js'
import { cutsPower, RUNS, titleOf, type Run } from './suites.js'
import type { Order, Report } from './worker.js'

const USAGE = `npm run test:crash -- [patterns] [options]: kills a device before every change that it makes to a file system, in every flow, and cuts the power of its file
systems there. Patterns choose suites and flows by their titles, each of which has to fit. Needs root, a C compiler and xfsprogs, which are installed where
they are missing. Ends with N passed, N failed, counting flows.
  --seed S     decides the order and where the power is cut (another one each time)
  --points N   ends of one flow, at most
  --minutes M  begins with no other flow after so long
  --jobs J     flows at once
  --record     keeps the figures for docs/reliability.md`
const WORKER = fileURLToPath(new URL('worker.js', import.meta.url))

const { values, positionals } = readArguments(USAGE, {
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
const total = { passed: 0, failed: 0, kills: 0, powerLosses: 0, cycles: 0 }

const waiting = chosen()
try {
  prepareMachine()
  await bundleDevice()
} catch (error) {
  console.log(`FAILED this machine can't play any of it: ${messageOf(error)}`)
  console.log('0 passed, 1 failed')
  process.exit(1)
}
console.log(`seed ${seed}`)
await Promise.all(Array.from({ length: Math.min(jobs, waiting.length) }, runWorker))
if (waiting.length > 0) console.log(`left out for want of time: ${waiting.length} flows`)
const { passed, failed, kills, powerLosses, cycles } = total
console.log(
  `${kills} kills and ${powerLosses} power losses in ${cycles} cycles, ${(performance.now() / 1000).toFixed(0)} s`
)
console.log(`${passed} passed, ${failed} failed`)
if (values.record) recordFigures('crash', { kills, powerLosses, cycles, flows: passed + failed, failed })
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

/** What was asked for; in the seed's order, so that a short run is a sample of all. */
function chosen(): Run[] {
  const place = (run: Run): string =>
    createHash('sha256')
      .update(`${seed} ${titleOf(run)}`)
      .digest('hex')
  return RUNS.filter(run => positionals.every(pattern => new RegExp(pattern).test(titleOf(run)))).sort((a, b) =>
    place(a) < place(b) ? -1 : 1
  )
}

/** One flow after the other, each in the same process. It ends with this one, however that ends. */
async function runWorker(): Promise<void> {
  const worker = fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  let last: Run | undefined
  for (let run = next(last); run !== undefined; run = next(last)) {
    if (last !== undefined && run.suite !== last.suite) tellEnd(await runOne(worker, undefined))
    tell(run, await runOne(worker, run))
    last = run
  }
  if (last !== undefined) tellEnd(await runOne(worker, undefined))
  if (!worker.connected) return
  worker.disconnect()
  await once(worker, 'exit')
}

/** What comes next, where something else was last: more of the same, as long as there is some. */
function next(last: Run | undefined): Run | undefined {
  if (performance.now() > endMs) return undefined
  const same = waiting.findIndex(({ suite }) => suite === last?.suite && cutsPower(suite))
  return waiting.splice(Math.max(same, 0), 1)[0]
}

async function runOne(worker: ChildProcess, run: Run | undefined): Promise<Report> {
  const order: Order = { title: run && titleOf(run), seed, points }
  const over = new AbortController()
  const { signal } = over
  const gone = { title: order.title ?? 'at rest in the end', kills: 0, cycles: 0, elapsedMs: 0 }
  const done = once(worker, 'message', { signal }).then(([report]) => report as Report)
  const died = once(worker, 'exit', { signal }).then((): Report => ({ ...gone, failure: 'the worker died' }))
  if (worker.connected) worker.send(order)
  else return { ...gone, failure: 'the worker has died' }
  try {
    return await Promise.race([done, died])
  } finally {
    over.abort()
    await Promise.allSettled([done, died])
  }
}

function tell({ suite }: Run, report: Report): void {
  if (cutsPower(suite)) total.powerLosses += report.kills
  else total.kills += report.kills
  total.cycles += report.cycles
  if (report.failure === undefined) {
    total.passed++
    console.log(`ok     ${report.title}: ${figuresOf(report)}`)
  } else tellEnd(report)
}

/** That both became the same in the end counts as no flow of its own, unless they did not. */
function tellEnd(report: Report): void {
  if (report.failure === undefined) return
  total.failed++
  console.log(`FAILED ${report.title}: ${report.failure} (seed ${seed}, ${figuresOf(report)})`)
}

function figuresOf({ kills, cycles, elapsedMs }: Report): string {
  return `${kills} kills in ${cycles} cycles, ${(elapsedMs / 1000).toFixed(1)} s`
}
