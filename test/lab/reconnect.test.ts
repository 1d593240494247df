import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import type { PeerDocument } from '../../lib/daemon/document.js'
import { LabDevice, startDht } from './device.js'
import { Lab, type LabHost } from './lab.js'

const one = (peers: readonly PeerDocument[]): boolean => peers.length === 1
const none = (peers: readonly PeerDocument[]): boolean => peers.length === 0
const bySomeRelay = (peers: readonly PeerDocument[]): boolean => peers[0]?.route === 'relay'

async function startRelay(t: Test, host: LabHost, bootstrap: string): Promise<{ device: LabDevice; key: string }> {
  const device = await LabDevice.make(t, host, { BACKER_BOOTSTRAP: bootstrap })
  device.start('relay', '--open', '--host', host.address)
  return { device, key: (await device.says(/^[a-z0-9]{52}$/m))[0] }
}

/** Two devices of a folder whose routers let nobody in. */
async function makeRelayedPair(t: Test, relays: number, megabytes: number) {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const hosts = [lab.home(pub, 'random').hosts[0]!, lab.home(pub, 'random').hosts[0]!]
  const bootstrap = await startDht(t, pub)
  const started = []
  for (let i = 0; i < relays; i++) started.push(await startRelay(t, lab.openHost(pub), bootstrap))
  const env = { BACKER_BOOTSTRAP: bootstrap, BACKER_RELAY: started.map(({ key }) => key).join(',') }
  const a = await LabDevice.make(t, hosts[0]!, env)
  const b = await LabDevice.make(t, hosts[1]!, env)
  for (let i = 0; i < megabytes; i++) await writeFile(join(a.folder, `${i}.bin`), randomBytes(1_000_000))
  return { lab, started, a, b, key: await a.share() }
}

test('F15: random and random meet through a relay within 5 s, and it stays a relay', { timeout: 90_000 }, async t => {
  const { b, key } = await makeRelayedPair(t, 1, 1)
  await b.join(key)
  const elapsedMs = await b.untilPeers(bySomeRelay, 20_000)
  t.ok(elapsedMs < 5000, `${elapsedMs.toFixed(0)} ms`)
})

test('a relay that is killed in mid-transfer is replaced by another one', { timeout: 180_000 }, async t => {
  const { started, b, key } = await makeRelayedPair(t, 2, 60)
  await b.join(key)
  await b.untilPeers(peers => (peers[0]?.bytesReceived ?? 0) > 1_000_000, 30_000)
  const address = (await b.peers())[0]?.address
  const used = started.find(({ device }) => device.host.address === address)
  await used?.device.stop('SIGKILL')
  await b.untilPeers(peers => peers[0]?.address !== undefined && peers[0].address !== address, 60_000)
  await b.untilPeers(peers => peers[0]?.inSync === true, 90_000)
  t.is((await b.status())?.files, 60)
})

test('F12: a partition of 2 minutes heals within 10 s', { timeout: 240_000 }, async t => {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const [first, second] = [lab.home(pub, 'preserve'), lab.home(pub, 'preserve')]
  const bootstrap = await startDht(t, pub)
  const a = await LabDevice.make(t, first.hosts[0]!, { BACKER_BOOTSTRAP: bootstrap })
  const b = await LabDevice.make(t, second.hosts[0]!, { BACKER_BOOTSTRAP: bootstrap })
  await b.join(await a.share())
  await b.untilPeers(one, 20_000)
  second.router.run('ip', 'link', 'set', 'wan', 'down')
  const noticedMs = await b.untilPeers(none, 30_000)
  t.ok(noticedMs < 30_000, `a half-open line is noticed after ${noticedMs.toFixed(0)} ms`)
  await new Promise(resolve => setTimeout(resolve, Math.max(0, 120_000 - noticedMs)))
  second.router.run('ip', 'link', 'set', 'wan', 'up')
  const healedMs = await b.untilPeers(one, 40_000)
  t.ok(healedMs < 10_000, `${healedMs.toFixed(0)} ms`)
})

test('F16: a device whose address changes is connected again within 10 s', { timeout: 90_000 }, async t => {
  const [first, second] = Lab.open(t).lan(2)
  const a = await LabDevice.make(t, first!)
  const b = await LabDevice.make(t, second!)
  await b.join(await a.share())
  await b.untilPeers(one, 10_000)
  second!.run('ip', 'address', 'flush', 'dev', 'eth0')
  second!.run('ip', 'address', 'add', '192.168.1.77/24', 'dev', 'eth0')
  second!.run('ip', 'route', 'add', 'default', 'via', '192.168.1.1')
  const elapsedMs = await a.untilPeers(peers => peers[0]?.address === '192.168.1.77', 30_000)
  t.ok(elapsedMs < 10_000, `${elapsedMs.toFixed(0)} ms`)
})

test('F14: data comes through where large packets are lost without a word', { timeout: 120_000 }, async t => {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const hosts = [lab.openHost(pub), lab.openHost(pub)] as const
  const bootstrap = await startDht(t, pub)
  for (const host of hosts) {
    host.dropTcp()
    host.dropLarge()
  }
  const a = await LabDevice.make(t, hosts[0], { BACKER_BOOTSTRAP: bootstrap, BACKER_NO_LAN: '1' })
  const b = await LabDevice.make(t, hosts[1], { BACKER_BOOTSTRAP: bootstrap, BACKER_NO_LAN: '1' })
  for (let i = 0; i < 5; i++) await writeFile(join(a.folder, `${i}.bin`), randomBytes(1_000_000))
  await b.join(await a.share())
  await b.untilPeers(peers => peers[0]?.inSync === true, 90_000)
  t.is((await b.status())?.files, 5)
  t.is((await b.peers())[0]?.transport, 'udx')
})
