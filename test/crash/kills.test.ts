import { createHash, randomInt } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'brittle'
import { recordFigures } from '../card/figures.js'
import { differences } from '../faults/machine.js'
import { until } from '../make/backers.js'
import { KEY, makeCliPair, type CliDevice, type RunningCli } from '../make/cli.js'
import { installPackages } from '../make/packages.js'
import { SeededRandom } from '../sim/random.js'

installPackages({ rsync: 'rsync' })

/** How many kills, from which seed, and whether the figures are kept: `KILLS=300 SEED=1 RECORD=1 npm run test:kills`. */
const { KILLS = '60', SEED = String(randomInt(2 ** 31)), RECORD } = process.env
const DEADLINE_MS = 890_000
/** Both are looked at after so many kills. */
const LOOK_EVERY = 12

const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** A device whose process is killed, and whose user goes on all the same: below `own/` nobody else ever writes, below `both/` everybody does. */
class Mortal {
  readonly own: string
  readonly #device: CliDevice
  readonly #directory: string
  readonly #command: readonly string[]
  readonly #random: SeededRandom
  readonly #written: Map<string, string>
  /** What its user last left at each path of its own. */
  readonly #files = new Map<string, string>()
  #running: RunningCli | undefined
  #count = 0
  key = ''

  constructor(
    own: string,
    device: CliDevice,
    command: readonly string[],
    random: SeededRandom,
    written: Map<string, string>
  ) {
    this.own = own
    this.#device = device
    this.#command = command
    this.#directory = command.at(-1) ?? ''
    this.#random = random
    this.#written = written
    mkdirSync(join(this.directory, own), { recursive: true })
    mkdirSync(join(this.directory, 'both'), { recursive: true })
  }

  get directory(): string {
    return this.#device.at(this.#directory)
  }

  start(): RunningCli {
    return (this.#running = this.#device.start(this.#command, { input: this.key, deadlineMs: DEADLINE_MS }))
  }

  async kill(): Promise<void> {
    await this.#running?.stop('SIGKILL')
  }

  /** Throws where its process has ended otherwise than by a kill. */
  async mustLive(): Promise<void> {
    const ended = await Promise.race([this.#running?.finished, wait(0)])
    if (ended !== undefined) throw new Error(`${this.own} ended by itself: ${ended.code} ${ended.stderr}`)
  }

  /** Its user does something. */
  act(): void {
    const random = this.#random
    const known = [...this.#files.keys()]
    const what = known.length === 0 ? 0 : random.below(10)
    const path = what < 3 ? `${this.own}/${random.below(5)}/${random.below(8)}` : random.pick(known)
    const at = join(this.directory, path)
    if (what < 3 || what === 9) this.#write(path, what === 0)
    else if (what === 3) {
      appendFileSync(at, 'more')
      this.#files.set(path, `${this.#files.get(path)}more`)
    } else if (what === 4) {
      rmSync(at)
      this.#files.delete(path)
    } else if (what === 5) this.#move(path, `${this.own}/moved/${random.below(8)}`)
    else if (what === 6) chmodSync(at, random.pick([0o600, 0o644, 0o755]))
    else this.#writeShared()
  }

  #write(path: string, isInPlace: boolean): void {
    const text = this.#text()
    this.#put(path, text, isInPlace)
    this.#files.set(path, text)
  }

  #writeShared(): void {
    const path = `both/${this.#random.below(4)}`
    const text = this.#text()
    this.#put(path, text, false)
    this.#written.set(path, text)
  }

  #move(from: string, to: string): void {
    mkdirSync(dirname(join(this.directory, to)), { recursive: true })
    renameSync(join(this.directory, from), join(this.directory, to))
    this.#files.set(to, this.#files.get(from) ?? '')
    if (from !== to) this.#files.delete(from)
  }

  #put(path: string, text: string, isInPlace: boolean): void {
    const at = join(this.directory, path)
    mkdirSync(dirname(at), { recursive: true })
    writeFileSync(isInPlace ? at : `${at}.new`, text)
    if (!isInPlace) renameSync(`${at}.new`, at)
  }

  #text(): string {
    const token = createHash('sha256').update(`${this.own} ${this.#count++}`).digest('hex')
    return token.repeat(this.#random.pick([1, 1, 10, 3000]))
  }

  /** What `root` shows otherwise than this device's user left it. */
  wrongIn(root: string): string[] {
    const shown = new Map<string, string>()
    for (const entry of readdirSync(join(root, this.own), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile()) shown.set(path.slice(root.length + 1), readFileSync(path, 'latin1'))
    }
    const paths = new Set([...shown.keys(), ...this.#files.keys()])
    return [...paths].filter(path => shown.get(path) !== this.#files.get(path))
  }
}

test(
  `F1 F2: ${KILLS} kills of real processes at any moment (seed ${SEED}) lose nothing, mix nothing up and make no conflict`,
  { timeout: DEADLINE_MS },
  async t => {
    const random = new SeededRandom(SEED)
    const [first, second] = await makeCliPair(t)
    const written = new Map<string, string>()
    const a = new Mortal('of a', first, ['share', '--foreground', 'docs'], random, written)
    const b = new Mortal('of b', second, ['join', '--foreground', '-', 'mirror'], random, written)
    b.key = (await a.start().says(KEY))[0]
    b.start()
    const all = [a, b] as const
    const settle = async (): Promise<void> => {
      await until('both show the same', () => differences(a.directory, b.directory).length === 0, 150_000)
      for (const one of all) await one.mustLive()
      for (const one of all)
        for (const { directory } of all) t.alike(one.wrongIn(directory), [], `what ${one.own} wrote, in ${directory}`)
      const texts = readdirSync(join(a.directory, 'both')).map(name =>
        readFileSync(join(a.directory, 'both', name), 'latin1')
      )
      for (const [path, text] of written) t.ok(texts.includes(text), `the last version of ${path} is there`)
    }
    await until('they have met', () => existsSync(join(b.directory, a.own)) && existsSync(join(a.directory, b.own)))
    for (let kills = 1; kills <= Number(KILLS); kills++) {
      for (let acts = random.between(1, 8); acts > 0; acts--) {
        random.pick(all).act()
        await wait(random.below(30))
      }
      await wait(random.below(500))
      const victim = random.pick(all)
      await victim.kill()
      for (let acts = random.below(4); acts > 0; acts--) random.pick(all).act()
      const running = victim.start()
      // Else the next kill may come before it has recovered from this one.
      if (random.below(2) === 0) await running.says(/Connected|In sync/, 'stderr')
      if (kills % LOOK_EVERY === 0 || kills === Number(KILLS)) await settle()
    }
    for (const one of all) await one.kill()
    if (RECORD !== undefined) recordFigures('random kills', { kills: Number(KILLS), seed: Number(SEED) })
  }
)
