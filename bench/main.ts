import { randomFillSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as wait } from 'node:timers/promises'
import { Backers } from './backer.js'
import { differenceOf } from './check.js'
import type { Contender, Cost } from './contender.js'
import { Rsync } from './rsync.js'
import { workloadsAt, type Workload } from './workloads.js'

/*
 * `npm run bench -- [--scale 0.1] [--runs 3] [--only WORDS] [--profile DIRECTORY]`: measures backer, and rsync where it is installed, in turns on this
 * machine; prints a Markdown table of medians. Every result is checked by code that shares none with backer. Linux only.
 */

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '0.1' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    profile: { type: 'string' }
  }
})
const SAMPLES = 50
const PORT = 28_730

/** The costs of each step of each workload, by who had them. */
const measured = new Map<string, Map<string, Cost[]>>()

function note(step: string, who: string, cost: Cost): void {
  const row = measured.get(step) ?? new Map<string, Cost[]>()
  measured.set(step, row.set(who, [...(row.get(who) ?? []), cost]))
  process.stderr.write(`${step}: ${who} ${cost.seconds.toFixed(3)} s, CPU ${cost.cpuSeconds.toFixed(2)} s\n`)
}

async function withPlace(run: (place: string, a: string, b: string) => Promise<void>): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), 'backer-bench-'))
  try {
    const [a, b] = [join(place, 'a'), join(place, 'b')]
    for (const root of [a, b]) mkdirSync(root)
    await run(place, a, b)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

async function measure(workload: Workload, contender: Contender, a: string, b: string): Promise<void> {
  const confirmed = (step: string, cost: Cost): void => {
    const difference = differenceOf(a, b)
    if (difference !== undefined) throw new Error(`${contender.name}, ${step}: the directories differ: ${difference}`)
    note(step, contender.name, cost)
  }
  try {
    confirmed(workload.name, await contender.first())
    if (contender instanceof Backers)
      note(`${workload.name}: first scan`, contender.name, {
        seconds: contender.scanSeconds,
        cpuSeconds: 0,
        memoryMiB: 0
      })
    for (const { name, change } of workload.steps)
      confirmed(`${workload.name}: ${name}`, await contender.change(() => change(a)))
    const again = contender.restart()
    if (again !== undefined) confirmed(`${workload.name}: restart`, await again)
  } finally {
    await contender.close()
  }
}

/** Single files of 4 KiB, written one after the other: how long each takes to arrive. */
async function measureLatency(): Promise<void> {
  await withPlace(async (_place, a, b) => {
    writeFileSync(join(a, 'file'), randomFillSync(Buffer.alloc(4096)))
    const contender = new Backers(a, b, values.profile)
    try {
      await contender.first()
      for (let i = 0; i < SAMPLES; i++) {
        const cost = await contender.change(() => writeFileSync(join(a, 'file'), randomFillSync(Buffer.alloc(4096))))
        note('a change of 4 KiB', contender.name, cost)
        await wait(100)
      }
    } finally {
      await contender.close()
    }
  })
}

function median(costs: readonly Cost[], of: (cost: Cost) => number): number {
  const sorted = costs.map(of).sort((x, y) => x - y)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function table(): string {
  const lines = [
    '| workload | backer s | CPU s | MiB | rsync s | CPU s | backer / rsync |',
    '|---|---|---|---|---|---|---|'
  ]
  for (const [step, row] of measured) {
    const [ours = [], theirs = []] = [row.get('backer'), row.get('rsync')]
    const figures = (costs: readonly Cost[]): string[] =>
      costs.length === 0
        ? ['–', '–', '–']
        : [
            median(costs, ({ seconds }) => seconds).toFixed(3),
            median(costs, ({ cpuSeconds }) => cpuSeconds).toFixed(2),
            median(costs, ({ memoryMiB }) => memoryMiB).toFixed(0)
          ]
    const ratio = median(ours, ({ seconds }) => seconds) / median(theirs, ({ seconds }) => seconds)
    const cells = [
      step,
      ...figures(ours),
      ...figures(theirs).slice(0, 2),
      Number.isFinite(ratio) ? ratio.toFixed(2) : '–'
    ]
    lines.push(`| ${cells.join(' | ')} |`)
  }
  return lines.join('\n')
}

const chosen = workloadsAt(Number(values.scale)).filter(({ name }) => name.includes(values.only))
for (let run = 0; run < Number(values.runs); run++) {
  for (const workload of chosen) {
    await withPlace(async (_place, a, b) => {
      workload.make(a)
      await measure(workload, new Backers(a, b, values.profile && resolve(values.profile)), a, b)
    })
    if (!Rsync.isThere()) continue
    await withPlace(async (place, a, b) => {
      workload.make(a)
      await measure(workload, await Rsync.start(place, a, b, PORT), a, b)
    })
  }
}
if (values.only === '' || 'latency'.includes(values.only)) await measureLatency()
process.stdout.write(`${table()}\n`)
