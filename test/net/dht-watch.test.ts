import test, { type Test } from 'brittle'
import HyperDHT from 'hyperdht'
import Hyperswarm from 'hyperswarm'
import { DhtWatch } from '../../lib/net/dht-watch.js'
import { runDhtNode, type DhtNode } from '../../lib/net/dht-node.js'
import { RELAY_LIMITS } from '../../lib/net/relay.js'
import { runRelayNode } from '../../lib/net/relay-node.js'
import type { Clock } from '../../lib/runtime.js'
import { realRuntime } from '../../lib/real-runtime.js'
import { fakeRuntime, keyPairOf, until } from '../make/wire.js'

async function makeDht(t: Test): Promise<DhtNode> {
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  t.teardown(() => node.close(), { order: 3 })
  return node
}

/** A device on a DHT that is out of reach as yet. */
function makeAlone(t: Test, clock: Clock) {
  const dht = new HyperDHT({ bootstrap: [], host: '127.0.0.1', firewalled: false })
  const swarm = new Hyperswarm({ keyPair: keyPairOf(1), dht })
  t.teardown(() => swarm.destroy(), { order: 2 })
  let backs = 0
  const watch = new DhtWatch({ dht, clock, onback: () => backs++ })
  const relays = (): number => [...dht.listening].flatMap(server => server._announcer?.relays ?? []).length
  return { dht, swarm, watch, relays, backs: () => backs }
}

test('a device that no node relays handshakes to is announced as soon as there is one', async t => {
  const { dht, swarm, watch, relays } = makeAlone(t, realRuntime().clock)
  const topic = Buffer.alloc(32, 1)
  await swarm.join(topic, { server: true, client: false }).flushed()
  t.alike([dht.listening.size, relays()], [1, 0])
  const node = await makeDht(t)
  dht.addNode(node)
  await until('it is announced', () => {
    watch.tick()
    return relays() > 0
  })
  const other = new HyperDHT({ bootstrap: [node], host: '127.0.0.1' })
  t.teardown(() => other.destroy(), { order: 1 })
  const stream = other.connect(keyPairOf(1).publicKey)
  t.teardown(() => void stream.destroy())
  t.ok(await stream.opened, 'and is found by its key')
})

test('a relay that was started before its DHT is found as soon as that is there', async t => {
  const first = await runDhtNode({ host: '127.0.0.1', port: 0 })
  const { host, port } = first
  await first.close()
  const relay = await runRelayNode({
    device: keyPairOf(1),
    host,
    port: 0,
    bootstrap: [{ host, port }],
    serves: 'anybody',
    limits: RELAY_LIMITS,
    runtime: realRuntime()
  })
  t.teardown(() => relay.close(), { order: 2 })
  const node = await runDhtNode({ host, port })
  t.teardown(() => node.close(), { order: 3 })
  const dht = new HyperDHT({ bootstrap: [node], host, firewalled: false })
  t.teardown(() => dht.destroy(), { order: 1 })
  let isFound = false
  for (let tries = 0; tries < 20 && !isFound; tries++) {
    const stream = dht.connect(relay.publicKey)
    stream.on('error', () => undefined)
    isFound = await stream.opened
    stream.destroy()
    if (!isFound) await new Promise(resolve => setTimeout(resolve, 500))
  }
  t.ok(isFound)
})

test('it is noticed when the DHT answers again, after it was silent for a while', async t => {
  const { runtime, advance } = fakeRuntime()
  const { dht, watch, backs } = makeAlone(t, runtime.clock)
  const node = await makeDht(t)
  const hear = async (): Promise<void> => {
    await dht.ping(node)
    watch.tick()
  }
  await hear()
  t.is(backs(), 0)
  advance(12_000)
  watch.tick()
  await hear()
  t.is(backs(), 0, 'a short silence is none')
  advance(12_001)
  watch.tick()
  t.is(backs(), 0)
  await hear()
  t.is(backs(), 1)
  await hear()
  t.is(backs(), 1)
})

test('while the DHT is silent its nodes are asked, but not all the time', async t => {
  const { runtime, advance } = fakeRuntime()
  const { dht, watch } = makeAlone(t, runtime.clock)
  await dht.fullyBootstrapped()
  const asked = (): number => dht.stats.queries.total
  const before = asked()
  for (let second = 0; second < 12; second++) {
    advance(1000)
    watch.tick()
  }
  t.is(asked() - before, 0)
  for (let second = 0; second < 60; second++) {
    advance(1000)
    watch.tick()
  }
  t.is(asked() - before, 10)
})
