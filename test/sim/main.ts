import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { recordFigures } from '../card/figures.js'
import { readArguments, refuseArguments } from '../make/arguments.js'
import { messageOf } from '../../lib/core/error.js'
import { makePlan, type Plan } from './plan.js'
import { runPlan, shrink } from './run.js'
import { settledInLoop } from './scheduler.js'
import { rememberSignatures } from './signatures.js'
import { addTallies, NO_RUNS, type Tally } from './tally.js'

const USAGE = `npm run test:sim -- [options]: simulated runs of two to five devices. Every hundredth is run twice, and must go the same way. Ends with
N passed, N failed.
  --seed S     the first seed (1)
  --seeds N    how many seeds (100)
  --minutes M  as many as there is time for
  --jobs J     in so many processes (1)
  --shrink     makes what breaks a promise as small as it can be made
  --trace      prints what happens
  --record     keeps the figures for docs/reliability.md`
/**
 * What a run leaves behind is dead soon, so that a larger young generation is collected more seldom: a tenth of a run otherwise. Threads that help the
 * collector do so for more CPU time than they save, and code that is compiled at its first call runs faster from then on: a tenth as well.
 */
const V8_FLAGS = ['--max-semi-space-size=64', '--single-threaded-gc', '--always-sparkplug']

const { values } = readArguments(USAGE, {
  options: {
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    step: { type: 'string', default: '1' },
    shrink: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false }
  }
})
const endMs = values.minutes === undefined ? Infinity : Number(values.minutes) * 60_000
const count = Number(values.seeds ?? (endMs === Infinity ? 100 : Number.MAX_SAFE_INTEGER))
const [first, jobs, step] = [Number(values.seed), Number(values.jobs), Number(values.step)]
if (![first, count, jobs, step].every(Number.isSafeInteger) || count < 1 || jobs < 1 || !(endMs > 0))
  refuseArguments('--seed, --seeds and --jobs take whole numbers, --minutes a number', USAGE)
// Errors are ordinary outcomes by the thousand, and taking their stacks is a twentieth of a run. Whatever crashes is run again with them.
Error.stackTraceLimit = 0
rememberSignatures()
const isPart = process.send !== undefined
// Who waits for it has gone.
if (isPart) process.once('disconnect', () => process.exit())
const tally = isPart ? await runSeeds() : await runParts()
if (isPart) process.send?.(tally, () => process.disconnect())
else tell(tally)
process.exitCode = tally.failed > 0 ? 1 : 0

/** Runs every `step`-th seed in this process. */
async function runSeeds(): Promise<Tally> {
  let all = NO_RUNS
  for (let i = 0; i < count && performance.now() < endMs; i++) {
    all = addTallies(all, await runSeed(first + i * step))
    // A run may take no turn of the event loop; others have theirs now.
    await settledInLoop()
  }
  const { user, system } = process.cpuUsage()
  return addTallies(all, { cpuMs: Math.round((user + system) / 1000) })
}

async function runSeed(seed: number): Promise<Partial<Tally>> {
  const plan = makePlan(`${seed}`, { withAll: true })
  const outcome = await runPlan(plan)
  const isTwofold = seed % 100 === 0 && (await runPlan(plan)).fingerprint !== outcome.fingerprint
  if (isTwofold) console.log(`seed ${seed}: run twice, it went two ways`)
  if (values.trace) console.log(outcome.trace.join('\n'))
  const { broken } = outcome
  if (broken !== undefined)
    console.log(`seed ${seed}: ${broken.promise === 'crash' ? await stackOf(plan) : broken.sentence}`)
  if (broken !== undefined && values.shrink) await tellSmallest(plan, broken.promise)
  return { ...outcome.tally, seeds: 1, failed: broken !== undefined || isTwofold ? 1 : 0 }
}

async function stackOf(plan: Plan): Promise<string> {
  Error.stackTraceLimit = 30
  const { broken } = await runPlan(plan)
  Error.stackTraceLimit = 0
  return broken?.sentence ?? 'it did not crash again'
}

async function tellSmallest(plan: Plan, promise: string): Promise<void> {
  const smallest = await shrink(plan, promise)
  const { steps, ...rest } = smallest
  console.log(JSON.stringify(rest))
  for (const one of steps) console.log(`  ${JSON.stringify(one)}`)
  const again = await runPlan(smallest)
  console.log(`${again.trace.slice(-150).join('\n')}\n${again.broken?.sentence ?? ''}`)
}

/** Runs the seeds in processes of their own, each its share. */
async function runParts(): Promise<Tally> {
  const parts = Array.from({ length: jobs }, async (_, part): Promise<Partial<Tally>> => {
    const share = count === Number.MAX_SAFE_INTEGER ? [] : ['--seeds', `${Math.ceil((count - part) / jobs)}`]
    if (share[1] === '0') return {}
    const time = values.minutes === undefined ? [] : ['--minutes', values.minutes]
    const flags = (['shrink', 'trace'] as const).filter(name => values[name]).map(name => `--${name}`)
    const args = ['--seed', `${first + part}`, '--step', `${jobs}`, ...share, ...time, ...flags]
    const child = fork(fileURLToPath(import.meta.url), args, { execArgv: [...process.execArgv, ...V8_FLAGS] })
    const answer = once(child, 'message').then(([told]) => told as Tally)
    const end = once(child, 'exit').then(([code]) => Promise.reject(new Error(`a part of the run ended with ${code}`)))
    return Promise.race([answer, end])
  })
  const ended = await Promise.allSettled(parts)
  return ended.reduce((all, part) => {
    if (part.status === 'fulfilled') return addTallies(all, part.value)
    console.log(messageOf(part.reason))
    return addTallies(all, { failed: 1 })
  }, NO_RUNS)
}

function tell({ seeds, failed, events, cpuMs, acts, wishes, kills, powerCuts, otherMisfortunes }: Tally): void {
  const each = (sum: number): number => Math.round(sum / Math.max(1, seeds))
  console.log(
    `${acts} acts of users, ${wishes} wishes, ${kills} kills, ${powerCuts} power losses, ${otherMisfortunes} other misfortunes; ` +
      `${each(events)} events and ${each(cpuMs)} ms of CPU each; ${Math.round(performance.now() / 1000)} s`
  )
  console.log(`${seeds - failed} passed, ${failed} failed`)
  if (values.record)
    recordFigures('simulator', {
      ...{ seeds, from: first, failed, acts, wishes, kills, powerCuts, otherMisfortunes },
      cpuSeconds: Math.round(cpuMs / 1000)
    })
}
