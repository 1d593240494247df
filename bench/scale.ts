import { randomFillSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as wait } from 'node:timers/promises'
import { Device } from './device.js'
import { makeSmallFiles } from './files.js'
import { markdown, percentile } from './table.js'
import { cpuSecondsOf, MemoryWatch } from './usage.js'

/*
 * `npm run bench:scale -- [--only WORDS] [--files 1000000]`: one device with large and odd trees: its first scan, its restart, its memory, and what a single change costs. Prints a
 * Markdown table. Linux only.
 */

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, files: { type: 'string', default: '1000000' } }
})
const FILES = Number(values.files)
const CHANGES = 20
const CHANGE_BYTES = 4096
/** What follows a scan is no part of a change. */
const REST_MS = 3000
const LEVELS = 100
const GIB = 1024 ** 3

interface Shape {
  readonly name: string
  readonly make: (root: string) => void
}

const SHAPES: readonly Shape[] = [
  { name: '10,000 files', make: root => makeSmallFiles(root, 10_000, 100) },
  { name: `${FILES.toLocaleString('en')} files`, make: root => makeSmallFiles(root, FILES, 100) },
  { name: '200,000 files in one directory', make: root => makeSmallFiles(root, 200_000, 200_000) },
  { name: `${LEVELS} levels`, make: root => makeDeep(root) },
  { name: 'a sparse file of 20 GiB', make: root => makeSparse(root) }
]

function makeDeep(root: string): void {
  for (let level = 0, directory = root; level < LEVELS; level++) {
    directory = join(directory, `level ${level}`)
    mkdirSync(directory)
    writeFileSync(join(directory, 'file'), `level ${level}\n`)
  }
}

function makeSparse(root: string): void {
  writeFileSync(join(root, 'sparse'), '')
  truncateSync(join(root, 'sparse'), 20 * GIB)
}

interface Start {
  readonly device: Device
  readonly seconds: number
  readonly cpuSeconds: number
}

/** A device that was started now, and has scanned. */
async function start(root: string): Promise<Start> {
  const begin = performance.now()
  const device = new Device([root], undefined)
  await device.state('alone')
  return { device, seconds: (performance.now() - begin) / 1000, cpuSeconds: cpuSecondsOf(device.pid) }
}

/** Milliseconds from a write to the moment in which it is part of what the device holds, and of CPU: medians. */
async function change(root: string, device: Device): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const file = join(root, 'changed')
  const [times, costs]: [number[], number[]] = [[], []]
  for (let i = 0; i < CHANGES; i++) {
    await wait(REST_MS / CHANGES)
    const [before, begin] = [cpuSecondsOf(device.pid), performance.now()]
    writeFileSync(file, randomFillSync(Buffer.alloc(CHANGE_BYTES)))
    await device.otherRoot()
    times.push(performance.now() - begin)
    await wait(REST_MS / CHANGES)
    costs.push((cpuSecondsOf(device.pid) - before) * 1000)
  }
  return { ms: percentile(times, 0.5), cpuMs: costs.reduce((sum, cost) => sum + cost, 0) / CHANGES }
}

async function measure({ name, make }: Shape): Promise<readonly string[]> {
  const root = mkdtempSync(join(tmpdir(), 'backer-bench-'))
  const watch = new MemoryWatch()
  try {
    make(root)
    const first = await start(root)
    await first.device.close()
    const again = await start(root)
    await wait(REST_MS)
    const { ms, cpuMs } = await change(root, again.device)
    await again.device.close()
    const seconds = [first, again].map(one => `${one.seconds.toFixed(2)} (${one.cpuSeconds.toFixed(2)})`)
    return [name, ...seconds, watch.stop().toFixed(0), ms.toFixed(1), cpuMs.toFixed(1)]
  } finally {
    watch.stop()
    rmSync(root, { recursive: true, force: true })
  }
}

const rows: (readonly string[])[] = []
for (const shape of SHAPES.filter(({ name }) => name.includes(values.only))) {
  rows.push(await measure(shape))
  process.stderr.write(`${rows.at(-1)?.join(', ') ?? ''}\n`)
}
const heads = ['what', 'first scan, s (CPU)', 'restart, s (CPU)', 'most memory, MiB', 'a change, ms', 'its CPU, ms']
process.stdout.write(`${markdown(heads, rows)}\n`)
