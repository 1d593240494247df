import test from 'brittle'
import { withIgnoring } from './circumstances.js'
import { makePlan, type Plan } from './plan.js'
import { runPlan } from './run.js'

/** The first plans in which users change what is ignored. */
function* ignoringPlans(count: number): Iterable<Plan> {
  for (let seed = 1; count > 0; seed++) {
    const plan = withIgnoring(makePlan(`ignoring ${seed}`, { stepCount: 120, deviceCount: 3, line: 'fast' }))
    if (plan.steps.every(step => step.kind !== 'user' || step.action.kind !== 'ignore')) continue
    count--
    yield plan
  }
}

test(
  'what users write where it is ignored stays as it is, and shows nowhere else, until the rules let it',
  { timeout: 60_000 },
  async t => {
    for (const plan of ignoringPlans(3)) {
      const { broken, trace } = await runPlan(plan)
      t.absent(broken, broken === undefined ? '' : [...trace.slice(-50), broken.sentence].join('\n'))
    }
  }
)
