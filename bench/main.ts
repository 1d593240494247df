import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Backers } from './backer.js'
import type { Place, Program } from './contender.js'
import { measureLimits } from './limits.js'
import { measureLatency, measureWorkload, type Trial } from './measure.js'
import { PEERS } from './peers.js'
import { markdown, Results } from './table.js'
import { workloadsAt } from './workloads.js'

/*
 * `npm run bench -- [--scale 0.1] [--runs 3] [--only WORDS] [--without NAMES] [--profile DIRECTORY]`: measures backer, and what is installed of Syncthing, rsync over ssh, rsync and
 * Unison, in turns on this machine; prints Markdown tables of medians. Every result is checked by code that shares none with backer. Linux only.
 */

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '0.1' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    without: { type: 'string', default: '' },
    profile: { type: 'string' }
  }
})
const PORT = 28_730
const profile = values.profile === undefined ? undefined : resolve(values.profile)

const BACKER: Program = {
  name: 'backer',
  isEncrypted: true,
  isLive: true,
  isThere: () => true,
  start: ({ a, b }) => Promise.resolve(new Backers(a, b, profile))
}
const without = values.without.split(',')
const programs = [BACKER, ...PEERS].filter(({ name, isThere }) => !without.includes(name) && isThere())
const results = new Results()

async function withPlace(run: (place: Place) => Promise<void>): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), 'backer-bench-'))
  try {
    const [a, b] = [join(place, 'a'), join(place, 'b')]
    for (const root of [a, b]) mkdirSync(root)
    await run({ place, a, b, port: PORT })
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** A program in a place of its own, with what is there at first. */
async function inTurn(
  those: readonly Program[],
  make: (root: string) => void,
  run: (trial: Trial) => Promise<void>
): Promise<void> {
  for (const program of those) {
    await withPlace(async place => {
      const contender = await program.start(place)
      try {
        make(place.a)
        await run({ contender, a: place.a, b: place.b })
      } finally {
        await contender.close()
      }
    })
  }
}

const chosen = workloadsAt(Number(values.scale)).filter(({ name }) => name.includes(values.only))
for (let run = 0; run < Number(values.runs); run++) {
  for (const workload of chosen)
    await inTurn(programs, workload.make, trial => measureWorkload(workload, trial, results))
  if (values.only === '' || 'latency'.includes(values.only)) {
    const live = programs.filter(({ isLive }) => isLive)
    await inTurn(
      live,
      () => undefined,
      trial => measureLatency(trial, results)
    )
  }
}
await withPlace(async ({ place }) => {
  const limits = await measureLimits(place)
  const { tcp, write, create, lstat } = limits
  const rows = [
    ['TCP on the loopback', `${(tcp / 1e6).toFixed(0)} MB/s`],
    ['write a large file and sync it', `${(write / 1e6).toFixed(0)} MB/s`],
    ['create files of 4 KiB', `${create.toFixed(0)} a second`],
    ['look at files', `${lstat.toFixed(0)} a second`]
  ]
  const tables = [results.times(programs, limits), results.costs(programs), markdown(['limit', 'figure'], rows)]
  process.stdout.write(`${tables.join('\n\n')}\n`)
})
