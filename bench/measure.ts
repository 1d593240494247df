import { randomFillSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Backers } from './backer.js'
import { differenceOf } from './check.js'
import type { Contender, Cost } from './contender.js'
import type { Amount } from './limits.js'
import { percentile, type Measure, type Results } from './table.js'
import { bytesSent } from './traffic.js'
import { MemoryWatch } from './usage.js'
import type { Workload } from './workloads.js'

const SAMPLES = 50
const SAMPLE_BYTES = 4096
/** Between two changes, on average: they meet the programs at any moment of what they do by the clock. */
const PAUSE_MS = 200

/** Before each change, not measured: Unison takes times that differ by less than 2 s for the same. */
const REST_MS = 2100

/** One program in two directories. */
export interface Trial {
  readonly contender: Contender
  readonly a: string
  readonly b: string
}

/** Measures a workload and its steps. Throws where the directories differ after any of them. */
export async function measureWorkload(workload: Workload, trial: Trial, results: Results): Promise<void> {
  const { contender, a } = trial
  const step = (name: string, amount: Amount | undefined, run: () => Promise<Cost>): Promise<void> =>
    measureStep(name, trial, results, amount, run)
  await step(workload.name, workload.amount, () => contender.first())
  if (contender instanceof Backers) {
    const measure = { seconds: contender.scanSeconds, cpuSeconds: contender.scanCpuSeconds }
    results.note(`${workload.name}: first scan`, contender.name, {
      ...measure,
      memoryMiB: undefined,
      sentBytes: undefined
    })
  }
  for (const { name, amount, change } of workload.steps) {
    await wait(REST_MS)
    await step(`${workload.name}: ${name}`, amount, () => contender.change(() => change(a)))
  }
  await step(`${workload.name}: restart`, undefined, () => contender.restart())
}

/** Single files of 4 KiB, written one after the other: how long each takes to arrive. */
export async function measureLatency(trial: Trial, results: Results): Promise<void> {
  const { contender, a } = trial
  const write = (): void => writeFileSync(join(a, 'file'), randomFillSync(Buffer.alloc(SAMPLE_BYTES)))
  write()
  await contender.first()
  const measures: Measure[] = []
  for (let i = 0; i < SAMPLES; i++) {
    await wait(PAUSE_MS * (0.5 + Math.random()))
    measures.push(await metered(() => contender.change(write)))
  }
  confirm('a change of 4 KiB', trial)
  for (const [name, part] of [
    ['median', 0.5],
    ['99th', 0.99]
  ] as const) {
    const of = (value: (measure: Measure) => number): number => percentile(measures.map(value), part)
    results.note(`a change of 4 KiB: ${name} of ${SAMPLES}`, contender.name, {
      seconds: of(({ seconds }) => seconds),
      cpuSeconds: of(({ cpuSeconds }) => cpuSeconds),
      memoryMiB: of(({ memoryMiB = 0 }) => memoryMiB),
      sentBytes: measures[0]?.sentBytes === undefined ? undefined : of(({ sentBytes = 0 }) => sentBytes)
    })
  }
}

async function measureStep(
  name: string,
  trial: Trial,
  results: Results,
  amount: Amount | undefined,
  run: () => Promise<Cost>
): Promise<void> {
  const measure = await metered(run)
  confirm(name, trial)
  results.note(name, trial.contender.name, measure, amount)
  const { seconds, cpuSeconds } = measure
  process.stderr.write(`${name}: ${trial.contender.name} ${seconds.toFixed(3)} s, CPU ${cpuSeconds.toFixed(2)} s\n`)
}

function confirm(step: string, { contender, a, b }: Trial): void {
  const difference = differenceOf(a, b, contender.timeStepNs)
  if (difference !== undefined) throw new Error(`${contender.name}, ${step}: the directories differ: ${difference}`)
}

async function metered(run: () => Promise<Cost>): Promise<Measure> {
  const watch = new MemoryWatch()
  const before = bytesSent()
  try {
    const cost = await run()
    const after = bytesSent()
    const sentBytes = before === undefined || after === undefined ? undefined : after - before
    return { ...cost, memoryMiB: watch.stop(), sentBytes }
  } finally {
    watch.stop()
  }
}
