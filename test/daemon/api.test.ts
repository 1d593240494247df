import { mkdir, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { BackerError, isBackerError } from '../../lib/core/error.js'
import { Client } from '../../lib/cli/client.js'
import { Daemon } from '../../lib/daemon/daemon.js'
import { findSocket } from '../../lib/home/socket.js'
import { runDhtNode } from '../../lib/net/dht-node.js'
import { until } from '../make/backers.js'
import { makeTemporary } from '../make/temporary.js'

/** A process's daemon with one folder, `docs`, and a client that talks to it. */
async function makeDaemon(t: Test) {
  const root = await makeTemporary(t)
  const [home, docs] = [join(root, 'home'), join(root, 'docs')]
  await mkdir(docs)
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  t.teardown(() => node.close(), { order: 2 })
  const daemon = await Daemon.open({ home, bootstrap: [node], lan: false })
  t.teardown(() => daemon.close(), { order: 1 })
  await daemon.add({ directory: docs, createDirectory: false })
  return { daemon, client: new Client(home), docs, home, node }
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'fine',
    (error: unknown) => (isBackerError(error) ? error.code : String(error))
  )
}

test('the socket is for this user only', async t => {
  const { home } = await makeDaemon(t)
  t.is((await stat(await findSocket(home))).mode & 0o777, 0o600)
  t.is((await stat(home)).mode & 0o777, 0o700)
})

test('a client sees the folders, adds one, and waits for it', async t => {
  const { client, docs, daemon } = await makeDaemon(t)
  const status = await client.status()
  t.is(status.pid, process.pid)
  t.alike(
    status.folders.map(folder => folder.path),
    [docs]
  )
  const again = await client.add({ directory: docs, createDirectory: false })
  t.is(again.id, status.folders[0]?.id, 'a folder that runs already is found')
  t.is(daemon.folders.length, 1)
  await client.add({ directory: docs, createDirectory: false, lan: false })
  t.is((await daemon.home.folder(again.id))?.lan, false, 'all that is asked for is passed on')
  await client.add({ directory: docs, createDirectory: false, name: 'Papers', peers: ['127.0.0.1:9'] })
  t.is((await client.status()).folders[0]?.name, 'Papers')
  await until('the address is tried', async () => {
    const { targets = [] } = await client.network()
    return targets.some(({ address, fixed }) => address === '127.0.0.1:9' && fixed)
  })

  await writeFile(join(docs, 'a.txt'), 'a')
  const { done, folder } = await client.wait(again.id, { peers: 0, seconds: 20, rescan: true })
  t.ok(done)
  t.is(folder.files, 1)
  t.is((await client.wait(again.id, { peers: 1, seconds: 0.1, rescan: false })).done, false)
})

test('what is refused keeps its code', async t => {
  const { client, docs } = await makeDaemon(t)
  const status = await client.status()
  t.is(await codeOf(client.folder('nothing')), 'NO_FOLDER')
  t.is(await codeOf(client.add({ directory: join(docs, '..', 'missing'), createDirectory: false })), 'NOT_A_DIRECTORY')
  t.is(await codeOf(client.add({ directory: docs, key: 'backer-rw-y', createDirectory: false })), 'KEY_LENGTH')
  t.is(await codeOf(client.add({ directory: '', createDirectory: false })), 'USAGE')
  t.is(await codeOf(client.wait(status.folders[0]?.id ?? '', { peers: -1, seconds: 1, rescan: false })), 'USAGE')
  t.is(await codeOf(Daemon.open({ home: join(docs, '..', 'home'), bootstrap: undefined, lan: false })), 'LOCKED')
})

test('events come as lines until the client leaves', async t => {
  const { home, docs, client, daemon } = await makeDaemon(t)
  const lines: Record<string, unknown>[] = []
  const socketPath = await findSocket(home)
  const asked = request({ socketPath, path: '/v1/events' }, response => {
    const reader = createInterface(response)
    reader.on('line', line => lines.push(JSON.parse(line) as Record<string, unknown>))
    reader.on('error', () => undefined)
  })
  asked.on('error', () => undefined)
  asked.end()
  await new Promise(resolve => asked.once('response', resolve))
  await writeFile(join(docs, 'b.txt'), 'b')
  await client.wait(daemon.folders[0]?.id ?? '', { peers: 0, seconds: 20, rescan: true })
  const item = lines.find(line => line['type'] === 'item')
  t.alike([item?.['path'], item?.['action'], item?.['origin']], ['b.txt', 'created', 'local'])
  asked.destroy()
})

test('a folder whose index fails is opened again by itself', async t => {
  const { daemon, client } = await makeDaemon(t)
  const before = daemon.folders[0]?.backer
  before?.emit('error', new BackerError('STORE_CORRUPT', 'the index is damaged'))
  await until('it is another one', () => daemon.folders.length === 1 && daemon.folders[0]?.backer !== before)
  t.is((await client.status()).folders[0]?.error, undefined)
})

test('after it is closed the home is free, and nobody answers', async t => {
  const { daemon, client, home, docs, node } = await makeDaemon(t)
  await daemon.close()
  t.is(await codeOf(client.status()), 'NOT_RUNNING')
  const next = await Daemon.open({ home, bootstrap: [node], lan: false })
  t.is((await next.add({ directory: docs, createDirectory: false })).path, docs)
  await next.close()
})
