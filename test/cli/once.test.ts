import { readFile, writeFile } from 'node:fs/promises'
import test from 'brittle'
import { KEY, makeCliPair, shareDocs } from '../make/cli.js'

test('join --once mirrors and ends; a later one finds nobody', { timeout: 60_000 }, async t => {
  const [here, there] = await makeCliPair(t)
  const { running: sharing, key } = await shareDocs(here)
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
  const { running, key } = await shareDocs(here)
  await running.stop()
  const again = here.start(['share', '--foreground', 'docs'])
  t.is((await again.says(KEY))[0], key)
  await again.stop()
  const inside = here.start(['share', '--foreground'], { cwd: here.at('docs') })
  t.is((await inside.says(KEY))[0], key)
  await inside.stop()
})

test(
  'a key in argv is gone from the list of processes',
  { skip: process.platform !== 'linux', timeout: 60_000 },
  async t => {
    const [here, there] = await makeCliPair(t)
    const { running: sharing, key } = await shareDocs(here)
    const joining = there.start(['join', '--foreground', key, 'mirror', '--json'])
    await joining.says(/"type":"ready"/)
    t.absent((await readFile(`/proc/${joining.pid}/cmdline`, 'utf8')).includes(key.slice(0, 30)))
    await Promise.all([joining.stop(), sharing.stop()])
  }
)
