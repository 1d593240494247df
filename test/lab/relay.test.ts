import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import type { PeerDocument } from '../../lib/daemon/document.js'
import { LabDevice, startDht } from './device.js'
import { Lab, type LabHost } from './lab.js'

const byRelay = (peers: readonly PeerDocument[]): boolean => peers[0]?.route === 'relay'

/** Two devices of a new folder on two hosts. */
async function makePair(t: Test, hosts: readonly [LabHost, LabHost], env: Record<string, string>) {
  const a = await LabDevice.make(t, hosts[0], env)
  const b = await LabDevice.make(t, hosts[1], env)
  await writeFile(join(a.folder, 'hello.txt'), 'hello\n')
  return { a, b, key: await a.share() }
}

test('a relay serves the devices of a folder that it was told of, and nobody else', { timeout: 120_000 }, async t => {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const hosts = [lab.home(pub, 'random').hosts[0]!, lab.home(pub, 'random').hosts[0]!] as const
  const bootstrap = await startDht(t, pub)
  const relay = await LabDevice.make(t, lab.openHost(pub), { BACKER_BOOTSTRAP: bootstrap })
  const listen = ['relay', '--host', relay.host.address]
  relay.start(...listen, '--open')
  const [relayKey] = await relay.says(/^[a-z0-9]{52}$/m)
  await relay.stop()

  const env = { BACKER_BOOTSTRAP: bootstrap, BACKER_RELAY: relayKey }
  const served = await makePair(t, hosts, env)
  relay.start(...listen, '--folder', (await served.a.run('key', '--store-only')).trim())
  t.is((await relay.says(/^[a-z0-9]{52}$/m))[0], relayKey, 'its public key is the same again')
  await served.b.join(served.key)
  const elapsedMs = await served.b.untilPeers(byRelay, 20_000)
  t.ok(elapsedMs < 5000, `${elapsedMs.toFixed(0)} ms`)

  const stranger = await makePair(t, hosts, { ...env, BACKER_PORT: '0' })
  await stranger.b.join(stranger.key)
  await t.exception(
    stranger.b.untilPeers(peers => peers.length > 0, 10_000),
    /not within/
  )
  t.ok(byRelay(await served.b.peers()), 'those that are served stay so')
  await relay.stop()
  const [told, carried = '', refused = ''] = await relay.says(/1 pair now.*; (.*) carried; (\d+) refused/)
  t.ok(Number(refused) > 0 && carried !== '0 B', told)
})

test('a relay serves no more pairs than it may', { timeout: 180_000 }, async t => {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const hosts = [lab.home(pub, 'random').hosts[0]!, lab.home(pub, 'random').hosts[0]!] as const
  const bootstrap = await startDht(t, pub)
  const relay = await LabDevice.make(t, lab.openHost(pub), { BACKER_BOOTSTRAP: bootstrap })
  relay.start('relay', '--host', relay.host.address, '--open', '--max-pairs', '1')
  const env = { BACKER_BOOTSTRAP: bootstrap, BACKER_RELAY: (await relay.says(/^[a-z0-9]{52}$/m))[0] }
  const first = await makePair(t, hosts, env)
  await first.b.join(first.key)
  await first.b.untilPeers(byRelay, 20_000)
  const second = await makePair(t, hosts, { ...env, BACKER_PORT: '0' })
  await second.b.join(second.key)
  await t.exception(
    second.b.untilPeers(peers => peers.length > 0, 8000),
    /not within/
  )
  await first.b.stop()
  await second.b.untilPeers(byRelay, 70_000)
  t.pass('who had to wait has its turn when the other pair is gone')
})

test('a relay with a rate carries no more than that, without a break', { timeout: 120_000 }, async t => {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const hosts = [lab.home(pub, 'random').hosts[0]!, lab.home(pub, 'random').hosts[0]!] as const
  const bootstrap = await startDht(t, pub)
  const relay = await LabDevice.make(t, lab.openHost(pub), { BACKER_BOOTSTRAP: bootstrap })
  relay.start('relay', '--host', relay.host.address, '--open', '--max-rate', '1M')
  const env = { BACKER_BOOTSTRAP: bootstrap, BACKER_RELAY: (await relay.says(/^[a-z0-9]{52}$/m))[0] }
  const { a, b, key } = await makePair(t, hosts, env)
  await writeFile(join(a.folder, 'large.bin'), randomBytes(40_000_000))
  await b.join(key)
  await b.untilPeers(peers => byRelay(peers) && peers[0]!.bytesReceived > 1_000_000, 30_000)
  const count = async (): Promise<{ bytes: number; at: number }> => {
    const [peer] = await b.peers()
    return { bytes: peer?.bytesReceived ?? 0, at: performance.now() }
  }
  const before = await count()
  await new Promise(resolve => setTimeout(resolve, 15_000))
  const after = await count()
  const rate = ((after.bytes - before.bytes) * 1000) / (after.at - before.at)
  t.ok(rate > 750_000 && rate < 1_000_000, `${(rate / 1e6).toFixed(2)} MB/s`)
  t.absent(/Disconnected/.test(a.output + b.output))
})
