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

test('who is gone is looked for every few seconds, for a quarter of an hour', t => {
  const { runtime, advance } = fakeRuntime()
  const missed = new Missed(runtime)
  missed.met('a', KEY)
  t.alike(missed.due(), [])
  missed.lost('a')
  let looks = 0
  for (let second = 0; second < 20 * 60; second++) {
    advance(1000)
    looks += missed.due().length
  }
  t.ok(looks >= 200 && looks <= 225, `${looks} looks`)
  t.alike(missed.ids(), ['a'])
})
