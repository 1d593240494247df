import { hashBytes, hashKey } from '../../lib/core/model/hash.js'
import { messageOf } from '../../lib/core/error.js'
import { Broken } from './ledger.js'
import type { Plan, Step } from './plan.js'
import type { Tally } from './tally.js'
import { World } from './world.js'

/** How a run ended. */
export interface Outcome {
  /** The promise that was broken, by its number (`S1`), and how; undefined where all were kept. */
  readonly broken: { readonly promise: string; readonly sentence: string } | undefined
  readonly trace: readonly string[]
  /** The same for two runs only where all happened alike. */
  readonly fingerprint: string
  readonly eventCount: number
  readonly tally: Partial<Tally>
}

/** Runs a plan from its beginning to its end. */
export async function runPlan(plan: Plan): Promise<Outcome> {
  const world = new World(plan)
  let broken: Outcome['broken']
  let path: string | undefined
  try {
    await world.run()
  } catch (error) {
    if (error instanceof Broken) path = error.path
    broken =
      error instanceof Broken
        ? { promise: error.promise, sentence: error.message }
        : { promise: 'crash', sentence: error instanceof Error ? (error.stack ?? error.message) : messageOf(error) }
  }
  const { trace, eventCount, tally } = world
  if (path !== undefined)
    for (const device of world.devices) trace.push(`${device.name} of ${path}: ${device.recordText(path)}`)
  world.end()
  const fingerprint = hashKey(hashBytes(Buffer.from(`${trace.join('\n')}\n${eventCount}`)))
  return { broken, trace, fingerprint, eventCount, tally }
}

/** How many runs shrinking may take. */
const SHRINK_RUNS_MAX = 250

/**
 * The smallest plan that still breaks the same promise, as far as it is found: with fewer steps, no readers, fewer devices, no time between
 * steps. Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 28(2), 2002, for the steps.
 */
export async function shrink(plan: Plan, promise: string): Promise<Plan> {
  let best = plan
  let runs = 0
  const fails = async (candidate: Plan): Promise<boolean> => {
    if (runs++ >= SHRINK_RUNS_MAX) return false
    const { broken } = await runPlan(candidate)
    if (broken?.promise !== promise) return false
    best = candidate
    return true
  }
  for (const simpler of simplifications(best)) await fails(simpler(best))
  await dropSteps(() => best, fails)
  for (let count = 2; count < best.deviceCount; count++) if (await fails(withDevices(best, count))) break
  await dropSteps(() => best, fails)
  for (let i = 0; i < best.steps.length; i++)
    await fails({ ...best, steps: best.steps.map((step, j) => (i === j ? { ...step, afterMs: 0 } : step)) })
  return best
}

function simplifications(plan: Plan): ((plan: Plan) => Plan)[] {
  return [
    ...(plan.line === 'wire' ? [(one: Plan): Plan => ({ ...one, line: 'fast' })] : []),
    ...(plan.canExchange ? [] : [(one: Plan): Plan => ({ ...one, canExchange: true })]),
    ...(plan.reusesInodes ? [(one: Plan): Plan => ({ ...one, reusesInodes: false })] : []),
    ...(plan.order === 'dependencies' ? [(one: Plan): Plan => ({ ...one, order: 'journal' })] : []),
    ...(plan.readers.length > 0 ? [(one: Plan): Plan => ({ ...one, readers: [] })] : []),
    one => ({ ...one, steps: one.steps.filter(({ kind }) => kind !== 'misfortune') })
  ]
}

async function dropSteps(best: () => Plan, fails: (plan: Plan) => Promise<boolean>): Promise<void> {
  for (let size = best().steps.length >> 1; size >= 1; size = size === 1 ? 0 : (size + 1) >> 1) {
    for (let start = best().steps.length - size; start > -size; start -= size) {
      const { steps } = best()
      const from = Math.max(0, start)
      const dropped = steps.slice(from, from + size)
      // The time that they took still passes, for it decides what else has happened by then.
      const passedMs = dropped.reduce((sum, { afterMs }) => sum + afterMs, 0)
      const rest = steps.slice(from + size)
      const [next, ...others] = rest
      const joined = next === undefined ? [] : [{ ...next, afterMs: next.afterMs + passedMs }, ...others]
      await fails({ ...best(), steps: [...steps.slice(0, from), ...joined] })
    }
  }
}

function withDevices(plan: Plan, deviceCount: number): Plan {
  return {
    ...plan,
    deviceCount,
    steps: plan.steps.filter(step => devicesOf(step).every(device => device < deviceCount))
  }
}

function devicesOf(step: Step): readonly number[] {
  if (step.kind === 'settle') return []
  if (step.kind !== 'misfortune') return [step.device]
  const { misfortune } = step
  return 'device' in misfortune ? [misfortune.device] : [misfortune.a, misfortune.b]
}
