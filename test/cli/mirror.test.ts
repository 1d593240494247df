import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type Test } from 'brittle'
import { documentOf, makeCliPair, shareDocs, type CliDevice } from '../make/cli.js'

test(
  'share and join mirror a folder; wait, status, peers and key tell of it; signals end it well',
  { timeout: 60_000 },
  async t => {
    const [here, there] = await makeCliPair(t)
    const { running: sharing, key } = await shareDocs(here)
    t.is(sharing.stdout, `${key}\n`, 'the key is alone on stdout')
    t.ok(sharing.stderr.includes('backer join'))

    const joining = there.start(['join', '--foreground', '-', 'mirror', '--json'], { input: `${key}\n` })
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

test('a folder whose marker is gone stops, says why, and nothing is deleted', { timeout: 60_000 }, async t => {
  const [here, there] = await makeCliPair(t)
  const { running: sharing, key } = await shareDocs(here)
  const joining = there.start(['join', '--foreground', key, 'mirror'])
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

test('a reader gets what a writer has, and the writer nothing of the reader’s', { timeout: 60_000 }, async t => {
  const [here, there] = await makeCliPair(t)
  const { running: sharing } = await shareDocs(here)
  const readKey = (await here.run(['key', '--read-only'])).stdout
  const joining = there.start(['join', '--foreground', '-', 'mirror'], { input: readKey })
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
