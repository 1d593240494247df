import { mkdir, readFile, writeFile } from 'node:fs/promises'
import test from 'brittle'
import { documentOf, makeCliDevice, shareDocs } from '../make/cli.js'

test('revisions are listed and restored by command, into the folder or beside it', { timeout: 60_000 }, async t => {
  const device = await makeCliDevice(t)
  await shareDocs(device)
  t.is((await device.run(['wait', '--peers', '0'])).code, 0)
  await mkdir(device.at('docs', '.backer', 'revisions', 'sub'), { recursive: true })
  for (const [i, second] of ['01', '02'].entries())
    await writeFile(
      device.at('docs', '.backer', 'revisions', 'sub', `a~20260101-0000${second}~abcdef.txt`),
      `text ${i}`
    )
  const path = device.at('docs', 'sub', 'a.txt')

  const shown = await device.run(['revisions', path])
  t.is(shown.code, 0, shown.stderr)
  t.alike(
    shown.stdout.split('\n').map(line => line.split('  ')[0]),
    ['20260101-000002-abcdef', '20260101-000001-abcdef', '']
  )
  t.is((await device.run(['revisions', device.at('docs', 'never')])).code, 7)
  t.is((await device.run(['revisions', device.at('elsewhere')])).code, 7)

  const planned = await documentOf(device, 'restore', path, '--dry-run')
  t.alike([planned['restored'], planned['sample']], [1, ['sub/a.txt']])
  const restored = await device.run(['restore', path, '--revision', '20260101-000001-abcdef'])
  t.is(restored.code, 0, restored.stderr)
  t.is(await readFile(path, 'utf8'), 'text 0')
  t.is((await device.run(['restore', path, '--at', 'no time'])).code, 2)
  t.is((await device.run(['restore', path, '--revision', 'none'])).code, 7)
  const aside = await documentOf(device, 'restore', path, '--to', device.at('out'))
  t.is(aside['restored'], 1)
  t.is(await readFile(device.at('out', 'sub', 'a.txt'), 'utf8'), 'text 1')
  const tidied = await documentOf(device, 'revisions', '--tidy')
  t.alike([tidied['revisions'], tidied['damaged']], [2, []])
})
