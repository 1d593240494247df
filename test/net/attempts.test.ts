import { EventEmitter } from 'node:events'
import test, { type Test } from 'brittle'
import HyperDHT, { type DhtAddress } from 'hyperdht'
import Hyperswarm from 'hyperswarm'
import { Attempts } from '../../lib/net/attempts.js'
import { runDhtNode, type DhtNode } from '../../lib/net/dht-node.js'
import { Network } from '../../lib/net/network.js'
import { createWriteKey, topicOf } from '../../lib/core/model/keys.js'
import { realRuntime } from '../../lib/real-runtime.js'
import type { Runtime } from '../../lib/runtime.js'
import { Connection } from '../../protocol/connection.js'
import { fakeRuntime, keyPairOf, makeFolder, turn, until } from '../make/wire.js'

const [LESSER, GREATER] = [1, 2].sort((a, b) => Buffer.compare(keyPairOf(a).publicKey, keyPairOf(b).publicKey)) as [
  number,
  number
]

async function makeDht(t: Test): Promise<DhtNode> {
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  t.teardown(() => node.close(), { order: 3 })
  return node
}

function makeNode(t: Test, bootstrap: readonly DhtAddress[]): HyperDHT {
  const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
  t.teardown(() => dht.destroy(), { order: 2 })
  return dht
}

function silent(_isInitiator: boolean, rawStream: EventEmitter): EventEmitter {
  return rawStream.on('error', () => undefined)
}

/** As a device does whose line is cut behind its answer: hyperdht has a connection to it, on which nothing ever comes. */
async function listenDeafly(dht: HyperDHT, number: number): Promise<{ count: number }> {
  const taken = { count: 0 }
  const server = dht.createServer({ createSecretStream: silent }, () => taken.count++)
  await server.listen(keyPairOf(number))
  return taken
}

test('what comes is not turned away for a connection of which the other side never heard', async t => {
  const bootstrap = [await makeDht(t)]
  const folder = makeFolder()
  const network = await Network.open({
    keyPair: keyPairOf(GREATER),
    bootstrap,
    runtime: realRuntime(),
    lan: false,
    port: 0
  })
  t.teardown(() => network.close(), { order: 1 })
  const dht = makeNode(t, bootstrap)
  const topic = topicOf(createWriteKey(Buffer.alloc(32, 1)))
  const deaf = await listenDeafly(dht, LESSER)
  await dht.announce(topic, keyPairOf(LESSER)).finished()
  await network.add({ topic, link: folder.link })
  await until('this side has a connection', () => deaf.count > 0)

  // The other side's own attempt, and no other one: by the order of their keys this side would keep what it has.
  const stream = dht.connect(keyPairOf(GREATER).publicKey, { keyPair: keyPairOf(LESSER) })
  let isClosed = false
  stream.on('error', () => undefined)
  stream.on('close', () => (isClosed = true))
  t.ok(await stream.opened)
  const connection = Connection.over(stream, { runtime: realRuntime() })
  t.teardown(() => connection.destroy())
  connection.offer(makeFolder().link, { initiate: true })
  await until('it is taken or turned away', () => isClosed || folder.peers.length > 0)
  t.is(folder.peers.length, 1)
})

function makeAttempts(t: Test, bootstrap: readonly DhtAddress[], runtime: Runtime, isReached = false) {
  const dht = makeNode(t, bootstrap)
  const keyPair = keyPairOf(GREATER)
  const swarm = new Hyperswarm({ keyPair, dht })
  t.teardown(() => swarm.destroy(), { order: 1 })
  const opened: unknown[] = []
  const attempts = new Attempts({
    dht,
    swarm,
    keyPair,
    clock: runtime.clock,
    isOnRelay: () => false,
    isRelayed: () => false,
    isReached: () => isReached,
    relaysTo: () => [],
    onconnection: stream => {
      opened.push(stream)
      t.teardown(() => void stream.destroy())
    }
  })
  return { attempts, opened }
}

test('a device is tried again beside a connection on which nothing comes, and not where it is reached', async t => {
  const bootstrap = [await makeDht(t)]
  const deaf = await listenDeafly(makeNode(t, bootstrap), LESSER)
  const { publicKey } = keyPairOf(LESSER)
  const { attempts, opened } = makeAttempts(t, bootstrap, fakeRuntime().runtime)
  for (let tries = 1; tries <= 3; tries++) {
    attempts.connect(publicKey)
    await until('it has opened', () => opened.length === tries)
  }
  await until('the other side has answered all', () => deaf.count === 3)
  const others = makeAttempts(t, bootstrap, fakeRuntime().runtime, true)
  others.attempts.connect(publicKey)
  await turn()
  t.is(deaf.count, 3)
})

test('beside an attempt that hangs another one is made, after two seconds, and four at most', async t => {
  const bootstrap = [await makeDht(t)]
  let asked = 0
  const firewall = (): Promise<boolean> => {
    asked++
    return new Promise(() => undefined)
  }
  const server = makeNode(t, bootstrap).createServer({ firewall }, () => undefined)
  await server.listen(keyPairOf(LESSER))
  const { runtime, advance } = fakeRuntime()
  const { attempts } = makeAttempts(t, bootstrap, runtime)
  const { publicKey } = keyPairOf(LESSER)
  attempts.connect(publicKey)
  attempts.connect(publicKey)
  for (let tries = 1; tries <= 4; tries++) {
    await until('it is asked', () => asked >= tries)
    t.is(asked, tries)
    advance(1999)
    attempts.connect(publicKey)
    advance(1)
    attempts.connect(publicKey)
  }
  await turn()
  t.is(asked, 4)
})
