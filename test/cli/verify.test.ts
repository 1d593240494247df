import test from 'brittle'
import { documentOf, makeCliDevice, shareDocs } from '../make/cli.js'

test('files are verified by command, and by a schedule that can be changed', { timeout: 60_000 }, async t => {
  const device = await makeCliDevice(t)
  await shareDocs(device)
  t.is((await device.run(['wait', '--peers', '0'])).code, 0)
  const done = await device.run(['verify'])
  t.is(done.code, 0, done.stderr)
  t.ok(/^docs: 1 file read, 6 B\n {2}none is damaged/.test(done.stdout), done.stdout)
  const document = await documentOf(device, 'verify', '--sample', '100%', '--max-time', '60', '--anew')
  const [folder] = document['folders'] as Record<string, unknown>[]
  t.alike([document['type'], folder?.['files'], folder?.['damaged'], folder?.['isComplete']], ['summary', 1, 0, true])
  t.is((await device.run(['verify', '--every', '7', '--rate', '2M', '--pause'])).code, 0)
  const shown = await documentOf(device, 'verify', '--show')
  const [status] = shown['folders'] as Record<string, unknown>[]
  t.alike(
    [
      status?.['everyDays'],
      status?.['bytesPerSecond'],
      status?.['isPaused'],
      status?.['damaged'],
      status?.['putAside']
    ],
    [7, 2_000_000, true, 0, { count: 0, files: [] }]
  )
  t.ok(/^\d{4}-/.test(String(status?.['lastEnded'])))
  t.is((await device.run(['verify', '--sample', '0%'])).code, 2)
  t.is((await device.run(['verify', '--accept', device.at('docs', 'hello.txt')])).code, 7, 'it is not damaged')
  t.is((await device.run(['verify', 'elsewhere'])).code, 7)
})
