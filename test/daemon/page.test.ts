import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { homedir, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import test from 'brittle'
import type { DaemonEvent } from '../../lib/daemon/document.js'
import { until } from '../make/backers.js'
import { makePage } from '../make/page.js'

test('without the token nothing is told and nothing is changed', async t => {
  const { stranger, daemon, token, home, at } = await makePage(t)
  t.is((await stat(join(home, 'page-token'))).mode & 0o777, 0o600)
  for (const path of [
    '/v1/status',
    '/v1/events',
    `${at}/keys`,
    `${at}/files`,
    '/v1/directories',
    '/metrics',
    '/openapi.json'
  ]) {
    const answer = await stranger('GET', path)
    t.is(answer.status, 403, path)
    t.is(answer.headers['content-type'], 'application/problem+json; charset=utf-8')
    t.is(answer.json()['name'], 'FORBIDDEN')
    t.absent(answer.body.includes(daemon.folders[0]?.path ?? 'no folder'))
  }
  t.is((await stranger('DELETE', at)).status, 403)
  t.is((await stranger('PATCH', at, { body: { paused: true } })).status, 403)
  t.is((await stranger('GET', '/v1/status', { headers: { cookie: `backer=${token.slice(1)}x` } })).status, 403)
  t.is(
    (await stranger('GET', '/v1/status', { headers: { authorization: `Bearer ${token}` } })).status,
    403,
    'the token opens a session only'
  )
  t.is(daemon.folders.length, 1)
  t.absent(daemon.folders[0]?.isPaused)
})

test('the token opens a session, whose cookie no script and no other site gets', async t => {
  const { stranger, token } = await makePage(t)
  t.is((await stranger('POST', '/v1/session', { headers: { authorization: 'Bearer wrong' } })).status, 403)
  const answer = await stranger('POST', '/v1/session', { headers: { authorization: `Bearer ${token}` } })
  t.is(answer.status, 204)
  const cookie = String(answer.headers['set-cookie'])
  t.ok(/^backer=[\w-]{43};/.test(cookie))
  for (const word of ['HttpOnly', 'SameSite=Strict', 'Path=/']) t.ok(cookie.includes(word), word)
  t.is((await stranger('GET', '/v1/status', { headers: { cookie: cookie.split(';')[0] ?? '' } })).status, 200)
})

test('a foreign host is refused, so that a name that was made to point here tells nothing', async t => {
  const { ask, port } = await makePage(t)
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    '127.0.0.1',
    `127.0.0.1:${port + 1}`,
    `localhost.evil.example:${port}`
  ])
    t.is((await ask('GET', '/v1/status', { headers: { host } })).status, 403, host)
  t.is((await ask('GET', '/', { headers: { host: 'evil.example' } })).status, 403)
  t.is(
    (await ask('GET', '/v1/status', { headers: { host: `localhost:${port}`, origin: `http://localhost:${port}` } }))
      .status,
    200
  )
})

test('another page can change nothing, although the browser sends the cookie', async t => {
  const { ask, at, daemon, port } = await makePage(t)
  for (const origin of ['http://evil.example', 'null', `http://127.0.0.1:${port + 1}`, `https://127.0.0.1:${port}`]) {
    t.is((await ask('PATCH', at, { headers: { origin }, body: { paused: true } })).status, 403, origin)
    t.is((await ask('GET', '/v1/status', { headers: { origin } })).status, 403, origin)
  }
  t.absent(daemon.folders[0]?.isPaused)
})

test('the page comes with a policy that lets it load and do nothing else', async t => {
  const { stranger, port } = await makePage(t)
  const page = await stranger('GET', '/')
  t.is(page.status, 200)
  t.ok(page.body.includes('<div id="app">'))
  const policy = String(page.headers['content-security-policy'])
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
    t.ok(policy.includes(part), part)
  t.absent(policy.includes('unsafe'))
  t.is(page.headers['x-content-type-options'], 'nosniff')
  const script = /src="\.(\/assets\/[^"]+\.js)"/.exec(page.body)?.[1] ?? ''
  t.is((await stranger('GET', script)).status, 200)
  for (const path of ['/../package.json', '/%2e%2e/package.json', '/assets/..%2f..%2flib/index.js', '//etc/passwd'])
    t.ok((await stranger('GET', path)).status >= 400, path)
  t.is((await stranger('POST', '/', { headers: { origin: `http://127.0.0.1:${port}` } })).status, 403)
})

test('what is off its schema or over its limit is refused, and nothing changes', async t => {
  const { ask, at, docs } = await makePage(t)
  t.is((await ask('PATCH', at, { body: { paused: 'maybe' } })).status, 400)
  t.is((await ask('PATCH', at, { body: '{ this is no JSON' })).status, 400)
  t.is((await ask('PUT', `${at}/ignore`, { body: { text: 'x'.repeat(300_000) } })).status, 400)
  const large = await ask('PUT', `${at}/ignore`, { body: { text: 'x'.repeat(2_000_000) } })
  t.alike([large.status, large.json()['name']], [413, 'LIMIT'])
  t.is((await ask('GET', `${at}/files?path=../..`)).status, 400)
  t.is((await ask('GET', `${at}/content?path=..%2fhome%2fdevice.key`)).status, 400)
  t.is((await ask('GET', `${at}/content?path=missing`)).status, 404)
  t.is((await ask('GET', '/v1/folders/nothing/files')).status, 404)
  await t.exception(() => stat(join(docs, '.backerignore')), /ENOENT/)
})

test('the page is for this machine only', async t => {
  const { port } = await makePage(t)
  const reached = (host: string): Promise<boolean> =>
    new Promise(resolve => {
      const socket = connect({ host, port })
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      t.teardown(() => socket.destroy())
    })
  t.ok(await reached('127.0.0.1'))
  const others = Object.values(networkInterfaces()).flatMap(found => found ?? [])
  for (const host of ['127.0.0.2', ...others.filter(({ internal }) => !internal).map(({ address }) => address)])
    t.absent(await reached(host), host)
})

test('what is refused is written to the log, once, without what it carried', async t => {
  const { stranger, ask, at, home, daemon } = await makePage(t)
  await stranger('GET', '/v1/status?secret=of-the-question', { headers: { cookie: 'backer=of-the-cookie' } })
  await ask('PATCH', at, { body: { paused: 'of-the-body' } })
  await daemon.close()
  const log = await readFile(join(home, 'backer.log'), 'utf8')
  const refused = log.split('\n').filter(line => line.includes('refused'))
  t.alike(
    refused.map(line => (JSON.parse(line) as { path: string }).path),
    ['/v1/status', at]
  )
  for (const secret of ['of-the-question', 'of-the-cookie', 'of-the-body']) t.absent(log.includes(secret), secret)
})

test('what runs commands is not set from the page', async t => {
  const { ask, daemon } = await makePage(t)
  const body = { settings: { 'hook.conflict': 'touch owned' } }
  t.is((await ask('PATCH', '/v1/settings', { body })).status, 403)
  t.is(daemon.settings['hook.conflict'], undefined)
  t.is((await ask('PATCH', '/v1/settings', { body: { settings: { 'alarm-days': '9' } } })).status, 200)
})

test("only this user's own directories can be chosen from", async t => {
  const { ask } = await makePage(t)
  const own = await ask('GET', '/v1/directories')
  t.is(own.status, 200)
  t.is(own.json()['parent'], undefined)
  for (const path of ['/', '/etc', `${homedir()}/..`, `${homedir()}-other`])
    t.is((await ask('GET', `/v1/directories?path=${encodeURIComponent(path)}`)).status, 403, path)
  t.is(
    (await ask('GET', `/v1/directories?path=${encodeURIComponent(join(homedir(), 'there is no such directory'))}`))
      .status,
    404
  )
})

test('a folder is looked into, renamed, paused, resumed and left by requests', async t => {
  const { ask, at, docs, daemon, id } = await makePage(t)
  await mkdir(join(docs, 'sub'))
  await writeFile(join(docs, 'a.txt'), 'hello <b>&')
  await writeFile(join(docs, 'b.bin'), Buffer.from([0, 1, 2]))
  await symlink('a.txt', join(docs, 'link'))
  await until('they are seen', async () => (await ask('GET', `${at}/files`)).body.includes('link'))
  const entries = (await ask('GET', `${at}/files`)).json()['entries'] as { name: string; kind: string; state: string }[]
  t.alike(
    entries.map(({ name, kind, state }) => [name, kind, state]),
    [
      ['a.txt', 'file', 'synced'],
      ['b.bin', 'file', 'synced'],
      ['link', 'symlink', 'synced'],
      ['sub', 'directory', 'synced']
    ]
  )
  const page = (await ask('GET', `${at}/files?limit=2`)).json()
  t.is(page['next'], 'b.bin')
  t.is(((await ask('GET', `${at}/files?limit=2&after=b.bin`)).json()['entries'] as unknown[]).length, 2)
  t.is((await ask('GET', `${at}/content?path=a.txt`)).body, 'hello <b>&')
  t.is((await ask('GET', `${at}/content?path=b.bin`)).status, 415)

  const preview = (await ask('POST', `${at}/ignore/preview`, { body: { text: '*.bin\n[' } })).json()
  t.is(preview['count'], 1)
  t.alike(preview['sample'], ['b.bin'])
  t.is((preview['problems'] as unknown[]).length, 1)
  t.is((await ask('PUT', `${at}/ignore`, { body: { text: '*.bin\n' } })).status, 204)
  t.is(await readFile(join(docs, '.backerignore'), 'utf8'), '*.bin\n')
  t.is((await ask('GET', `${at}/ignore`)).json()['text'], '*.bin\n')

  const keys = (await ask('GET', `${at}/keys`)).json()['keys'] as { kind: string; key: string }[]
  t.alike(
    keys.map(({ kind, key }) => `${kind} ${key.slice(0, 10)}`),
    ['write backer-rw-', 'read backer-ro-']
  )
  t.is((await ask('PATCH', at, { body: { name: 'Papers' } })).json()['name'], 'Papers')
  t.ok((await ask('PATCH', at, { body: { paused: true } })).json()['paused'])
  t.ok((await ask('GET', '/v1/status')).body.includes('"paused":true'))
  t.is((await ask('GET', `${at}/files`)).status, 400, 'a paused folder says so')
  t.ok((await daemon.home.folder(id))?.paused, 'it is remembered')
  t.absent((await ask('PATCH', at, { body: { paused: false } })).json()['paused'])
  await writeFile(join(docs, 'later'), 'later')
  await until('it goes on', async () => (await ask('GET', `${at}/files`)).body.includes('later'))
  t.is((await ask('DELETE', at)).status, 204)
  t.is(daemon.folders.length, 0)
  t.is(await daemon.home.folder(id), undefined)
  t.is(await readFile(join(docs, 'later'), 'utf8'), 'later', 'the files stay')
})

test('the stream of events tells each folder as it changes', async t => {
  const { docs, port, token, id } = await makePage(t)
  const events: DaemonEvent[] = []
  const headers = { cookie: `backer=${token}`, accept: 'text/event-stream' }
  const asked = request({ port, host: '127.0.0.1', path: '/v1/events', headers }, response => {
    t.is(response.headers['content-type'], 'text/event-stream')
    let rest = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n\n')
      rest = parts.pop() ?? ''
      for (const part of parts) if (part.startsWith('data: ')) events.push(JSON.parse(part.slice(6)) as DaemonEvent)
    })
    response.on('error', () => undefined)
  })
  asked.on('error', () => undefined)
  asked.end()
  t.teardown(() => asked.destroy())
  await writeFile(join(docs, 'a.txt'), 'a')
  await until('its document says so', () =>
    events.some(event => event.type === 'folder' && event.folder === id && event.document.files === 1)
  )
  t.ok(events.some(event => event.type === 'item' && event.action === 'created'))
})

test('metrics and the description of the API are there', async t => {
  const { ask, id } = await makePage(t)
  const metrics = await ask('GET', '/metrics')
  t.ok(metrics.body.includes(`backer_folder_files{folder="${id}"} 0`))
  const description = (await ask('GET', '/openapi.json')).json()
  t.ok(Object.keys(description['paths'] as object).includes('/v1/folders/{id}/files'))
  t.is((await ask('GET', '/health')).json()['ok'], true)
})
