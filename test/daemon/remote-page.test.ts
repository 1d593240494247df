import { X509Certificate } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { request as plainRequest } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test, { type Test } from 'brittle'
import { isBackerError } from '../../lib/core/error.js'
import { makeCertificate } from '../../lib/daemon/api/certificate.js'
import { Tries } from '../../lib/daemon/api/tries.js'
import { parseListen } from '../../lib/daemon/config.js'
import { Daemon } from '../../lib/daemon/daemon.js'
import { isPassword, readPassword, removePassword, setPassword } from '../../lib/daemon/page-password.js'
import { runDhtNode } from '../../lib/net/dht-node.js'
import { makeTemporary } from '../make/temporary.js'

const PASSWORD = 'correct horse, ünd so weiter'
/** Not the address at which the page for this machine is. */
const ADDRESS = '127.0.0.2'
const DAY_MS = 24 * 3600 * 1000

interface Answer {
  readonly status: number
  readonly cookie: string
  readonly body: string
}
type Ask = (
  method: string,
  path: string,
  options?: { headers?: Record<string, string>; body?: unknown }
) => Promise<Answer>

/** A daemon whose page is open to other machines, as far as it lets itself be opened. */
async function makeRemote(t: Test, { password = PASSWORD, ...files }: RemoteOptions = {}) {
  const root = await makeTemporary(t)
  const [home, docs] = [join(root, 'home'), join(root, 'docs')]
  await mkdir(docs)
  if (password !== '') await setPassword(home, password)
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  t.teardown(() => node.close(), { order: 2 })
  const open = async (): Promise<Daemon> => {
    const pageListen = { address: ADDRESS, port: 0 }
    const daemon = await Daemon.open({
      home,
      bootstrap: [node],
      lan: false,
      pageListen,
      ...(await madeFiles(root, files))
    })
    t.teardown(() => daemon.close(), { order: 1 })
    return daemon
  }
  const daemon = await open()
  const folder = await daemon.add({ directory: docs, createDirectory: false })
  const { addresses = [], fingerprint = '' } = daemon.status().remotePage ?? {}
  const port = Number(new URL(addresses[0] ?? 'https://none:1').port)
  const token = new URL(daemon.status().page ?? '').hash.replace('#token=', '')
  return { daemon, open, home, port, fingerprint, token, ask: asker(port), at: `/v1/folders/${folder.id}` }
}

interface RemoteOptions {
  /** Empty: none. */
  readonly password?: string
  /** The certificate's and its key's PEM. */
  readonly pair?: readonly [string, string]
}

async function madeFiles(root: string, { pair }: RemoteOptions) {
  if (pair === undefined) return {}
  const [pageCertificate, pageKey] = [join(root, 'certificate.pem'), join(root, 'key.pem')]
  await Promise.all([writeFile(pageCertificate, pair[0]), writeFile(pageKey, pair[1])])
  return { pageCertificate, pageKey }
}

function asker(port: number, common: Readonly<Record<string, string>> = {}): Ask {
  return (method, path, { headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const type = body === undefined ? {} : { 'content-type': 'application/json' }
      const asked = request(
        { port, host: ADDRESS, method, path, rejectUnauthorized: false, headers: { ...common, ...type, ...headers } },
        response => {
          const cookie = String(response.headers['set-cookie'])
          text(response).then(found => resolve({ status: response.statusCode ?? 0, cookie, body: found }), reject)
        }
      )
      asked.on('error', reject)
      asked.end(body === undefined ? undefined : JSON.stringify(body))
    })
}

function enter(ask: Ask, password: string, headers: Record<string, string> = {}): Promise<Answer> {
  return ask('POST', '/v1/session', { body: { password }, headers })
}

/** Somebody who has given the password. */
async function entered(port: number): Promise<Ask> {
  const { cookie } = await enter(asker(port), PASSWORD)
  return asker(port, { cookie: cookie.split(';')[0] ?? '' })
}

test('without a password the page is opened to nobody, and says why', async t => {
  const { daemon } = await makeRemote(t, { password: '' })
  t.is(daemon.status().remotePage, undefined)
  const [notice] = await daemon.notices()
  t.is(notice?.code, 'PAGE')
  t.ok(notice?.message.includes('no password') === true && notice.hint.includes('backer password'), notice?.message)
  await t.exception(daemon.changeSettings({ 'page-listen': '0.0.0.0' }), /only with a password/)
  await t.exception(() => parseListen('page-listen', '127.0.0.1:8750'), /this machine alone/)
  for (const nonsense of ['everywhere', '0.0.0.0:0', '0.0.0.0:70000', '::1:8750:', 'example.org:8750'])
    await t.exception(() => parseListen('page-listen', nonsense), /page-listen/, nonsense)
  t.alike(parseListen('page-listen', '[2001:db8::1]:99'), { address: '2001:db8::1', port: 99 })
  t.alike(parseListen('page-listen', '::'), { address: '::', port: 8750 })
})

test('it speaks TLS only, with a certificate that is made once, and tells its fingerprint', async t => {
  const { port, fingerprint, home, daemon, open } = await makeRemote(t)
  t.is((await stat(join(home, 'page-tls.pem'))).mode & 0o777, 0o600)
  t.is((await stat(join(home, 'page-password'))).mode & 0o777, 0o600)
  t.absent((await readFile(join(home, 'page-password'), 'utf8')).includes('horse'))
  t.is(new X509Certificate(await readFile(join(home, 'page-tls.pem'))).fingerprint256, fingerprint)
  const answer = await asker(port)('GET', '/')
  t.is(answer.status, 200)
  t.ok(answer.body.includes('<div id="app">'))
  const plain = new Promise((resolve, reject) => {
    plainRequest({ port, host: ADDRESS, path: '/' }, resolve).on('error', reject).end()
  })
  await t.exception(plain, 'nothing without TLS')
  await daemon.close()
  t.is((await open()).status().remotePage?.fingerprint, fingerprint, 'it is kept')
})

test('without a session nothing is told or changed, whatever else somebody has', async t => {
  const { ask, port, token, at, daemon } = await makeRemote(t)
  for (const path of ['/v1/status', '/v1/events', `${at}/keys`, '/v1/directories', '/metrics', '/openapi.json'])
    t.is((await ask('GET', path)).status, 403, path)
  const withToken = asker(port, { cookie: `backer=${token}; __Host-backer=${token}`, authorization: `Bearer ${token}` })
  t.is((await withToken('GET', '/v1/status')).status, 403, "the token of this machine's own page")
  t.is((await withToken('POST', '/v1/session', { body: {} })).status, 400)
  t.is((await withToken('PATCH', at, { body: { paused: true } })).status, 403)
  t.absent(daemon.folders[0]?.isPaused)
})

test('the password opens a session, whose cookie only this host gets, over TLS', async t => {
  const { ask, port, token, at } = await makeRemote(t)
  t.is((await enter(ask, 'wrong horse')).status, 403)
  const { status, cookie } = await enter(ask, PASSWORD.normalize('NFD'))
  t.is(status, 204)
  t.ok(/^__Host-backer=[\w-]{43};/.test(cookie), cookie)
  for (const word of ['HttpOnly', 'Secure', 'SameSite=Strict', 'Path=/']) t.ok(cookie.includes(word), word)
  t.absent(cookie.includes('Domain'))
  const known = await entered(port)
  const told = await known('GET', '/v1/status')
  t.is(told.status, 200)
  t.absent(told.body.includes(token), "what opens this machine's own page is not told")
  t.is((await known('PATCH', at, { body: { name: 'Papers' } })).status, 200)
  for (const name of ['page-listen', 'page-key', 'hook.changed'])
    t.is((await known('PATCH', '/v1/settings', { body: { settings: { [name]: '/tmp/x' } } })).status, 403, name)
  t.is((await known('DELETE', '/v1/session')).status, 204)
  t.is((await known('GET', '/v1/status')).status, 403, 'it has ended')
})

test('foreign hosts and pages are refused, with the right password and with a session', async t => {
  const { ask, port } = await makeRemote(t)
  const known = await entered(port)
  for (const host of [`evil.example:${port}`, ADDRESS, `${ADDRESS}:${port + 1}`, `[${ADDRESS}]:${port}`]) {
    t.is((await known('GET', '/v1/status', { headers: { host } })).status, 403, host)
    t.is((await known('GET', '/', { headers: { host } })).status, 403, host)
  }
  for (const origin of [
    `http://${ADDRESS}:${port}`,
    'https://evil.example',
    'null',
    `https://${ADDRESS}:${port + 1}`
  ]) {
    t.is((await known('GET', '/v1/status', { headers: { origin } })).status, 403, origin)
    t.is((await enter(ask, PASSWORD, { origin })).status, 403, origin)
  }
  t.is((await known('GET', '/v1/status', { headers: { origin: `https://${ADDRESS}:${port}` } })).status, 200)
  t.is((await known('POST', '/')).status, 403)
})

test('a session ends when another password is set, and when there is none', async t => {
  const { port, home } = await makeRemote(t)
  const known = await entered(port)
  await setPassword(home, `${PASSWORD}!`)
  t.is((await known('GET', '/v1/status')).status, 403)
  t.is((await enter(asker(port), PASSWORD)).status, 403)
  await removePassword(home)
  t.is((await enter(asker(port), `${PASSWORD}!`)).status, 403)
})

test('passwords can be tried a few times only, the right one too', async t => {
  const { ask } = await makeRemote(t)
  for (let i = 0; i < 5; i++) t.is((await enter(ask, `wrong ${i}`)).status, 403)
  const refused = await enter(ask, PASSWORD)
  t.is(refused.status, 429)
  t.is((JSON.parse(refused.body) as { name: string }).name, 'THROTTLED')
})

test('tries come back with time, are counted for each network, and for all together', t => {
  let now = 0
  const tries = new Tries(() => now)
  const isRefused = (address: string): boolean => {
    try {
      tries.begin(address)
      return false
    } catch (error) {
      return isBackerError(error, 'THROTTLED')
    }
  }
  const countUntilRefused = (address: (i: number) => string): number => {
    let count = 0
    while (count < 1000 && !isRefused(address(count))) count++
    return count
  }
  t.is(
    countUntilRefused(i => `2001:db8:1:2::${i}`),
    5,
    'one network of IPv6'
  )
  t.ok(isRefused('2001:db8:1:2:ffff::1'))
  t.absent(isRefused('192.0.2.1'))
  tries.right('192.0.2.1')
  now += 30_000
  t.absent(isRefused('2001:db8:1:2::7'))
  t.ok(isRefused('2001:db8:1:2::7'))
  t.is(
    countUntilRefused(i => `198.51.100.${i}`),
    49,
    'all together'
  )
})

test('a password is kept as what scrypt makes of it; short ones are refused', async t => {
  const home = await makeTemporary(t)
  await t.exception(setPassword(home, 'seven77'), /at least 8/)
  await setPassword(home, PASSWORD)
  const first = await readPassword(home)
  await setPassword(home, PASSWORD)
  const second = await readPassword(home)
  t.not(first?.hash, second?.hash, 'another salt')
  if (second === undefined) throw new Error('none')
  t.ok(await isPassword(PASSWORD, second))
  t.absent(await isPassword(`${PASSWORD} `, second))
  t.absent(await isPassword('x'.repeat(2000), second))
})

test('a certificate of our own holds for its names and addresses; a given one is used, or refused', async t => {
  const nowMs = Date.UTC(2045, 5, 1)
  const pem = makeCertificate(['nas.example', '192.0.2.7', '2001:db8::7'], nowMs)
  const certificate = new X509Certificate(pem)
  t.ok(certificate.verify(certificate.publicKey))
  t.absent(certificate.ca)
  t.is(certificate.checkHost('nas.example'), 'nas.example')
  t.is(certificate.checkHost('other.example'), undefined)
  t.is(certificate.checkIP('192.0.2.7'), '192.0.2.7')
  t.ok(certificate.checkIP('2001:db8::7'))
  t.is(Math.round((Date.parse(certificate.validTo) - nowMs) / DAY_MS), 3650)

  const given = makeCertificate([ADDRESS], Date.now())
  const { fingerprint } = await makeRemote(t, { pair: [given, given] })
  t.is(fingerprint, new X509Certificate(given).fingerprint256)
  const { daemon } = await makeRemote(t, { pair: [given, makeCertificate(['other'], Date.now())] })
  t.is(daemon.status().remotePage, undefined)
  t.ok((await daemon.notices())[0]?.message.includes("certificate can't be used"))
})
