import test from 'brittle'
import { Missed } from '../../lib/net/missed.js'
import { fakeRuntime } from '../make/wire.js'

const KEY = new Uint8Array(32)

test('what a device had is known when it comes back, whoever finds whom', t => {
  const missed = new Missed(fakeRuntime().runtime)
  missed.met('a', KEY)
  missed.shares('a', ['folder', 'other'])
  missed.lost('a')
  t.alike(missed.foldersOf('a'), ['folder', 'other'])
  missed.met('a', KEY)
  t.alike(missed.foldersOf('a'), ['folder', 'other'])
  missed.shares('a', ['folder'])
  t.alike(missed.foldersOf('a'), ['folder'])
  t.alike(missed.foldersOf('nobody'), [])
  missed.shares('nobody', ['folder'])
  t.absent(missed.knows('nobody'))
})

test('who is gone is looked for again at once, then every few seconds, for a quarter of an hour', t => {
  const { runtime, advance } = fakeRuntime()
  const missed = new Missed(runtime)
  missed.met('a', KEY)
  t.alike(missed.due(), [])
  for (const time of ['once', 'and once more']) {
    missed.lost('a')
    const looks: number[] = []
    for (let second = 1; second <= 20 * 60; second++) {
      advance(1000)
      if (missed.due().length > 0) looks.push(second)
    }
    t.alike(looks.slice(0, 6), [1, 2, 4, 8, 12, 16], time)
    t.is(looks.length, 226)
    t.is(looks.at(-1), 896)
    t.alike(missed.ids(), ['a'])
    missed.met('a', KEY)
  }
})
