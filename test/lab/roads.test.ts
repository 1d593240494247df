import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import type { PeerDocument } from '../../lib/daemon/document.js'
import { LabDevice, startDht } from './device.js'
import { Lab, type LabHost, type Nat } from './lab.js'

const one = (peers: readonly PeerDocument[]): boolean => peers.length === 1
const direct = (peers: readonly PeerDocument[]): boolean => peers[0]?.route === 'direct'

/** Two devices of a folder, which have not met yet. */
async function makePair(t: Test, hosts: readonly [LabHost, LabHost], env: Record<string, string> = {}) {
  const a = await LabDevice.make(t, hosts[0], env)
  const b = await LabDevice.make(t, hosts[1], env)
  await writeFile(join(a.folder, 'hello.txt'), 'hello\n')
  return { a, b, key: await a.share() }
}

/** Two devices behind routers of these kinds, on a DHT. */
async function makeHomes(t: Test, nats: readonly [Nat, Nat], env: Record<string, string> = {}) {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const place = (nat: Nat): LabHost => (nat === 'open' ? lab.openHost(pub) : lab.home(pub, nat).hosts[0]!)
  const hosts = [place(nats[0]), place(nats[1])] as const
  const bootstrap = await startDht(t, pub)
  return { lab, pub, ...(await makePair(t, hosts, { BACKER_BOOTSTRAP: bootstrap, ...env })) }
}

test('devices on one LAN meet without the internet, over TCP, within 3 s', { timeout: 60_000 }, async t => {
  const [first, second] = Lab.open(t).lan(2)
  const { a, b, key } = await makePair(t, [first!, second!])
  await b.join(key)
  const elapsedMs = await b.untilPeers(one, 10_000)
  t.ok(elapsedMs < 3000, `${elapsedMs.toFixed(0)} ms`)
  const [peer] = await b.peers()
  t.alike([peer?.route, peer?.transport], ['lan', 'tcp'])
  t.ok(one(await a.peers()), 'the other side has one connection too')
})

test('with BACKER_NO_LAN they do not', { timeout: 60_000 }, async t => {
  const [first, second] = Lab.open(t).lan(2)
  const { b, key } = await makePair(t, [first!, second!], { BACKER_NO_LAN: '1' })
  await b.join(key)
  await t.exception(b.untilPeers(one, 4000))
})

test('with --no-lan a folder is not met there, until it is turned on again', { timeout: 60_000 }, async t => {
  const [first, second] = Lab.open(t).lan(2)
  const { a, b, key } = await makePair(t, [first!, second!])
  await b.join(key, '--no-lan')
  await t.exception(b.untilPeers(one, 4000))
  await b.run('join', key, b.folder, '--lan')
  await b.untilPeers(one, 10_000)
  t.ok(one(await a.peers()))
})

test('F15: preserve and preserve are direct within 2 s', { timeout: 60_000 }, async t => {
  const { b, key } = await makeHomes(t, ['preserve', 'preserve'])
  await b.join(key)
  const elapsedMs = await b.untilPeers(direct, 20_000)
  t.ok(elapsedMs < 2000, `${elapsedMs.toFixed(0)} ms`)
})

test('F15: random and preserve are direct within 30 s', { timeout: 90_000 }, async t => {
  const { b, key } = await makeHomes(t, ['random', 'preserve'])
  await b.join(key)
  const elapsedMs = await b.untilPeers(direct, 60_000)
  t.ok(elapsedMs < 30_000, `${elapsedMs.toFixed(0)} ms`)
})

test('F15: a device without UDP reaches an open member by TCP within 10 s', { timeout: 90_000 }, async t => {
  const { b, key } = await makeHomes(t, ['open', 'blocked'], { BACKER_PORT: '49738' })
  await b.join(key, '--peer', '20.0.0.21:49738')
  const elapsedMs = await b.untilPeers(one, 20_000)
  t.ok(elapsedMs < 10_000, `${elapsedMs.toFixed(0)} ms`)
  t.is((await b.peers())[0]?.transport, 'tcp')
})
