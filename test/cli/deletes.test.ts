import { rm } from 'node:fs/promises'
import test from 'brittle'
import { documentOf, makeCliDevice, shareDocs } from '../make/cli.js'
import { writeTree } from '../make/tree.js'

test(
  'held deletes show in status, wait and deletes, and are carried out only on request',
  { timeout: 60_000 },
  async t => {
    const device = await makeCliDevice(t)
    await shareDocs(device)
    await writeTree(device.root, Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`docs/many/${i}`, `${i}`])))
    t.is((await device.run(['wait', '--peers', '0'])).code, 0)
    t.is((await device.run(['deletes'])).code, 0)
    await rm(device.at('docs', 'many'), { recursive: true })

    const waited = await device.run(['wait', '--peers', '0'])
    t.is(waited.code, 8)
    t.ok(waited.stderr.includes('backer deletes'), waited.stderr)
    const shown = await device.run(['deletes'])
    t.is(shown.code, 8)
    t.ok(shown.stdout.startsWith('docs: 102 items gone from this device\n  many'), shown.stdout)
    t.ok((await device.run(['status'])).stdout.includes('HELD: 102 items gone from this device'))

    t.is((await device.run(['deletes', 'perhaps', 'docs'])).code, 2)
    t.is((await device.run(['deletes', 'accept'])).code, 2, 'there is nobody to ask')
    t.is((await device.run(['deletes', 'accept', '--dry-run'])).code, 8)
    const [before] = (await documentOf(device, 'status'))['folders'] as { files: number }[]
    t.is(before?.files, 102)
    t.alike(await documentOf(device, 'deletes', 'accept', '--yes'), { schema: 1, action: 'accept', count: 102 })
    t.is((await device.run(['wait', '--peers', '0'])).code, 0)
    const [after] = (await documentOf(device, 'status'))['folders'] as { files: number }[]
    t.is(after?.files, 1)
  }
)
