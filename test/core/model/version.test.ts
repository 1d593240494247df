import test from 'brittle'
import { COUNTER_MAX, nextDot } from '../../../lib/core/model/version.js'
import { replica } from '../../make/record.js'

const [own, other] = [replica(1), replica(2)]
const seen = [
  { replica: own, counter: 7 },
  { replica: other, counter: 900 }
]

test('the next write of a replica counts on from its last one', t => {
  t.alike(nextDot([], own), { replica: own, counter: 1 })
  t.alike(nextDot(seen, own), { replica: own, counter: 8 })
})

test('where writes may have been forgotten, it counts on from further up, and never back', t => {
  t.alike(nextDot(seen, own, 500), { replica: own, counter: 500 })
  t.alike(nextDot(seen, other, 500), { replica: other, counter: 901 })
  t.alike(nextDot(seen, own, Infinity), { replica: own, counter: COUNTER_MAX })
})

test('a counter that somebody ran up to its end takes nobody the right to write', t => {
  const dot = nextDot([{ replica: own, counter: COUNTER_MAX }], own)
  t.not(dot.replica, own)
  t.is(dot.counter, 1)
})
