import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { makeApp } from '../../lib/daemon/api/app.js'
import { Daemon } from '../../lib/daemon/daemon.js'
import { runDhtNode } from '../../lib/net/dht-node.js'
import type { SeededRandom } from '../sim/random.js'

interface Operation {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly url: string
  readonly fields: readonly string[]
}

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** What waits, never ends, ends the process, or looks at the machine outside of the folder. */
const LEFT_OUT = /events|stop|directories|changes|wait/
/** Fields that name a place on the disk: what they get lies in a directory of the test's own. */
const PLACES: ReadonlySet<string> = new Set(['directory', 'to'])

/** Sends `count` requests that make no sense to the real API of a real process's daemon. Returns those that it took for a mistake of its own. */
export async function fuzzApi(count: number, random: SeededRandom): Promise<readonly string[]> {
  const root = await mkdtemp(join(tmpdir(), 'backer-fuzz-'))
  const docs = join(root, 'docs')
  await mkdir(docs)
  await writeFile(join(docs, 'a.txt'), 'a')
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  const daemon = await Daemon.open({ home: join(root, 'home'), bootstrap: [node], lan: false, port: 0, pagePort: 0 })
  try {
    const { key } = (await daemon.add({ directory: docs, createDirectory: false })).backer
    const app = await makeApp(daemon)
    const operations = operationsOf(app)
    const wrong: string[] = []
    for (let i = 0; i < count; i++) {
      // Some of what is asked makes sense: the folder may have been left.
      if (!daemon.folders.some(({ path }) => path === docs))
        await daemon.add({ directory: docs, key, createDirectory: false })
      const id = daemon.folders.find(({ path }) => path === docs)?.id ?? 'none'
      const why = await askNonsense(app, random.pick(operations), new Nonsense(random, root, id))
      if (why !== undefined) wrong.push(why)
    }
    await app.close()
    return wrong
  } finally {
    await daemon.close()
    await node.close()
    await rm(root, { recursive: true, force: true })
  }
}

/** The API's own description says what there is, and which fields it takes. */
function operationsOf(app: FastifyInstance): readonly Operation[] {
  const { paths } = app.swagger() as unknown as Described
  return Object.entries(paths).flatMap(([url, methods]) =>
    Object.entries(methods)
      .filter(() => !LEFT_OUT.test(url))
      .map(([method, described]) => ({
        method: method.toUpperCase() as Operation['method'],
        url,
        fields: [
          ...new Set(
            [...JSON.stringify(described).matchAll(/"(\w+)":\{"(?:type|enum|anyOf)"/g)].map(found => found[1] ?? '')
          )
        ]
      }))
  )
}

async function askNonsense(
  app: FastifyInstance,
  operation: Operation,
  nonsense: Nonsense
): Promise<string | undefined> {
  const { method, fields } = operation
  const url =
    operation.url.replace(/\{\w+\}/g, () => encodeURIComponent(nonsense.id().toWellFormed())) + nonsense.query(fields)
  const body = method === 'GET' ? undefined : nonsense.body(fields)
  const answer = await app.inject({
    method,
    url,
    ...(body === undefined ? {} : { payload: body, headers: { 'content-type': nonsense.contentType() } })
  })
  if (answer.statusCode < 500) return undefined
  return `${method} ${url} ${body ?? ''}: ${answer.statusCode} ${answer.body.slice(0, 300)}`
}

/** Makes up what nobody should send. */
class Nonsense {
  readonly #random: SeededRandom
  readonly #root: string
  readonly #id: string

  constructor(random: SeededRandom, root: string, id: string) {
    this.#random = random
    this.#root = root
    this.#id = id
  }

  id(): string {
    return this.#random.oneIn(3) ? this.#text() : this.#id
  }

  contentType(): string {
    return this.#random.oneIn(20) ? 'text/plain' : 'application/json'
  }

  query(fields: readonly string[]): string {
    if (fields.length === 0 || this.#random.oneIn(2)) return ''
    const pairs = Array.from({ length: this.#random.between(1, 3) }, () => {
      const name = this.#random.pick(fields)
      // A request that waits would only hold up the others.
      const value = name === 'timeout' ? '0' : String(this.#value(name, 0))
      return `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`
    })
    return `?timeout=0&${pairs.filter(pair => !pair.startsWith('timeout')).join('&')}`
  }

  body(fields: readonly string[]): string {
    if (this.#random.oneIn(20)) return this.#text()
    const names = fields.filter(() => !this.#random.oneIn(3))
    if (this.#random.oneIn(10)) names.push(this.#text())
    const text = JSON.stringify(Object.fromEntries(names.map(name => [name, this.#value(name, 0)])))
    return this.#random.oneIn(20) ? text.slice(0, this.#random.below(text.length)) : text
  }

  #value(name: string, depth: number): unknown {
    if (PLACES.has(name))
      return this.#random.oneIn(4)
        ? null
        : join(this.#root, 'made', encodeURIComponent(this.#text().toWellFormed()).slice(0, 100))
    const random = this.#random
    return random.weighted<() => unknown>([
      [4, () => this.#text()],
      [2, () => random.pick([0, -1, 1, 1e308, 0.5, Number.MAX_SAFE_INTEGER, 2 ** 31])],
      [2, () => random.oneIn(2)],
      [1, () => null],
      [1, () => (depth > 3 ? [] : Array.from({ length: random.below(5) }, () => this.#value('', depth + 1)))],
      [1, () => (depth > 3 ? {} : { [this.#text()]: this.#value('', depth + 1) })]
    ])()
  }

  #text(): string {
    const { above, long } = { above: '../../etc', long: 'x'.repeat(5000) }
    return this.#random.pick([
      '',
      'a.txt',
      'a',
      '.',
      '..',
      above,
      '.backer/index',
      '\0',
      'é',
      '\ud800',
      '__proto__',
      'constructor',
      long,
      '2026-01-01',
      '20260101-000000-abcdef',
      'accept',
      'write',
      '%00',
      '\n'
    ])
  }
}
