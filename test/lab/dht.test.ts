import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type Test } from 'brittle'
import type { PeerDocument } from '../../lib/daemon/document.js'
import { LabDevice, startDht } from './device.js'
import { Lab, type LabHost } from './lab.js'

/** A bootstrap node as hyperdht itself runs it: one. */
function startBareNode(t: Test, host: LabHost): void {
  const [program = '', ...before] = host.prefix
  const script = fileURLToPath(import.meta.resolve('hyperdht/bin.js'))
  const words = ['--bootstrap', '--host', host.address, '--port', '49737']
  const child = spawn(program, [...before, process.execPath, script, ...words], { stdio: 'ignore' })
  t.teardown(() => child.kill())
}

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

test(
  'a DHT of one node of somebody else: who can be reached is met, and doctor says what is missing',
  { timeout: 120_000 },
  async t => {
    const lab = Lab.open(t)
    const pub = lab.internet()
    const shared = lab.openHost(pub)
    startBareNode(t, shared)
    const env = { BACKER_BOOTSTRAP: `${shared.address}:49737` }
    // On the node's own host a device was reached once, and then no data came.
    const a = await LabDevice.make(t, shared, env)
    const b = await LabDevice.make(t, lab.home(pub, 'preserve').hosts[0]!, env)
    shared.dropTcp()
    await writeFile(join(a.folder, 'some.bin'), Buffer.alloc(3_000_000, 'some'))
    await b.join(await a.share())
    const elapsedMs = await b.until(({ files, peers }) => files === 1 && peers[0]?.inSync === true, 60_000)
    t.is((await b.peers())[0]?.transport, 'udx', `${elapsedMs.toFixed(0)} ms`)
    const told = await b.run('doctor')
    t.ok(/bad {3}DHT: it has too few nodes \(\d\)/.test(told), told)
  }
)

test('doctor tells of a DHT that no node of answers', { timeout: 60_000 }, async t => {
  const [host] = Lab.open(t).lan(1)
  const device = await LabDevice.make(t, host!)
  await device.share()
  const told = await device.run('doctor')
  t.ok(/bad {3}DHT: no node answers.*\n +Is there internet/.test(told), told)
  t.ok(/ok {4}LAN: others are looked for at 192\.168\./.test(told))
  t.ok(/folder "folder": [a-z0-9]{52}/.test(told))
})
