import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout } from 'node:timers/promises'

/**
 * Somebody without a folder's key, as a process of its own in a lab. It prints one line of JSON about what it got.
 *
 *   stranger tcp HOST PORT           connects, says nothing of use, and waits for the end
 *   stranger dht TOPIC HOST PORT     knows the topic: finds whoever announces it at the DHT node, connects, and waits for the end
 *   stranger lan SECONDS             asks by multicast DNS and listens
 */
const [kind = '', ...words] = process.argv.slice(2)
const PATIENCE_MS = 20_000
const begin = performance.now()
const KINDS: Readonly<Record<string, () => Promise<object>>> = { tcp: overTcp, dht: overDht, lan: onLan }

console.log(JSON.stringify(await KINDS[kind]?.()))
process.exit()

async function overTcp(): Promise<object> {
  const [host = '', port] = words
  const socket = connect({ host, port: Number(port) })
  let bytes = 0
  socket.on('data', (data: Buffer) => (bytes += data.byteLength))
  socket.on('error', () => undefined)
  socket.write(Buffer.alloc(400, 'GET / HTTP/1.1\r\n'))
  await Promise.race([new Promise(closed => socket.once('close', closed)), setTimeout(PATIENCE_MS)])
  return { closed: socket.destroyed, bytes, elapsedMs: performance.now() - begin }
}

async function overDht(): Promise<object> {
  const [topic = '', host = '', port] = words
  const { default: HyperDHT } = await import('hyperdht')
  const dht = new HyperDHT({ bootstrap: [{ host, port: Number(port) }] })
  await dht.fullyBootstrapped()
  let key: Uint8Array | undefined
  while (key === undefined && performance.now() - begin < PATIENCE_MS)
    for await (const { peers } of dht.lookup(Buffer.from(topic, 'hex'))) key ??= peers[0]?.publicKey
  if (key === undefined) return { found: false }
  const stream = dht.connect(key)
  let bytes = 0
  stream.on('data', (data: Buffer) => (bytes += data.byteLength))
  stream.on('error', () => undefined)
  const opened = await stream.opened
  // Asks for a channel as who knows nothing of the key would.
  stream.write(Buffer.from('000001000e6261636b65722f666f6c6465720020', 'hex'))
  await Promise.race([new Promise(closed => stream.once('close', () => closed(true))), setTimeout(PATIENCE_MS)])
  return { found: true, opened, closed: stream.destroyed, bytes, elapsedMs: performance.now() - begin }
}

async function onLan(): Promise<object> {
  const { default: multicast } = await import('multicast-dns')
  const addresses = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  const own = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '0.0.0.0'
  const socket = multicast({ interface: own, bind: '0.0.0.0', loopback: false })
  const heard: unknown[] = []
  socket.on('response', packet => heard.push(packet.answers))
  const end = begin + Number(words[0]) * 1000
  while (performance.now() < end) {
    socket.query({ questions: [{ name: '_backer._tcp.local', type: 'PTR' }] })
    await setTimeout(500)
  }
  return { heard }
}
