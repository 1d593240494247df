import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import test from 'brittle'
import { takeLock } from '../../lib/home/lock.js'
import { documentOf, KEY, makeCliPair, shareDocs } from '../make/cli.js'

test('a second command hands its folder to the process that runs already', { timeout: 60_000 }, async t => {
  const [here, there] = await makeCliPair(t)
  const { running } = await shareDocs(here)
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
  const { running, key } = await shareDocs(here)
  await running.stop('SIGKILL')
  const again = here.start(['share', '--foreground', 'docs'])
  t.is((await here.run(['wait', '--peers', '0', '--timeout', '30'])).code, 0, 'wait gives a process time to start')
  t.is((await again.says(KEY))[0], key)
  t.is((await again.stop()).code, 0)
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
