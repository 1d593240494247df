import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { setTimeout as wait } from 'node:timers/promises'
import { makeSmallFiles } from './files.js'
import { cpuSecondsOf, memoryMiBOf } from './usage.js'

/*
 * `npm run bench:idle -- [--files 50000] [--seconds 60]`: what a user waits for at the beginning, and what the background process takes when nothing happens.
 * Ends with 1 where a figure is over its limit. Nothing leaves this machine. Linux only.
 */

const { values } = parseArgs({
  options: { files: { type: 'string', default: '50000' }, seconds: { type: 'string', default: '60' } }
})
const BACKER = fileURLToPath(new URL('../bin/backer.js', import.meta.url))
const FILES = Number(values.files)
const SECONDS = Number(values.seconds)
const PER_DIRECTORY = 100
/** The fastest counts: what others do on this machine is none of backer's. */
const STARTS = 5
const START_SECONDS_MAX = 2
const CPU_PERCENT_MAX = 1
const MEMORY_MIB_MAX = 150
/** What follows a first scan (the seal of its log, the first snapshot) is not idling. */
const REST_MS = 20_000

const place = mkdtempSync(join(tmpdir(), 'backer-idle-'))
const env: Record<string, string | undefined> = {
  ...process.env,
  BACKER_HOME: join(place, 'home'),
  // A port where nobody answers.
  BACKER_BOOTSTRAP: '127.0.0.1:9',
  BACKER_NO_LAN: '1',
  BACKER_PORT: '0',
  BACKER_PAGE_PORT: '0'
}

/** What a command prints. Throws with what it says where it fails. */
function run(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BACKER, ...words], { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`backer ${words.join(' ')}: ${stderr}`)
  return stdout
}

/** Seconds from the first command on a fresh home to the answer of the second. */
function start(home: string): number {
  const directory = join(place, `${home}-files`)
  mkdirSync(directory)
  env['BACKER_HOME'] = join(place, home)
  const begin = performance.now()
  run('share', directory)
  run('status')
  const seconds = (performance.now() - begin) / 1000
  run('stop')
  return seconds
}

async function measure(): Promise<readonly { what: string; value: number; limit: number; unit: string }[]> {
  const starts = Array.from({ length: STARTS }, (_, i) => start(`home-${i}`))
  makeSmallFiles(join(place, 'many'), FILES, PER_DIRECTORY)
  run('share', join(place, 'many'))
  run('wait', '--peers', '0', '--timeout', '600', join(place, 'many'))
  const { pid } = JSON.parse(run('status', '--json')) as { readonly pid: number }
  await wait(REST_MS)
  const before = cpuSecondsOf(pid)
  await wait(SECONDS * 1000)
  const cpuPercent = ((cpuSecondsOf(pid) - before) / SECONDS) * 100
  return [
    { what: 'share and status, fresh home', value: Math.min(...starts), limit: START_SECONDS_MAX, unit: 's' },
    { what: `CPU, idle, ${FILES} files`, value: cpuPercent, limit: CPU_PERCENT_MAX, unit: '%' },
    { what: `memory, idle, ${FILES} files`, value: memoryMiBOf(pid, 'VmRSS'), limit: MEMORY_MIB_MAX, unit: 'MiB' }
  ]
}

try {
  const figures = await measure()
  console.log(['| what | figure | limit |', '| --- | --- | --- |'].join('\n'))
  for (const { what, value, limit, unit } of figures)
    console.log(`| ${what} | ${value.toFixed(2)} ${unit} | ${limit} ${unit} |`)
  process.exitCode = figures.every(({ value, limit }) => value < limit) ? 0 : 1
} finally {
  run('stop')
  rmSync(place, { recursive: true, force: true })
}
