import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import type { PeerDocument } from '../../lib/daemon/document.js'
import { LabDevice, startDht } from './device.js'
import { Lab, type Home } from './lab.js'

const MB = 1_000_000
const LOOK_MS = 200
/** How long nothing may come while a better road takes over. */
const GAP_MS = 2500

const onRelay = (peers: readonly PeerDocument[]): boolean => peers[0]?.route === 'relay'
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Two devices whose routers let nobody in, on a DHT, with a relay. */
async function makePair(t: Test) {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const homes: readonly [Home, Home] = [lab.home(pub, 'random'), lab.home(pub, 'random')]
  const bootstrap = await startDht(t, pub)
  const relay = await LabDevice.make(t, lab.openHost(pub), { BACKER_BOOTSTRAP: bootstrap })
  relay.start('relay', '--open', '--host', relay.host.address)
  const env = { BACKER_BOOTSTRAP: bootstrap, BACKER_RELAY: (await relay.says(/^[a-z0-9]{52}$/m))[0] }
  const a = await LabDevice.make(t, homes[0].hosts[0]!, env)
  const b = await LabDevice.make(t, homes[1].hosts[0]!, env)
  return { lab, pub, homes, relay, a, b, env }
}

/** How long at most nothing came, of what is told of now and then. */
class Pauses {
  longestMs = 0
  #bytes = 0
  #at = performance.now()

  note(bytes: number): void {
    if (bytes === this.#bytes) return
    const now = performance.now()
    this.longestMs = Math.max(this.longestMs, now - this.#at)
    this.#bytes = bytes
    this.#at = now
  }
}

async function writeFiles({ folder }: LabDevice, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await writeFile(join(folder, `${i}.bin`), randomBytes(MB))
}

test(
  'as soon as a hole can be punched the direct road takes over, while data flows and without a gap',
  { timeout: 240_000 },
  async t => {
    const { lab, homes, a, b } = await makePair(t)
    await writeFiles(a, 250)
    await a.run('limit', '--up', '2M')
    await b.join(await a.share())
    await b.untilPeers(peers => onRelay(peers) && peers[0]!.bytesReceived > MB, 60_000)
    for (const home of homes) lab.setNat(home, 'preserve')

    const pauses = new Pauses()
    const look = async (): Promise<PeerDocument | undefined> => {
      const [peer] = await b.peers()
      pauses.note(peer?.bytesReceived ?? 0)
      await pause(LOOK_MS)
      return peer
    }
    let peer = await look()
    for (const end = performance.now() + 100_000; performance.now() < end && peer?.route !== 'direct';)
      peer = await look()
    t.alike([peer?.route, peer?.transport], ['direct', 'udx'])
    for (const end = performance.now() + 10_000; performance.now() < end;) await look()
    const { longestMs } = pauses
    t.ok(longestMs < GAP_MS, `the longest pause was ${longestMs.toFixed(0)} ms`)
    t.absent(/Disconnected/.test(a.output + b.output), 'nobody saw the other one go')
    t.ok((await a.peers())[0]?.route === 'direct', 'both use the same road')
    await a.run('limit', '--up', 'off')
    await b.until(({ files, peers }) => files === 250 && peers[0]?.inSync === true, 90_000)
  }
)

test('who sends more than 100 MB through a relay is told so, once', { timeout: 240_000 }, async t => {
  const { a, b } = await makePair(t)
  await writeFiles(a, 90)
  await b.join(await a.share())
  await b.until(({ files, peers }) => files === 90 && peers[0]?.inSync === true, 120_000)
  await pause(2000)
  t.absent(/more than 100 MB/.test(a.output + b.output), 'not yet')
  await writeFiles(a, 150)
  await b.until(({ files, peers }) => files === 150 && peers[0]?.inSync === true, 120_000)
  await a.says(/more than 100 MB went to or from .* through a relay/)
  await b.says(/more than 100 MB went to or from .* through a relay/)
  await writeFiles(a, 240)
  await b.until(({ files, peers }) => files === 240 && peers[0]?.inSync === true, 120_000)
  await pause(2000)
  for (const device of [a, b]) t.is(device.output.match(/more than 100 MB/g)?.length, 1)
  const doctor = await b.run('doctor')
  t.ok(/relay, UDX.*\n +.*(port|reach)/i.test(doctor), doctor)
})

test('a member with an open port relays for the others, without being asked', { timeout: 120_000 }, async t => {
  const lab = Lab.open(t)
  const pub = lab.internet()
  const env = { BACKER_BOOTSTRAP: await startDht(t, pub) }
  const open = await LabDevice.make(t, lab.openHost(pub), env)
  const a = await LabDevice.make(t, lab.home(pub, 'random').hosts[0]!, env)
  const b = await LabDevice.make(t, lab.home(pub, 'random').hosts[0]!, env)
  const key = await open.share()
  for (const device of [a, b]) await device.join(key)
  for (const device of [a, b]) await device.until(({ peers }) => peers.length === 2, 60_000)
  for (const device of [a, b]) t.alike((await device.peers()).map(({ route }) => route).sort(), ['direct', 'relay'])
  t.ok(/relays for others of its folders/.test(await open.run('doctor')))

  // Whoever has not shown that it knows the key of a folder is served nothing.
  const strangers = await Promise.all([0, 1].map(() => LabDevice.make(t, lab.home(pub, 'random').hosts[0]!, env)))
  const [c, d] = strangers
  await d!.join(await c!.share())
  await pause(10_000)
  t.alike(await d!.peers(), [])
})
