import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import test from 'brittle'
import { makeCliDevice } from '../make/cli.js'

test(
  'the demo shows a sync, an edit, a rename, a delete and a conflict, and leaves nothing behind',
  { timeout: 60_000 },
  async t => {
    const device = await makeCliDevice(t)
    const before = (await readdir(tmpdir())).filter(name => name.startsWith('backer-demo-'))
    const ended = await device.run(['demo'])
    t.is(ended.code, 0, ended.stderr)
    for (const word of ['An edit', 'A rename', 'A delete', 'plan.txt', 'All of it arrived'])
      t.ok(ended.stdout.includes(word), word)
    const after = (await readdir(tmpdir())).filter(name => name.startsWith('backer-demo-'))
    t.alike(after, before)
  }
)
