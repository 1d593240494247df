import test from 'brittle'
import { look, type Label } from './look.js'
import { makePlan } from './plan.js'
import { World } from './world.js'

test('what a witness keeps up to date is what a look at the whole disk finds', { timeout: 60_000 }, async t => {
  for (const seed of ['sight', 'sight again']) {
    const world = new World(makePlan(seed, { deviceCount: 3, stepCount: 80, line: 'fast' }))
    let looks = 0
    for (const [i, witness] of world.witnesses.entries()) {
      const { root } = world.devices[i]!
      const refresh = witness.refresh.bind(witness)
      witness.refresh = cause => {
        const left = refresh(cause)
        const { visible, kept, held } = look(root)
        const all = new Set<Label>([...kept, ...[...visible.values()].map(({ label }) => label)])
        const isSame = [...visible].every(([path, { label }]) => witness.labelAt(path) === label)
        if (!isSame || witness.shownCount !== visible.size) throw new Error('it shows something else')
        for (const label of all) if (!witness.holdings.has(label)) throw new Error(`${label} is not known to be there`)
        for (const label of witness.holdings)
          if (!all.has(label) && !held.has(label)) throw new Error(`${label} is not there any more`)
        looks++
        return left
      }
    }
    await world.run()
    t.ok(looks > 1000, `${looks} looks`)
    world.end()
  }
})
