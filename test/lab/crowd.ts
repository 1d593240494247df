import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { backer, type Backer } from '../../lib/index.js'
import { runDhtNode } from '../../lib/net/dht-node.js'

/**
 * Many devices of one folder in one process, which meet by a DHT of their own on the loopback interface of a network namespace that nobody else is in: so all that
 * the interface counts is theirs. Prints one line of JSON about what it took.
 *
 *   crowd DIRECTORY DEVICES
 */
const [directory = '', words = ''] = process.argv.slice(2)
const DEVICES = Number(words)
const STILL_MS = 3000
const IDLE_MS = 20_000
const DEADLINE_MS = 200_000
const LOOK_MS = 100

interface Counted {
  /** On the clock of `performance.now`, or how long it took. */
  readonly atMs: number
  readonly bytes: number
  readonly packets: number
  readonly cpuMs: number
}

const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
const bootstrap = [{ host: '127.0.0.1', port: node.port }]
const devices: Backer[] = []
const begin = await counted()
for (let i = 0; i < DEVICES; i++) {
  const place = join(directory, String(i))
  await mkdir(join(place, 'folder'), { recursive: true })
  const key = devices[0]?.key
  const device = backer(join(place, 'folder'), { home: join(place, 'home'), deviceName: `device ${i}`, key })
  await device.ready()
  devices.push(device)
  await device.join({ bootstrap, lan: false })
}
await until(() => devices.every(device => device.status().peers.length >= Math.min(DEVICES - 1, 8)))
await stillness()
const met = await counted()
await setTimeout(IDLE_MS)
const idle = await counted()
const reachedMs = await reach('first.txt', 1)
await stillness()
const changed = await counted()
await reach('second.txt', 2)
await stillness()
const again = await counted()

const still = taken(met, idle)
const connections = devices.map(device => device.status().peers.length)
console.log(
  JSON.stringify({
    devices: DEVICES,
    connections: { least: Math.min(...connections), most: Math.max(...connections) },
    reachedMs: Math.round(reachedMs),
    // Each of these is for one device: until all have met, within IDLE_MS when nothing happens, and what a small file that is new takes beyond that.
    meeting: perDevice(taken(begin, met)),
    idle: perDevice(still),
    change: perDevice(beyond(still, taken(idle, changed))),
    anotherChange: perDevice(beyond(still, taken(changed, again))),
    memoryMb: Math.round(process.memoryUsage.rss() / 1e6)
  })
)
await Promise.all(devices.map(device => device.close()))
await node.close()
await rm(directory, { recursive: true, force: true })
process.exit()

/** Writes a file, so that there are `count`, on the first device; how long until it stands on all others and all know that it does. */
async function reach(name: string, count: number): Promise<number> {
  const from = performance.now()
  const [first] = devices
  await writeFile(join(first?.directory ?? '', name), `${name}\n`)
  await until(() => {
    const root = first?.status().root
    return devices.every(device => {
      const { files, idle: isIdle, root: own, peers } = device.status()
      return files === count && isIdle && own === root && peers.every(({ inSync }) => inSync)
    })
  })
  return performance.now() - from
}

/** Waits until next to nothing moves. */
async function stillness(): Promise<void> {
  let before = await counted()
  await until(async () => {
    await setTimeout(STILL_MS)
    const now = await counted()
    const isStill = (now.bytes - before.bytes) / DEVICES < 40 * DEVICES * (STILL_MS / 1000)
    before = now
    return isStill
  })
}

async function counted(): Promise<Counted> {
  const line = /lo:(.*)/.exec(await readFile('/proc/net/dev', 'utf8'))?.[1] ?? ''
  const [bytes = 0, packets = 0] = line.trim().split(/\s+/).map(Number)
  const { user, system } = process.cpuUsage()
  return { atMs: performance.now(), bytes, packets, cpuMs: (user + system) / 1000 }
}

/** What all devices took from one moment to another. */
function taken(from: Counted, to: Counted): Counted {
  return {
    atMs: to.atMs - from.atMs,
    bytes: to.bytes - from.bytes,
    packets: to.packets - from.packets,
    cpuMs: to.cpuMs - from.cpuMs
  }
}

/** What was taken beyond what is taken in that time when nothing happens. */
function beyond(still: Counted, all: Counted): Counted {
  const share = all.atMs / still.atMs
  return {
    atMs: all.atMs,
    bytes: all.bytes - share * still.bytes,
    packets: all.packets - share * still.packets,
    cpuMs: all.cpuMs - share * still.cpuMs
  }
}

function perDevice({ bytes, packets, cpuMs }: Counted): object {
  return {
    bytes: Math.round(bytes / DEVICES),
    packets: Math.round(packets / DEVICES),
    cpuMs: Math.round(cpuMs / DEVICES)
  }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + DEADLINE_MS; !(await isSo());) {
    await setTimeout(LOOK_MS)
    if (performance.now() > end)
      throw new Error(`never: ${devices.map(device => device.status().peers.length).join(' ')} connections`)
  }
}
