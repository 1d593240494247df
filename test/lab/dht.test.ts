import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import type { PeerDocument } from '../../lib/daemon/document.js'
import { LabDevice, startDht } from './device.js'
import { Lab } from './lab.js'

const direct = (peers: readonly PeerDocument[]): boolean => peers[0]?.route === 'direct'

test('a device on the host of the DHT nodes is reached over UDX, and data comes', { timeout: 90_000 }, async t => {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const host = lab.openHost(pub)
  const others = [lab.openHost(pub), lab.home(pub, 'preserve').hosts[0]!, lab.home(pub, 'random').hosts[0]!]
  const bootstrap = await startDht(t, host)
  host.dropTcp()
  const a = await LabDevice.make(t, host, { BACKER_BOOTSTRAP: bootstrap })
  await writeFile(join(a.folder, 'some.bin'), Buffer.alloc(3_000_000, 'some'))
  const key = await a.share()
  for (const other of others) {
    const b = await LabDevice.make(t, other, { BACKER_BOOTSTRAP: bootstrap })
    await b.join(key)
    await b.untilPeers(peers => peers.some(({ inSync }) => inSync), 40_000)
    const [peer] = await b.peers()
    t.alike([peer?.transport, peer?.address], ['udx', host.address])
    await b.stop()
  }
})

test('a device comes back without the node by which it came', { timeout: 120_000 }, async t => {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const [first, second] = [lab.openHost(pub), lab.openHost(pub)]
  const bootstrap = await startDht(t, first)
  const node = await LabDevice.make(t, second, { BACKER_BOOTSTRAP: bootstrap })
  node.start('dht', '--host', second.address)
  await node.says(/DHT node runs here/)
  const env = { BACKER_BOOTSTRAP: bootstrap }
  const a = await LabDevice.make(t, lab.home(pub, 'preserve').hosts[0]!, env)
  const b = await LabDevice.make(t, lab.home(pub, 'preserve').hosts[0]!, env)
  await b.join(await a.share())
  await b.untilPeers(direct, 20_000)
  for (const device of [a, b]) await device.stop()
  first.plug(false)
  for (const device of [a, b]) device.start('daemon')
  const elapsedMs = await b.untilPeers(direct, 60_000)
  t.pass(`${elapsedMs.toFixed(0)} ms`)
})

test('doctor tells of a DHT that no node of answers', { timeout: 60_000 }, async t => {
  const [host] = Lab.open(t).lan(1)
  const device = await LabDevice.make(t, host!)
  await device.share()
  const told = await device.run('doctor')
  t.ok(/bad {3}DHT: no node answers.*\n +Is there internet/.test(told), told)
  t.ok(/ok {4}LAN: others are looked for at 192\.168\./.test(told))
  t.ok(/folder "folder": [a-z0-9]{52}/.test(told))
})
