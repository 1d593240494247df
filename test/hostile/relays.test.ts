import test from 'brittle'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform, type Duplex } from 'node:stream'
import { connect, makeBacker, until, untilSame } from '../make/backers.js'
import { makeScene } from '../make/watched.js'
import { quiet } from '../make/wire.js'

const { victim, honest, check, close } = await makeScene()
const TOKEN = 'a very private token that only the folder knows '

type Meddle = (bytes: Buffer, count: number) => readonly Buffer[]

/** What a relay may do with what passes through it. */
const MEDDLERS: Readonly<Record<string, Meddle>> = {
  'flips a bit': (bytes, count) => [count === 6 ? flipped(bytes) : bytes],
  'flips a bit of every piece': bytes => [flipped(bytes)],
  'drops a piece': (bytes, count) => (count === 7 ? [] : [bytes]),
  'says a piece twice': (bytes, count) => (count === 5 ? [bytes, bytes] : [bytes]),
  'says pieces in another order': reorder(),
  'puts in bytes of its own': (bytes, count) => (count === 6 ? [randomBytes(40), bytes] : [bytes]),
  'cuts a piece short': (bytes, count) => [count === 6 ? bytes.subarray(0, -1) : bytes],
  'begins a frame that has no end': (bytes, count) => (count === 6 ? [Buffer.of(0, 0, 16), bytes] : [bytes]),
  'claims an endless length': (bytes, count) => (count === 6 ? [Buffer.alloc(3, 0xff), bytes] : [bytes])
}

test(
  'D1 D2 D3 A10 A11: who stands on the line reads nothing and changes nothing: all it can do is break it',
  { timeout: 180_000 },
  async t => {
    const written: string[] = []
    const fresh = await makeBacker(t, { key: victim.key })
    let seen = 0
    for (const [what, meddle] of Object.entries(MEDDLERS)) {
      // Each line has something to carry: one between equals may have said all before it is meddled with.
      written.push(`${what}: ${TOKEN.repeat(8000)}`)
      await writeFile(join(victim.directory, TOKEN.trim()), written.at(-1) ?? '')
      const ends = throughRelay(victim.createStream(), fresh.createStream(), meddle, bytes => {
        seen += bytes.length
        if (bytes.includes(TOKEN.slice(0, 12))) t.fail(`${what}: it can be read`)
      })
      await until(`the line breaks when it ${what}`, () => ends.every(end => end.destroyed))
      const got = await readFile(join(fresh.directory, TOKEN.trim()), 'utf8').catch(() => undefined)
      t.ok(got === undefined || written.includes(got), `${what}: nothing wrong came through`)
    }
    t.ok(seen > 2000, `${seen} bytes passed by`)
    const cut = connect(fresh, victim)
    await until('a good line mends it', async () => {
      return (await readFile(join(fresh.directory, TOKEN.trim()), 'utf8')) === written.at(-1)
    })
    cut()
    await check(t)
  }
)

test('D4: who is led to somebody else, or to itself, talks to nobody', async t => {
  const stranger = await makeBacker(t)
  const ends = throughRelay(victim.createStream(), stranger.createStream(), bytes => [bytes])
  const mirror = victim.createStream()
  mirror.on('error', () => undefined)
  mirror.pipe(mirror)
  await until('the mirror is left', () => mirror.destroyed)
  await quiet()
  t.is(stranger.status().peers.length, 0)
  await until('only the honest one is left', () => victim.status().peers.length === 1)
  ends.forEach(end => end.destroy())
  await check(t)
})

test('D6: no bytes whatever do more than end their own line', async t => {
  const greeting = Buffer.concat([Buffer.from('backer\0'), Buffer.of(1), Buffer.alloc(24, 255)])
  const lengths = ['000000', 'ffffff', 'ffff7f', '010000', '000080'].map(hex => Buffer.from(hex, 'hex'))
  const attempts = [
    ...lengths.map(length => Buffer.concat([greeting, length, randomBytes(100)])),
    ...lengths.map(length => Buffer.concat([length, greeting])),
    ...Array.from({ length: 40 }, (_, i) =>
      Buffer.concat([i % 2 === 0 ? greeting : Buffer.alloc(0), randomBytes(i * 37)])
    )
  ]
  const streams = attempts.map(bytes => {
    const stream = victim.createStream()
    stream.on('error', () => undefined)
    stream.resume()
    stream.write(bytes)
    stream.end()
    return stream
  })
  await until('all are over', () => streams.every(stream => stream.destroyed || stream.readableEnded))
  await check(t)
})

test('all of that being over, both devices have the same, and close', async t => {
  await untilSame([victim, honest])
  t.is(victim.status().root, honest.status().root)
  await close()
})

/** Pipes two ends through somebody who does as he likes with the bytes of one direction. */
function throughRelay(a: Duplex, b: Duplex, meddle: Meddle, onbytes?: (bytes: Buffer) => void): Duplex[] {
  const pass = (change: Meddle): Transform => {
    let count = 0
    return new Transform({
      transform(bytes: Buffer, _encoding, done) {
        onbytes?.(bytes)
        for (const piece of change(Buffer.from(bytes), ++count)) this.push(piece)
        done()
      }
    })
  }
  for (const end of [a, b]) end.on('error', () => undefined)
  a.pipe(pass(meddle)).pipe(b)
  b.pipe(pass(bytes => [bytes])).pipe(a)
  for (const [one, other] of [[a, b] as const, [b, a] as const]) one.once('close', () => other.destroy())
  return [a, b]
}

function flipped(bytes: Buffer): Buffer {
  const at = Math.floor(bytes.length / 2)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  return bytes
}

function reorder(): Meddle {
  let kept: Buffer | undefined
  return (bytes, count) => {
    if (count === 6) {
      kept = bytes
      return []
    }
    return kept !== undefined && count === 7 ? [bytes, kept] : [bytes]
  }
}
