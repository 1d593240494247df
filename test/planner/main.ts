import { recordFigures } from '../card/figures.js'
import { readArguments, refuseArguments } from '../make/arguments.js'
import { runPlanner } from './planner.js'

const USAGE = `npm run test:planner -- [options]: random trees. Prints each that goes wrong, and what it took; ends with N passed, N failed.
  --trees N    how many (50000)
  --seed S     the first (1)
  --record     keeps the figures for docs/reliability.md`

const { values } = readArguments(USAGE, {
  options: {
    trees: { type: 'string', default: '50000' },
    seed: { type: 'string', default: '1' },
    record: { type: 'boolean', default: false }
  }
})
const [first, count] = [Number(values.seed), Number(values.trees)]
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1)
  refuseArguments('--trees and --seed take whole numbers', USAGE)
const begin = process.cpuUsage()
let failed = 0
let mostRounds = 0
for (let seed = first; seed < first + count; seed++) {
  const { wrong, rounds } = await runPlanner(`${seed}`)
  mostRounds = Math.max(mostRounds, rounds)
  if (wrong === undefined) continue
  failed++
  console.log(`tree ${seed}: ${wrong}`)
}
const used = process.cpuUsage(begin)
const seconds = Math.round((used.user + used.system) / 1e6)
console.log(`${count} trees, ${failed} went wrong; at most ${mostRounds} rounds; ${seconds} s of CPU`)
console.log(`${count - failed} passed, ${failed} failed`)
if (values.record) recordFigures('planner', { trees: count, failed, rounds: mostRounds })
process.exitCode = failed > 0 ? 1 : 0
