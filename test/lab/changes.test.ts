import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import type { PeerDocument } from '../../lib/daemon/document.js'
import { LabDevice, startDht } from './device.js'
import { Lab, type Home, type LabHost } from './lab.js'

/** What a device's own machine or its router may go through. In each of these cases both devices are connected again within 10 s of the network's return. */
const SOON_MS = 10_000
/** By when a line is noticed on which nothing comes any more. */
const NOTICED_MS = 30_000

const one = (peers: readonly PeerDocument[]): boolean => peers.length === 1
const none = (peers: readonly PeerDocument[]): boolean => peers.length === 0
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

async function makePair(t: Test, hosts: readonly [LabHost, LabHost], env: Record<string, string> = {}) {
  const a = await LabDevice.make(t, hosts[0], env)
  const b = await LabDevice.make(t, hosts[1], env)
  await b.join(await a.share())
  await b.untilPeers(one, 30_000)
  return { a, b }
}

/** Two devices behind routers of their own. */
async function makeHomes(t: Test) {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const homes: readonly [Home, Home] = [lab.home(pub, 'preserve'), lab.home(pub, 'preserve')]
  const env = { BACKER_BOOTSTRAP: await startDht(t, pub) }
  return { homes, ...(await makePair(t, [homes[0].hosts[0]!, homes[1].hosts[0]!], env)) }
}

/** Waits until all are connected again. */
async function isSoonBack(t: Test, devices: readonly LabDevice[], what: string): Promise<void> {
  const times = await Promise.all(devices.map(device => device.untilPeers(one, 60_000)))
  const latestMs = Math.max(...times)
  t.ok(latestMs < SOON_MS, `${what}: connected again after ${latestMs.toFixed(0)} ms`)
}

test('a cable that is pulled and plugged in again, on a LAN', { timeout: 180_000 }, async t => {
  const [first, second] = Lab.open(t).lan(2)
  const { a, b } = await makePair(t, [first!, second!])
  second!.plug(false)
  const noticedMs = Math.max(await a.untilPeers(none, 60_000), await b.untilPeers(none, 60_000))
  t.ok(noticedMs < NOTICED_MS, `noticed after ${noticedMs.toFixed(0)} ms`)
  // Long enough that whoever tries less and less often does so by now.
  await pause(45_000)
  second!.plug(true)
  await isSoonBack(t, [a, b], 'cable')
})

test('a cable that is pulled and plugged in again, behind a router', { timeout: 180_000 }, async t => {
  const { homes, a, b } = await makeHomes(t)
  homes[1].hosts[0]!.plug(false)
  await a.untilPeers(none, 60_000)
  await pause(45_000)
  homes[1].hosts[0]!.plug(true)
  await isSoonBack(t, [a, b], 'cable')
})

test('a line that is cut again and again: each time both are back soon', { timeout: 240_000 }, async t => {
  const { homes, a, b } = await makeHomes(t)
  for (let cut = 0; cut < 5; cut++) {
    homes[1].router.run('ip', 'link', 'set', 'wan', 'down')
    await Promise.all([a, b].map(device => device.untilPeers(none, 60_000)))
    await pause(3000 * cut)
    homes[1].router.run('ip', 'link', 'set', 'wan', 'up')
    await isSoonBack(t, [a, b], `cut ${cut}`)
  }
})

test('the lines of both are cut, long enough that no node knows the way to either', { timeout: 240_000 }, async t => {
  const { homes, a, b } = await makeHomes(t)
  for (const { router } of homes) router.run('ip', 'link', 'set', 'wan', 'down')
  await Promise.all([a, b].map(device => device.untilPeers(none, 60_000)))
  await pause(30_000)
  for (const { router } of homes) router.run('ip', 'link', 'set', 'wan', 'up')
  await isSoonBack(t, [a, b], 'both lines')
})

test('a machine that sleeps for a minute', { timeout: 240_000 }, async t => {
  const { a, b } = await makeHomes(t)
  b.signal('SIGSTOP')
  const noticedMs = await a.untilPeers(none, 60_000)
  t.ok(noticedMs < NOTICED_MS, `the other one is missed after ${noticedMs.toFixed(0)} ms`)
  await pause(60_000 - noticedMs)
  b.signal('SIGCONT')
  const begin = performance.now()
  // What it had before its sleep does not count.
  await a.untilPeers(one, 60_000)
  await b.untilPeers(
    peers => one(peers) && Date.parse(peers[0]!.connectedAt) > performance.timeOrigin + begin - 1000,
    60_000
  )
  const elapsedMs = performance.now() - begin
  t.ok(elapsedMs < SOON_MS, `connected again after ${elapsedMs.toFixed(0)} ms`)
})

for (const only of ['udx', 'tcp'] as const) {
  test(`a router that forgets all it knew, ${only}`, { timeout: 180_000 }, async t => {
    const lab = Lab.open(t)
    const pub = lab.internet()
    const [open, home] = [lab.openHost(pub), lab.home(pub, 'random')]
    if (only === 'udx') open.dropTcp()
    else open.dropUdp()
    const env = { BACKER_BOOTSTRAP: await startDht(t, pub) }
    const a = await LabDevice.make(t, open, env)
    const b = await LabDevice.make(t, home.hosts[0]!, env)
    await b.join(await a.share(), '--peer', `${open.address}:49738`)
    await b.untilPeers(peers => peers[0]?.transport === only, 30_000)
    // What is translated is forgotten with the interface; a router of this kind gives another port afterwards.
    home.router.run('ip', 'link', 'set', 'wan', 'down')
    home.router.run('ip', 'link', 'set', 'wan', 'up')
    await writeFile(join(a.folder, 'new.txt'), 'written while nobody could hear of it\n')
    const elapsedMs = await b.until(({ files, idle }) => files === 1 && idle, 60_000)
    t.ok(elapsedMs < SOON_MS, `what is new has come after ${elapsedMs.toFixed(0)} ms`)
  })
}

test('a device that moves from one network to another', { timeout: 240_000 }, async t => {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const home = lab.home(pub, 'preserve', 2)
  const away = lab.home(pub, 'preserve')
  const env = { BACKER_BOOTSTRAP: await startDht(t, pub) }
  const [still, mover] = [home.hosts[0]!, home.hosts[1]!]
  const { a, b } = await makePair(t, [still, mover], env)
  await b.untilPeers(peers => peers[0]?.route === 'lan', 20_000)

  lab.move(mover, away.hosts[0]!)
  const outMs = await b.untilPeers(peers => peers[0]?.route === 'direct', 60_000)
  t.ok(outMs < SOON_MS + NOTICED_MS, `from the LAN to elsewhere: ${outMs.toFixed(0)} ms`)
  lab.move(mover, still)
  const backMs = await b.untilPeers(peers => peers[0]?.route === 'lan', 60_000)
  t.ok(backMs < SOON_MS, `and back onto the LAN: ${backMs.toFixed(0)} ms`)
  t.ok(one(await a.peers()))
})

test('a device on two LANs meets those of each, also on one that comes later', { timeout: 120_000 }, async t => {
  const lab = Lab.open(t)
  const [first, middle] = lab.lan(2)
  const [second] = lab.lan(1)
  const a = await LabDevice.make(t, first!)
  const m = await LabDevice.make(t, middle!)
  const b = await LabDevice.make(t, second!)
  const key = await m.share()
  await a.join(key)
  await b.join(key)
  await m.untilPeers(one, 20_000)
  t.is((await b.peers()).length, 0, 'nobody is on its LAN yet')
  const address = lab.addInterface(middle!, 'eth1', second!)
  const elapsedMs = await m.untilPeers(peers => peers.length === 2, 60_000)
  t.ok(elapsedMs < SOON_MS, `${elapsedMs.toFixed(0)} ms`)
  await b.untilPeers(one, 10_000)
  t.alike([(await b.peers())[0]?.address, (await b.peers())[0]?.route], [address, 'lan'])
  t.ok((await a.peers()).some(({ address: at }) => at === middle!.address))
})
