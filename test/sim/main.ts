import { parseArgs } from 'node:util'
import { makePlan } from './plan.js'
import { runPlan, shrink } from './run.js'

/** `node main.js --seeds N [--seed S] [--shrink] [--trace]`: runs N seeds from S on. Every hundredth is run twice, and must go the same way. */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    shrink: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false }
  }
})
const [first, count] = [Number(values.seed), Number(values.seeds)]
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  console.error('--seed and --seeds take whole numbers')
  process.exit(64)
}

const begin = process.cpuUsage()
let failed = 0
let events = 0
for (let seed = first; seed < first + count; seed++) {
  const plan = makePlan(`${seed}`)
  const outcome = await runPlan(plan)
  events += outcome.eventCount
  if (seed % 100 === 0 && (await runPlan(plan)).fingerprint !== outcome.fingerprint) {
    failed++
    console.log(`seed ${seed}: run twice, it went two ways`)
  }
  if (values.trace) console.log(outcome.trace.join('\n'))
  if (outcome.broken === undefined) continue
  failed++
  console.log(`seed ${seed}: ${outcome.broken.sentence}`)
  if (!values.shrink) continue
  const smallest = await shrink(plan, outcome.broken.promise)
  const { steps, ...rest } = smallest
  console.log(JSON.stringify(rest))
  for (const step of steps) console.log(`  ${JSON.stringify(step)}`)
  const again = await runPlan(smallest)
  console.log(`${again.trace.slice(-150).join('\n')}\n${again.broken?.sentence ?? ''}`)
}
const used = process.cpuUsage(begin)
console.log(
  `${count} seeds, ${failed} failed, ${Math.round(events / count)} events and ` +
    `${Math.round((used.user + used.system) / 1000 / count)} ms of CPU each`
)
process.exitCode = failed > 0 ? 1 : 0
