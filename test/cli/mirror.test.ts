import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { takeLock } from '../../lib/home/lock.js'
import { makeCliPair, type CliDevice, type RunningCli } from '../make/cli.js'

const KEY = /^backer-rw-[a-z0-9]+$/m

/** A device that shares `docs` with one file, and its key. */
async function share(device: CliDevice): Promise<{ running: RunningCli; key: string }> {
  await mkdir(device.at('docs'))
  await writeFile(device.at('docs', 'hello.txt'), 'hello\n')
  const running = device.start(['share', 'docs'])
  const [key] = await running.says(KEY)
  return { running, key }
}

async function documentOf(device: CliDevice, ...args: string[]): Promise<Record<string, unknown>> {
  const ended = await device.run([...args, '--json'])
  if (ended.code !== 0) throw new Error(`${args.join(' ')}: ${String(ended.code)} ${ended.stderr}`)
  return JSON.parse(ended.stdout) as Record<string, unknown>
}

test(
  'share and join mirror a folder; wait, status, peers and key tell of it; signals end it well',
  { timeout: 60_000 },
  async t => {
    const [here, there] = await makeCliPair(t)
    const { running: sharing, key } = await share(here)
    t.is(sharing.stdout, `${key}\n`, 'the key is alone on stdout')
    t.ok(sharing.stderr.includes('backer join'))

    const joining = there.start(['join', '-', 'mirror', '--json'], { input: `${key}\n` })
    await joining.says(/"type":"ready"/)
    t.is((await there.run(['wait', '--timeout', '30'])).code, 0)
    t.is((await here.run(['wait', 'docs', '--timeout', '30'])).code, 0)
    t.is(await readFile(there.at('mirror', 'hello.txt'), 'utf8'), 'hello\n')

    await writeFile(there.at('mirror', 'back.txt'), 'and back\n')
    t.is((await there.run(['wait', '--timeout', '30'], { cwd: there.at('mirror') })).code, 0)
    t.is(await readFile(here.at('docs', 'back.txt'), 'utf8'), 'and back\n', 'wait counts what was written before it')

    await checkStatus(t, here)
    t.is((await here.run(['key'])).stdout, `${key}\n`)
    t.ok((await here.run(['key', '--read-only'])).stdout.startsWith('backer-ro-'))
    t.ok((await here.run(['key', 'docs', '--store-only'])).stdout.startsWith('backer-st-'))
    t.is((await there.run(['wait', '--peers', '2', '--timeout', '0.3'])).code, 4)
    t.is((await there.run(['wait', '--peers', '0', '--timeout', '30'])).code, 0)
    t.is((await there.run(['status', 'nothing'])).code, 7)

    t.is((await joining.stop('SIGTERM')).code, 0)
    checkLines(t, joining.stdout, key)
    t.is((await sharing.stop('SIGINT')).code, 0)
    t.is((await here.run(['status'])).code, 5)
  }
)

async function checkStatus(t: Test, device: CliDevice): Promise<void> {
  const status = await documentOf(device, 'status')
  const [folder] = status['folders'] as Record<string, unknown>[]
  t.is(status['schema'], 1)
  t.is(folder?.['name'], 'docs')
  t.is(folder?.['state'], 'in-sync')
  t.is(folder?.['files'], 2)
  t.is(folder?.['bytes'], 'hello\nand back\n'.length)
  const { peers } = (await documentOf(device, 'peers')) as { peers: Record<string, unknown>[] }
  t.is(peers.length, 1)
  t.is(peers[0]?.['inSync'], true)
  t.ok(/^\d{4}-\d\d-\d\dT.*Z$/.test(String(peers[0]?.['connectedAt'])))
  const text = await device.run(['status'])
  t.ok(/docs {2}in sync {2}2 files, 15 B/.test(text.stdout), text.stdout)
}

/** Every line is a document of a known type, and the first one says what is ready. */
function checkLines(t: Test, stdout: string, key: string): void {
  const types = new Set(['ready', 'peer', 'progress', 'item', 'problem', 'insync', 'summary', 'error'])
  const lines = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  t.alike(
    lines.map(line => line['type']).filter(type => !types.has(String(type))),
    []
  )
  const ready = lines.find(line => line['type'] === 'ready')
  t.is(ready?.['key'], key)
  t.ok(String(ready?.['path']).endsWith('/mirror'))
  t.ok(lines.some(line => line['type'] === 'peer' && line['event'] === 'connected'))
  t.ok(lines.some(line => line['type'] === 'item' && line['path'] === 'hello.txt' && line['origin'] === 'remote'))
  t.ok(lines.some(line => line['type'] === 'insync'))
}

test('join --once mirrors and ends; a later one finds nobody', { timeout: 60_000 }, async t => {
  const [here, there] = await makeCliPair(t)
  const { running: sharing, key } = await share(here)
  await writeFile(there.at('key'), key)
  const once = await there.run(['join', '--once', '--key-file', 'key', 'mirror', '--json'])
  t.is(once.code, 0, once.stderr)
  const summary = JSON.parse(once.stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>
  t.alike([summary['type'], summary['files'], summary['problemCount']], ['summary', 1, 0])
  t.is(await readFile(there.at('mirror', 'hello.txt'), 'utf8'), 'hello\n')

  t.is((await sharing.stop()).code, 0)
  const alone = await there.run(['join', '--once', '--timeout', '1', 'mirror'])
  t.is(alone.code, 6, alone.stderr)
  t.ok(alone.stderr.includes('no other device'))
})

test('a directory that was shared before keeps its key', { timeout: 60_000 }, async t => {
  const [here] = await makeCliPair(t)
  const { running, key } = await share(here)
  await running.stop()
  const again = here.start(['share', 'docs'])
  t.is((await again.says(KEY))[0], key)
  await again.stop()
  const inside = here.start(['share'], { cwd: here.at('docs') })
  t.is((await inside.says(KEY))[0], key)
  await inside.stop()
})

test('a second command hands its folder to the process that runs already', { timeout: 60_000 }, async t => {
  const [here, there] = await makeCliPair(t)
  const { running } = await share(here)
  await mkdir(here.at('more'))
  const second = await here.run(['share', 'more', '--name', 'Other'])
  t.is(second.code, 0, second.stderr)
  const key = KEY.exec(second.stdout)?.[0] ?? ''
  t.is(second.stdout, `${key}\n`)
  const { folders } = (await documentOf(here, 'status')) as { folders: { name: string }[] }
  t.alike(
    folders.map(folder => folder.name),
    ['docs', 'Other']
  )
  t.is((await here.run(['key', 'Other'])).stdout, `${key}\n`)
  t.is((await here.run(['key'])).code, 2, 'two folders: which one?')

  await writeFile(here.at('more', 'a'), 'a')
  t.is((await there.run(['join', '--once', key, 'mirror'])).code, 0)
  t.is(await readFile(there.at('mirror', 'a'), 'utf8'), 'a')
  t.is((await here.run(['join', key, 'elsewhere'])).code, 2, 'one copy of a folder on each device')
  t.is((await running.stop()).code, 0)
})

test('a process that was killed leaves nothing that stands in the way', { timeout: 60_000 }, async t => {
  const [here] = await makeCliPair(t)
  const { running, key } = await share(here)
  await running.stop('SIGKILL')
  const again = here.start(['share', 'docs'])
  t.is((await here.run(['wait', '--peers', '0', '--timeout', '30'])).code, 0, 'wait gives a process time to start')
  t.is((await again.says(KEY))[0], key)
  t.is((await again.stop()).code, 0)
})

test(
  'a key in argv is gone from the list of processes',
  { skip: process.platform !== 'linux', timeout: 60_000 },
  async t => {
    const [here, there] = await makeCliPair(t)
    const { running: sharing, key } = await share(here)
    const joining = there.start(['join', key, 'mirror', '--json'])
    await joining.says(/"type":"ready"/)
    t.absent((await readFile(`/proc/${joining.pid}/cmdline`, 'utf8')).includes(key.slice(0, 30)))
    await Promise.all([joining.stop(), sharing.stop()])
  }
)

test('a folder whose marker is gone stops, says why, and nothing is deleted', { timeout: 60_000 }, async t => {
  const [here, there] = await makeCliPair(t)
  const { running: sharing, key } = await share(here)
  const joining = there.start(['join', key, 'mirror'])
  t.is((await there.run(['wait', '--timeout', '30'])).code, 0)
  await rm(here.at('docs', '.backer', 'marker'))
  await rm(here.at('docs', 'hello.txt'))
  const waited = await here.run(['wait', '--timeout', '30', '--json'])
  t.is(waited.code, 1)
  t.is((JSON.parse(waited.stderr) as { name: string }).name, 'MARKER')
  t.ok((await here.run(['status'])).stdout.includes('STOPPED'))
  t.ok(await stat(join(there.at('mirror'), 'hello.txt')))
  await Promise.all([joining.stop(), sharing.stop()])
})

test(
  'a home that is held by a process that does not answer is refused, naming the process',
  { timeout: 60_000 },
  async t => {
    const [here] = await makeCliPair(t)
    await mkdir(here.at('docs'))
    const lock = await takeLock(here.at('..', 'home', 'lock'))
    t.teardown(() => lock.release(), { order: -1 })
    const ended = await here.run(['share', 'docs', '--json'])
    const error = JSON.parse(ended.stderr) as { name: string; message: string }
    t.is(ended.code, 1)
    t.is(error.name, 'LOCKED')
    t.ok(error.message.includes(String(process.pid)))
    t.alike(await readdir(here.at('docs')), [])
  }
)

test('a reader gets what a writer has, and the writer nothing of the reader’s', { timeout: 60_000 }, async t => {
  const [here, there] = await makeCliPair(t)
  const { running: sharing } = await share(here)
  const readKey = (await here.run(['key', '--read-only'])).stdout
  const joining = there.start(['join', '-', 'mirror'], { input: readKey })
  t.is((await there.run(['wait', '--timeout', '30'])).code, 0)
  t.is(await readFile(there.at('mirror', 'hello.txt'), 'utf8'), 'hello\n')
  t.is((await there.run(['key'])).stdout, readKey)
  t.is((await there.run(['key', '--write'])).code, 10)
  await writeFile(there.at('mirror', 'mine.txt'), 'mine')
  t.is((await there.run(['wait', '--timeout', '1'])).code, 4)
  t.is((await here.run(['wait', '--peers', '0', '--timeout', '30'])).code, 0)
  t.alike((await readdir(here.at('docs'))).sort(), ['.backer', 'hello.txt'])
  await Promise.all([joining.stop(), sharing.stop()])
})
