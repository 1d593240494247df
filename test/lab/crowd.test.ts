import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import test from 'brittle'
import { Lab, type LabHost } from './lab.js'

const CROWD = fileURLToPath(new URL('./crowd.js', import.meta.url))
const SIZES = [10, 25, 50] as const
/** Connections that a device has at most: lib/net/connections.ts. */
const CONNECTIONS_MAX = 64
/** By how much more than with the number of devices what each of them sends may grow. */
const SLACK = 1.5

interface Figures {
  readonly devices: number
  readonly connections: { readonly least: number; readonly most: number }
  readonly reachedMs: number
  readonly idle: Taken
  readonly anotherChange: Taken
}

interface Taken {
  readonly bytes: number
  readonly packets: number
  readonly cpuMs: number
}

async function crowd(host: LabHost, devices: number): Promise<Figures> {
  const [program = '', ...before] = host.prefix
  const directory = join(host.directory, `crowd-${devices}`)
  const child = spawn(program, [...before, process.execPath, CROWD, directory, String(devices)], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  return JSON.parse(await text(child.stdout)) as Figures
}

test(
  'many devices in one swarm: a change reaches all, connections are bounded, and traffic grows with their number at most',
  { timeout: 880_000 },
  async t => {
    const [host] = Lab.open(t).lan(1)
    const figures: Figures[] = []
    for (const size of SIZES) {
      figures.push(await crowd(host!, size))
      t.comment(JSON.stringify(figures.at(-1)))
    }
    const [small] = figures
    for (const { devices, connections, idle, anotherChange } of figures) {
      t.ok(connections.most <= CONNECTIONS_MAX, `${devices} devices: ${connections.most} connections at most`)
      const allowed = (SLACK * devices) / small!.devices
      for (const [what, now, then] of [
        ['a change', anotherChange, small!.anotherChange],
        ['nothing', idle, small!.idle]
      ] as const)
        t.ok(now.bytes <= allowed * then.bytes, `${devices} devices: ${now.bytes} bytes each for ${what}`)
    }
  }
)
