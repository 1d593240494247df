import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { readArguments, refuseArguments } from '../make/arguments.js'
import { SeededRandom } from '../sim/random.js'
import { fuzzApi } from './api.js'
import { fuzzConfiguration } from './config.js'
import { DECODERS } from './decoders.js'
import { wrongWith } from './found.js'
import { mutate } from './mutate.js'

/** Reading a file, asking the API and opening a damaged index take longer than decoding: of so many cases one is done. */
const CASES_PER_FILE = 10
const CASES_PER_REQUEST = 25
const CASES_PER_INDEX = 1000

const USAGE = `npm run test:fuzz -- [options]: damaged inputs for each decoder, and as many for the others as go with that. Prints what went wrong, as a line for
corpus.ndjson where that keeps it.
  --cases N    for each decoder (50000)
  --seed S     decides them (1)
  --only NAME  one decoder, or configuration, api or index`

const { values } = readArguments(USAGE, {
  options: {
    cases: { type: 'string', default: '50000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' }
  }
})
const cases = Number(values.cases)
if (!Number.isSafeInteger(cases) || cases < 1) refuseArguments('--cases takes a whole number', USAGE)
const { seed, only } = values
const isAsked = (name: string): boolean => only === undefined || only === name
let failed = 0

for (const decoder of DECODERS.filter(({ name }) => isAsked(name))) {
  const random = new SeededRandom(`fuzz ${seed} ${decoder.name}`)
  const reasons = new Set<string>()
  for (let i = 0; i < cases; i++) {
    const bytes = mutate(decoder.examples, random)
    const why = wrongWith(decoder, bytes)
    if (why === undefined || reasons.has(why)) continue
    reasons.add(why)
    console.log(JSON.stringify({ decoder: decoder.name, hex: Buffer.from(bytes).toString('hex'), was: why }))
  }
  failed += reasons.size
}
for (const [name, fuzz, share] of [
  ['configuration', fuzzConfiguration, CASES_PER_FILE],
  ['api', fuzzApi, CASES_PER_REQUEST]
] as const) {
  if (!isAsked(name)) continue
  const wrong = await fuzz(Math.ceil(cases / share), new SeededRandom(`fuzz ${seed} ${name}`))
  for (const why of wrong) console.log(`${name}: ${why}`)
  failed += wrong.length
}
if (isAsked('index')) failed += fuzzIndex(Math.ceil(cases / CASES_PER_INDEX))
const used = process.cpuUsage()
const seconds = Math.round((used.user + used.system) / 1e6)
console.log(`${cases} cases for each of ${DECODERS.length} decoders, ${failed} went wrong; ${seconds} s of CPU`)
process.exit(failed > 0 ? 1 : 0)

/** Damages index files, in the way of the test that does so a few times. */
function fuzzIndex(runs: number): number {
  const file = fileURLToPath(new URL('../store/damage.test.js', import.meta.url))
  const env = { ...process.env, RUNS: String(2 * Math.ceil(runs / 2)) }
  const { status, stdout } = spawnSync(process.execPath, [file], { env, encoding: 'utf8' })
  if (status === 0) return 0
  console.log(stdout)
  return 1
}
