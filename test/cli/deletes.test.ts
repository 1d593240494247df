import { rename, rm } from 'node:fs/promises'
import test from 'brittle'
import { until } from '../make/backers.js'
import { documentOf, makeCliDevice, makeCliPair, shareDocs, type CliDevice } from '../make/cli.js'
import { readTree, writeTree } from '../make/tree.js'

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

/** Everything goes from a device's folder, most of it at one go: what goes bit by bit is a few deletes at first, which are not held. */
async function removeAll(device: CliDevice, name: string): Promise<void> {
  await rename(device.at('docs/sub'), device.at(`${name}-sub`))
  await rename(device.at('docs/hello.txt'), device.at(`${name}-hello`))
}

test(
  'everything in a folder is deleted on one of three devices: nothing is lost, it is told at once, and one command brings it back everywhere',
  { timeout: 170_000 },
  async t => {
    const [a, b] = await makeCliPair(t)
    const c = await a.beside(t)
    const { key } = await shareDocs(a)
    const devices = [a, b, c]
    await writeTree(
      a.root,
      Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`docs/sub/${i}`, `content ${i}`]))
    )
    for (const device of [b, c])
      await device.start(['join', '--foreground', '-', 'docs'], { input: key }).says(/Joined/, 'stderr')
    const shown = (device: CliDevice): Promise<string[]> => readTree(device.at('docs'))
    const before = await shown(a)
    const all = async (tree: readonly string[]): Promise<boolean> =>
      (await Promise.all(devices.map(shown))).every(lines => lines.join() === tree.join())
    await until('all have it', () => all(before))
    t.is((await a.run(['wait', '--peers', '2', '--timeout', '30'])).code, 0)
    const held = async (device: CliDevice): Promise<boolean> => (await device.run(['deletes'])).code === 8

    await removeAll(a, 'first')
    t.is((await a.run(['wait', '--peers', '0', '--timeout', '30'])).code, 8, 'it is told as soon as it is seen')
    const told = async (): Promise<string> => (await a.run(['status'])).stdout
    await until('all of it is told', async () => (await told()).includes('HELD: 122 items gone from this device'))
    t.alike([await shown(b), await shown(c)], [before, before], 'nothing is gone elsewhere')
    t.is((await a.run(['deletes', 'reject'])).code, 0)
    await until('all is back', () => all(before))

    await removeAll(a, 'second')
    await until('held', () => held(a))
    t.is((await a.run(['deletes', 'accept', '--yes'])).code, 0)
    await until('the others ask for themselves', async () => (await held(b)) && (await held(c)))
    t.alike([await shown(b), await shown(c)], [before, before], 'nothing is gone there')
    t.is((await b.run(['deletes', 'reject'])).code, 0)
    await until('all is back everywhere', () => all(before))
    await until('nobody asks any more', async () => !(await held(c)))
  }
)
