import test from 'brittle'
import { growthFor } from '../../lib/cli/heap.js'

const MIB = 1024 * 1024

test('a small heap may grow, a large one hardly, and never less than it needs', t => {
  t.is(growthFor(1 * MIB), 150)
  t.is(growthFor(20 * MIB), 140)
  t.is(growthFor(30 * MIB), 60)
  t.is(growthFor(40 * MIB), 30)
  t.is(growthFor(400 * MIB), 30)
})
