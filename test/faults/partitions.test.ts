import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import test from 'brittle'
import type { Backer } from '../../lib/index.js'
import { makeBacker, until, untilSame, type Scope } from '../make/backers.js'
import { SeededRandom } from '../sim/random.js'

const LETTERS = ['a', 'b', 'c'] as const

/** One direction of a line: while it is clogged nothing gets through, and nothing is told; afterwards all of it comes. */
class Pipe extends Transform {
  #go: (() => void) | undefined
  #isClogged = false

  override _transform(
    chunk: unknown,
    _encoding: BufferEncoding,
    callback: (error: null, chunk: unknown) => void
  ): void {
    const go = (): void => callback(null, chunk)
    if (this.#isClogged) this.#go = go
    else go()
  }

  set clogged(isClogged: boolean) {
    this.#isClogged = isClogged
    if (isClogged) return
    this.#go?.()
    this.#go = undefined
  }
}

/** A line between two devices that can be clogged in each direction, and cut. */
class Line {
  readonly #ends: readonly [Backer, Backer]
  #pipes: readonly [Pipe, Pipe] = [new Pipe(), new Pipe()]
  #cut: () => void = () => undefined

  constructor(a: Backer, b: Backer) {
    this.#ends = [a, b]
    this.connect()
  }

  connect(): void {
    this.#cut()
    const [left, right] = this.#ends.map(device => device.createStream())
    const [there, back] = (this.#pipes = [new Pipe(), new Pipe()])
    const all = [left, right, there, back]
    for (const stream of all) stream?.on('error', () => undefined)
    left?.pipe(there).pipe(right!).pipe(back).pipe(left)
    this.#cut = () => all.forEach(stream => stream?.destroy())
    for (const stream of all) stream?.once('close', this.#cut)
  }

  cut(): void {
    this.#cut()
  }

  clog(direction: 0 | 1, isClogged = true): void {
    this.#pipes[direction].clogged = isClogged
  }

  heal(): void {
    for (const pipe of this.#pipes) pipe.clogged = false
    if (this.#pipes.some(({ destroyed }) => destroyed)) this.connect()
  }
}

/** Three devices, each connected to each: lines a-b, a-c, b-c. */
async function makeTriangle(t: Scope): Promise<{ devices: [Backer, Backer, Backer]; lines: [Line, Line, Line] }> {
  const a = await makeBacker(t)
  const [b, c] = [await makeBacker(t, { key: a.key }), await makeBacker(t, { key: a.key })]
  const lines: [Line, Line, Line] = [new Line(a, b), new Line(a, c), new Line(b, c)]
  t.teardown(() => lines.forEach(line => line.cut()))
  await untilSame([a, b, c])
  return { devices: [a, b, c], lines }
}

/** Names and content of what each device shows. */
function shown({ directory }: Backer): string {
  const names = readdirSync(directory).filter(name => name !== '.backer')
  return names
    .sort()
    .map(name => `${name}: ${readFileSync(join(directory, name), 'utf8')}`)
    .join('\n')
}

test('F12: a line that is dead in one direction, or in both, holds up no other, and heals', async t => {
  const { devices, lines } = await makeTriangle(t)
  const [a, b, c] = devices
  for (const directions of [[0], [1], [0, 1]] as const) {
    for (const direction of directions) lines[1].clog(direction)
    const name = `while ${directions.join(' and ')} was clogged`
    writeFileSync(join(a.directory, name), 'from a')
    await until('it comes by way of b', () => shown(c).includes(name))
    writeFileSync(join(c.directory, `${name}, back`), 'from c')
    await until('and back', () => shown(a).includes(`${name}, back`))
    lines[1].heal()
    await untilSame(devices)
    t.alike(shown(a), shown(c))
    t.alike(shown(a), shown(b))
  }
})

test('F12: devices that are parted by turns, by lines that flap, are cut or clog, lose nothing and become the same', async t => {
  const { devices, lines } = await makeTriangle(t)
  const random = new SeededRandom('partitions')
  const written: string[] = []
  for (let round = 0; round < 80; round++) {
    const who = random.below(3)
    const token = `${LETTERS[who]} in round ${round}`
    const name = random.below(4) === 0 ? 'disputed' : token
    if (name === token) written.push(token)
    writeFileSync(join(devices[who]!.directory, name), token)
    const line = random.pick(lines)
    const what = random.below(5)
    if (what === 0) line.cut()
    else if (what === 1) line.clog(0)
    else if (what === 2) line.clog(1)
    else line.heal()
    await new Promise(resolve => setTimeout(resolve, random.below(60)))
  }
  // Each line clogs, one after the other, and they are freed in another order.
  for (const line of lines) line.clog(random.below(2) === 0 ? 0 : 1)
  for (const line of [...lines].reverse()) line.heal()
  lines.forEach(line => line.heal())
  await until('all hold the same', () => new Set(devices.map(shown)).size === 1)
  await untilSame(devices)
  const all = shown(devices[0])
  for (const token of written) t.ok(all.includes(`${token}: ${token}`), token)
  await until('and each says so', () => devices.every(device => device.status().state === 'in-sync'))
})
