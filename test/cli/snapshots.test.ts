import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import test from 'brittle'
import { until } from '../make/backers.js'
import { documentOf, KEY, makeCliDevice } from '../make/cli.js'

test(
  'snapshots are made, listed, compared, looked into and restored by command, on one device alone with --keep-local',
  { timeout: 120_000 },
  async t => {
    const device = await makeCliDevice(t)
    await mkdir(device.at('docs', 'sub'), { recursive: true })
    await writeFile(device.at('docs', 'sub', 'a.txt'), 'first')
    await writeFile(device.at('docs', 'b.txt'), 'b')
    const running = device.start(['share', '--foreground', '--keep-local', 'docs'])
    await running.says(KEY)
    t.is((await device.run(['wait', '--peers', '0'])).code, 0)
    t.is((await device.run(['keep-local'])).stdout, 'docs: on\n')
    t.is((await device.run(['keep-local', 'perhaps'])).code, 2)

    const heldBytes = async (): Promise<number> =>
      Number((await documentOf(device, 'revisions', '--tidy'))['heldBytes'])
    await until('copies of both are held', async () => (await heldBytes()) >= 'first'.length + 'b'.length)
    const created = await device.run(['snapshots', 'create', 'docs', '--pin'])
    t.is(created.code, 0, created.stderr)
    const id = created.stdout.trim()
    await writeFile(device.at('docs', 'sub', 'a.txt'), 'second time')
    await rm(device.at('docs', 'b.txt'))
    await writeFile(device.at('docs', 'c.txt'), 'c')
    t.is((await device.run(['wait', '--peers', '0'])).code, 0)

    const listed = (await documentOf(device, 'snapshots'))['snapshots'] as {
      id: string
      pinned: boolean
      kind: string
    }[]
    t.alike(
      listed.map(one => [one.id, one.pinned, one.kind]),
      [[id, true, 'manual']]
    )
    t.ok((await device.run(['snapshots'])).stdout.includes(`${id}  `))
    const diff = await device.run(['snapshots', 'diff', id])
    t.is(diff.stdout, '-  b.txt      1 B\n+  c.txt      1 B\n~  sub/a.txt  5 B -> 11 B\n')
    t.ok((await device.run(['ls', 'docs', '--at', id])).stdout.includes('b.txt'))
    t.absent((await device.run(['ls', 'docs'])).stdout.includes('b.txt'))
    const was = await documentOf(device, 'ls', 'docs/sub', '--at', '0 seconds ago')
    t.alike(
      (was['entries'] as { name: string; size: number }[]).map(({ name, size }) => [name, size]),
      [['a.txt', 5]]
    )
    t.is((await device.run(['ls', 'docs', '--at', '2 hours ago'])).code, 7)
    t.is((await device.run(['ls', 'docs', '--at', 'no time'])).code, 2)
    t.is((await device.run(['ls', 'docs/nothing', '--at', id])).code, 7)

    const planned = await documentOf(device, 'restore', 'docs', '--at', id, '--dry-run')
    t.alike([planned['restored'], planned['unchanged'], planned['sample']], [2, 1, ['b.txt', 'sub/a.txt']])
    t.is((await device.run(['restore', 'docs', '--at', id])).code, 2, 'there is nobody to ask')
    const aside = await device.run(['restore', 'docs/sub', '--at', id, '--to', 'out'])
    t.is(aside.code, 0, aside.stderr)
    t.is(await readFile(device.at('out', 'sub', 'a.txt'), 'utf8'), 'first')
    const restored = await documentOf(device, 'restore', 'docs', '--at', id, '--yes')
    t.alike([restored['restored'], restored['failedCount']], [2, 0])
    t.is(await readFile(device.at('docs', 'sub', 'a.txt'), 'utf8'), 'first')
    t.is(await readFile(device.at('docs', 'c.txt'), 'utf8'), 'c')
    t.is((await device.run(['wait', '--peers', '0'])).code, 0)

    const [version] = (await documentOf(device, 'revisions', 'docs/sub/a.txt'))['revisions'] as { id: string }[]
    t.is((await device.run(['revisions', 'docs/sub/a.txt', '--pin', version?.id ?? ''])).code, 0)
    t.ok((await device.run(['revisions', 'docs/sub/a.txt'])).stdout.includes('pinned'))
    t.is((await device.run(['snapshots', 'unpin', id])).code, 0)
    t.is((await device.run(['snapshots', 'remove', id])).code, 0)
    t.is((await device.run(['snapshots', 'remove', id])).code, 7)
    t.is((await device.run(['snapshots', 'pin'])).code, 2)
    t.is((await device.run(['keep-local', 'off'])).stdout, 'docs: off\n')
    t.is(await heldBytes(), 0)
  }
)
