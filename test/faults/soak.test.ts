import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'brittle'
import { makeBacker, makeDirectory, until } from '../make/backers.js'
import { installPackages } from '../make/packages.js'
import { SeededRandom } from '../sim/random.js'
import { differences } from './machine.js'
import { Remote } from './remote.js'

installPackages({ rsync: 'rsync' })

/** How long the users go on: `SOAK_MINUTES=480 npm run test:faults -- soak`. Hours show what leaks slowly. */
const { SOAK_MINUTES = '1.5' } = process.env
const DEADLINE_MS = Number(SOAK_MINUTES) * 60_000 + 200_000
/** Parts of the time, after each of which all is at rest, and looked at; the first is for what is only ever taken once. */
const PARTS = 3
const FILES = 300

const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** What a process holds. */
function heldBy(pid: number): { readonly descriptors: number; readonly threads: number; readonly memoryMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const numberAt = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: numberAt('Threads'),
    memoryMiB: numberAt('RssAnon') / 1024
  }
}

test(
  `F35: ${SOAK_MINUTES} minutes of edits, and of a line that hangs, leave no more descriptors, threads and memory taken than the first third`,
  { timeout: DEADLINE_MS },
  async t => {
    const base = await makeDirectory(t)
    const directory = join(base, 'folder')
    mkdirSync(directory)
    const here = await makeBacker(t)
    const there = await new Remote(t, { directory, home: join(base, 'home'), peer: here }).ready()
    const random = new SeededRandom('soak')
    const found: ReturnType<typeof heldBy>[] = []
    for (let part = 0; part < PARTS; part++) {
      const end = Date.now() + (Number(SOAK_MINUTES) * 60_000) / PARTS
      while (Date.now() < end) {
        for (let acts = 0; acts < 20; acts++) act(random.oneIn(2) ? here.directory : directory, random)
        if (random.oneIn(40)) there.signal('SIGSTOP')
        await wait(random.below(200))
        there.signal('SIGCONT')
      }
      await until('both show the same', () => differences(here.directory, directory).length === 0)
      await there.untilSame(here)
      // What a device keeps ready for a while goes when it is not needed.
      await wait(12_000)
      found.push(heldBy(there.pid))
    }
    const [first, last] = [found[0]!, found.at(-1)!]
    t.ok(last.descriptors <= first.descriptors + 4, `${first.descriptors} and then ${last.descriptors} descriptors`)
    t.ok(last.threads <= first.threads + 2, `${first.threads} and then ${last.threads} threads`)
    t.ok(
      last.memoryMiB <= first.memoryMiB * 1.25 + 24,
      `${Math.round(first.memoryMiB)} and then ${Math.round(last.memoryMiB)} MiB`
    )
  }
)

/** A user does something to one of so many files that both devices' users know. */
function act(root: string, random: SeededRandom): void {
  const path = join(root, `d${random.below(10)}`, `${random.below(FILES / 10)}`)
  mkdirSync(join(path, '..'), { recursive: true })
  const what = random.below(10)
  try {
    if (what === 0) rmSync(path, { force: true })
    else if (what === 1) renameSync(path, join(root, `d${random.below(10)}`, 'moved'))
    else writeFileSync(path, `${random.below(1e9)} `.repeat(random.pick([1, 10, 1000, 60_000])))
  } catch (error) {
    // The other device's user, or the device, was faster.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}
