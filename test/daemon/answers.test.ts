import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import compilerFactory from '@fastify/ajv-compiler'
import test, { type Test } from 'brittle'
import { Daemon } from '../../lib/daemon/daemon.js'
import type { DaemonEvent } from '../../lib/daemon/document.js'
import { until } from '../make/backers.js'
import { makePage, type Ask, type Page } from '../make/page.js'

type Json = Readonly<Record<string, unknown>>

/** What the API says of itself. */
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Json }>>>>
  readonly components: Json
}

/** Routes whose answers are no JSON documents, that go on for ever, or that need a damaged disk: other tests look at them. */
const OTHERS = [
  'get /v1/events',
  'get /metrics',
  'get /v1/folders/{id}/content',
  'post /v1/session',
  'post /v1/folders/{id}/verify/accept'
]

/** Holds answers against the description of the API, which must name every field that they have. */
class Judge {
  readonly #description: Description
  readonly #compile = compilerFactory()(
    {},
    { customOptions: { strict: false, coerceTypes: false, removeAdditional: false, useDefaults: false } }
  )
  /** The routes of which an answer was found to be as described. */
  readonly judged = new Set<string>()

  constructor(description: Description) {
    this.#description = description
  }

  get routes(): readonly string[] {
    return Object.entries(this.#description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => `${method} ${path}`)
    )
  }

  /** What is wrong with the answer of a route; undefined: nothing. */
  wrong(method: string, path: string, status: number, document: unknown): string | undefined {
    const route = this.#routeOf(path)
    const responses = this.#description.paths[route]?.[method.toLowerCase()]?.responses
    const described = responses?.[String(status)] ?? (status >= 400 ? responses?.['default'] : undefined)
    if (described === undefined) return `${method} ${route}: nothing is said of status ${status}`
    const schemas = Object.values(((described as Json)['content'] ?? {}) as Json).map(form => (form as Json)['schema'])
    if (status < 400) this.judged.add(`${method.toLowerCase()} ${route}`)
    if (status === 204) return document === undefined ? undefined : 'there is an answer'
    return this.matches(schemas[0], document)
  }

  matches(schema: unknown, document: unknown): string | undefined {
    const whole = closed({ ...(schema as Json), components: this.#description.components }) as Json
    const validate = this.#compile({ schema: whole, method: '', url: '', httpPart: '' })
    return validate(document) === true ? undefined : JSON.stringify(validate.errors)
  }

  /** The described path that a path is one of: the one with the fewest variables. */
  #routeOf(path: string): string {
    const parts = (path.split('?')[0] ?? '').split('/')
    const fits = (route: string): boolean => {
      const words = route.split('/')
      return words.length === parts.length && words.every((word, i) => word.startsWith('{') || word === parts[i])
    }
    const variables = (route: string): number => route.split('{').length
    const found = Object.keys(this.#description.paths).filter(fits)
    return found.sort((a, b) => variables(a) - variables(b))[0] ?? path
  }
}

/** A schema that takes no field which it does not name. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const parts = Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, closed(part)]))
  return parts['type'] === 'object' ? { ...parts, additionalProperties: false } : parts
}

/** Asks as `ask` does, and has each answer judged. */
function judging(t: Test, ask: Ask, judge: Judge): (method: string, path: string, body?: unknown) => Promise<Json> {
  return async (method, path, body) => {
    const answer = await ask(method, path, body === undefined ? {} : { body })
    const document = answer.body === '' ? undefined : answer.json()
    t.is(judge.wrong(method, path, answer.status, document), undefined, `${method} ${path} ${answer.status}`)
    return document ?? {}
  }
}

/** A second device of the folder, which has another version of a file. */
async function meetOther(t: Test, { daemon, docs, home, ask, at, node }: Page): Promise<void> {
  const other = await Daemon.open({ home: `${home}-other`, bootstrap: [node] })
  t.teardown(() => other.close(), { order: 1 })
  const key = daemon.folders[0]?.backer.key ?? ''
  const there = `${docs}-other`
  await mkdir(there)
  await writeFile(join(there, 'both.txt'), 'there')
  await other.add({ directory: there, key, createDirectory: false })
  await until('there is a conflict', async () => (await ask('GET', `${at}/conflicts`)).body.includes('"copy"'))
}

test('every answer is as the description of the API says, and every route has been asked', async t => {
  const page = await makePage(t)
  const { ask, at, docs, daemon } = page
  const judge = new Judge((await ask('GET', '/openapi.json')).json() as unknown as Description)
  const events: DaemonEvent[] = []
  daemon.on('event', event => events.push(event))
  const judged = judging(t, ask, judge)
  await mkdir(join(docs, 'sub'))
  await writeFile(join(docs, 'a.txt'), 'a')
  await writeFile(join(docs, 'both.txt'), 'here')
  await judged('GET', `${at}/wait?peers=0&timeout=20&rescan=true`)
  await judged('POST', `${at}/snapshots`, { pinned: true })
  await meetOther(t, page)

  for (const path of ['/health', '/v1/status', '/v1/peers', '/v1/settings', '/v1/limits', '/v1/network'])
    await judged('GET', path)
  for (const path of ['', '/keys', '/key?kind=read', '/files', '/deletes', '/ignore', '/log', '/drift', '/verify'])
    await judged('GET', `${at}${path}`)
  await judged('GET', '/v1/directories')
  await judged('GET', `${at}/ignore/check?path=a.txt`)
  await judged('POST', `${at}/ignore/preview`, { text: '*.txt\n[' })
  await judged('PUT', `${at}/ignore`, { text: '*.iso\n' })
  await judgeConflicts(judged, page)
  await judgePast(judged, page)
  await judged('POST', `${at}/deletes`, { action: 'accept' })
  await judged('POST', `${at}/drift/revert`, { dryRun: true })
  await judged('POST', `${at}/drop`, { paths: ['a.txt'], copies: 9 })
  await judged('POST', `${at}/get`, { paths: ['a.txt'] })
  await judged('POST', `${at}/get`, { paths: ['a.txt'], wait: false })
  await judged('POST', `${at}/verify`, {})
  await judged('PATCH', `${at}/verify`, { everyDays: 10 })
  await judged('POST', `${at}/verify/accept`, { paths: ['a.txt'] })
  await judged('PATCH', '/v1/settings', { settings: { 'alarm-days': '9' } })
  await judged('POST', '/v1/limits', { up: 1_000_000, timetable: [{ minute: 60, down: null }] })
  await judged('POST', '/v1/folders', { directory: docs, createDirectory: false })
  await judged('PATCH', at, { name: 'Papers' })
  const { peers } = (await ask('GET', '/v1/peers')).json() as { peers: { device: string }[] }
  await judged('DELETE', `${at}/devices/${peers[0]?.device ?? ''}`)
  await judged('GET', '/v1/folders/nothing')
  await judged('DELETE', at)
  t.alike(
    judge.routes.filter(route => !judge.judged.has(route) && !OTHERS.includes(route)),
    []
  )
  judgeEvents(t, judge, events)
})

type Judged = ReturnType<typeof judging>

async function judgeConflicts(judged: Judged, { at, docs }: Page): Promise<void> {
  const { conflicts } = (await judged('GET', `${at}/conflicts`)) as { conflicts: { copy: string }[] }
  await judged('POST', `${at}/conflicts`, { copy: conflicts[0]?.copy, keep: 'copy' })
  await rm(join(docs, 'a.txt'))
  await judged('GET', `${at}/wait?peers=0&timeout=20&rescan=true`)
}

async function judgePast(judged: Judged, { ask, at, docs }: Page): Promise<void> {
  await writeFile(join(`${docs}-other`, 'both.txt'), 'replaced')
  // What only the other device keeps can't be pinned here.
  const keptHere = (body: Readonly<Record<string, unknown>>): string | undefined =>
    (body['revisions'] as { id: string; device?: string }[]).find(({ device }) => device === undefined)?.id
  const route = `${at}/revisions?path=both.txt`
  await until('a version is kept here', async () => keptHere((await ask('GET', route)).json()) !== undefined)
  const revision = keptHere(await judged('GET', route))
  await judged('POST', `${at}/revisions/pin`, { path: 'both.txt', revision, pinned: true })
  await judged('POST', `${at}/revisions/tidy`)
  const { snapshots } = (await judged('GET', `${at}/snapshots`)) as { snapshots: { id: string }[] }
  const id = snapshots.at(-1)?.id ?? ''
  await judged('PATCH', `${at}/snapshots/${id}`, { pinned: false })
  await judged('GET', `${at}/snapshots/files?at=${id}`)
  await judged('GET', `${at}/snapshots/diff?from=${id}`)
  await judged('POST', `${at}/restore`, { paths: ['a.txt'], at: id })
  await until('it is a part of the folder again', async () =>
    (await ask('GET', `${at}/files`)).body.includes('"a.txt"')
  )
  await judged('DELETE', `${at}/snapshots/${id}`)
}

function judgeEvents(t: Test, judge: Judge, events: readonly DaemonEvent[]): void {
  const schema = { $ref: '#/components/schemas/Event' }
  const wrong = events
    .map(event => JSON.parse(JSON.stringify(event)) as Json)
    .filter(event => judge.matches(schema, event) !== undefined)
  t.alike(wrong, [])
  const told = new Set(events.map(({ type }) => type))
  for (const type of ['peer', 'item', 'folder', 'removed', 'insync', 'verify'] as const) t.ok(told.has(type), type)
}
