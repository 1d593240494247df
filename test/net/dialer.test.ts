import test from 'brittle'
import { Dialer } from '../../lib/net/dialer.js'
import { fakeRuntime, turn } from '../make/wire.js'

const ADDRESS = { host: '192.168.1.2', port: 49738 }
const HOUR = 3600

/** Dials for some hours, once a line is cut; gives the second of each attempt, and what is still known then. */
async function dialFor(hours: number, { isFixed, isReached }: { isFixed: boolean; isReached: boolean }) {
  const { runtime, advance } = fakeRuntime()
  const attempts: number[] = []
  let [second, isCut] = [0, !isReached]
  const dialer = new Dialer({
    runtime,
    isWanted: () => true,
    dial() {
      if (!isCut) return Promise.resolve({ deviceId: 'device', roundTripMs: 1 })
      attempts.push(second)
      return Promise.reject(new Error('nobody answers'))
    }
  })
  dialer.add(ADDRESS, ['folder'], { isFixed })
  await turn()
  isCut = true
  for (; second < hours * HOUR; second++) {
    advance(1000)
    await turn()
  }
  return { attempts, isKnown: dialer.targets.length > 0 }
}

test('an address that the user gave is tried for good, and often enough to be there within 10 s', async t => {
  const { attempts, isKnown } = await dialFor(6, { isFixed: true, isReached: false })
  t.ok(isKnown)
  const gaps = attempts.slice(1).map((second, i) => second - attempts[i]!)
  t.ok(Math.max(...gaps) <= 8, `${Math.max(...gaps)} s`)
  t.ok(attempts.at(-1)! > 6 * HOUR - 9)
})

test('what was found is forgotten after a while, later where a device was reached', async t => {
  const stranger = await dialFor(3, { isFixed: false, isReached: false })
  t.is(stranger.attempts.length, 60)
  const reached = await dialFor(3, { isFixed: false, isReached: true })
  t.is(reached.attempts.length, 600)
  t.absent(stranger.isKnown || reached.isKnown)
})
