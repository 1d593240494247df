import test from 'brittle'
import { runPlanner } from './planner.js'

const TREES = 250

test(
  `${TREES} trees that devices changed apart become one, whatever the order in which their plans are carried out`,
  { timeout: 120_000 },
  async t => {
    let moved = 0
    for (let seed = 1; seed <= TREES; seed++) {
      const { wrong, rounds } = await runPlanner(`${seed}`)
      if (wrong !== undefined) t.fail(`seed ${seed}: ${wrong}`)
      if (rounds > 1) moved++
    }
    t.ok(moved > TREES / 2, `${moved} of them had something to do`)
  }
)
