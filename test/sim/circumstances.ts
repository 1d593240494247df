import { NAMES, type Plan, type Step } from './plan.js'
import { SeededRandom } from './random.js'

/** A plan in which readers may have the write key, or one device is retired. Others rely on what a device holds where they drop files: there none is. */
export function withRoles(plan: Plan, drops: boolean): Plan {
  const random = new SeededRandom(`roles ${plan.seed}`)
  const { deviceCount, readers, steps, isSingleWriter } = plan
  const first = isSingleWriter ? 1 : 0
  const retired = random.between(first, deviceCount - 1)
  const at = random.below(steps.length)
  const isReceiving = random.oneIn(3) && readers.length > 0
  const isRetiring = random.oneIn(6) && deviceCount > 2 && !drops
  const retire = { afterMs: 0, kind: 'misfortune', misfortune: { kind: 'retire', device: retired } } as const
  return {
    ...plan,
    ...(isReceiving ? { receiveOnly: readers } : {}),
    ...(isRetiring ? { steps: [...steps.slice(0, at), retire, ...steps.slice(at)] } : {})
  }
}

/**
 * A plan in which, in a quarter of the runs, users change again and again what is ignored. Not where a single device writes: what is ignored on another one
 * while the writer removes it is that one's own once the rules are lifted, and may be in conflict with what the writer put in its place.
 */
export function withIgnoring(plan: Plan): Plan {
  const random = new SeededRandom(`ignoring ${plan.seed}`)
  if (!random.oneIn(4) || plan.isSingleWriter) return plan
  // A user who ignores something has mostly something to be ignored.
  const makeIgnoring = (): Step[] => {
    const device = random.below(plan.deviceCount)
    const names = Array.from({ length: random.below(3) }, () => random.pick(NAMES))
    const path = [random.pick(NAMES), ...names].slice(0, random.between(1, 3)).join('/')
    return [
      { afterMs: random.pick([0, 10, 1000]), kind: 'user', device, action: { kind: 'ignore', names } },
      {
        afterMs: random.pick([100, 2000, 8000]),
        kind: 'user',
        device,
        action: { kind: 'write', path, size: random.between(20, 60), isSynced: random.oneIn(2) }
      }
    ]
  }
  return { ...plan, steps: plan.steps.flatMap(step => (random.oneIn(20) ? [...makeIgnoring(), step] : [step])) }
}

/**
 * A plan in which, in half of the runs with a late device and several writers, that one joins with a copy of what another one shows: the step before it is taken, so that nothing
 * else is put into its directory.
 */
export function withCopies(plan: Plan): Plan {
  const random = new SeededRandom(`copies ${plan.seed}`)
  const [device] = plan.late ?? []
  if (device === undefined || plan.isSingleWriter || !random.oneIn(2)) return plan
  const copyOf = (device + random.between(1, plan.deviceCount - 1)) % plan.deviceCount
  const at = random.below(plan.steps.length)
  const join = { kind: 'join', device, copyOf, keepsTimes: random.oneIn(2) } as const
  const before = plan.steps.slice(0, at).filter(step => !concerns(step, device))
  return { ...plan, steps: [...before, { afterMs: 0, kind: 'misfortune', misfortune: join }, ...plan.steps.slice(at)] }
}

function concerns(step: Step, device: number): boolean {
  if (step.kind === 'settle') return true
  return step.kind === 'misfortune' ? step.misfortune.kind === 'join' : step.device === device
}
