import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { until } from '../make/backers.js'
import { look, makeMirror, makeTwo, show, violations, type Device } from './devices.js'

/** Enough that deleting them is held. */
const MANY = 150

test('a version that another device replaced is brought back', { timeout: 120_000 }, async t => {
  const [a, b, id] = await makeMirror(t)
  await writeFile(join(a.directory, 'letter.txt'), 'first')
  await until('it came', async () => (await readFile(join(b.directory, 'letter.txt'), 'utf8')) === 'first')
  await writeFile(join(b.directory, 'letter.txt'), 'second, from B')
  await until('it came back', async () => (await readFile(join(a.directory, 'letter.txt'), 'utf8')) !== 'first')
  await show(a, id, 'files')
  await a.page.getByRole('button', { name: 'Kept versions of letter.txt' }).click()
  const restore = a.page.getByRole('button', { name: /^Bring back letter.txt/ })
  await restore.waitFor()
  t.alike(await violations(a.page), [])
  await look(a.page, '9-versions')
  await restore.click()
  await a.page.getByText('1 item brought back').waitFor()
  await until('it is everywhere', async () =>
    (await Promise.all([a, b].map(one => readFile(join(one.directory, 'letter.txt'), 'utf8')))).every(
      text => text === 'first'
    )
  )
})

test('a file is brought back from how the folder was', { timeout: 120_000 }, async t => {
  const [a, b, id] = await makeMirror(t)
  await mkdir(join(a.directory, 'letters'))
  await writeFile(join(a.directory, 'letters', 'first.txt'), 'first')
  await until('it came', async () => (await readFile(join(b.directory, 'letters/first.txt'), 'utf8')) === 'first')
  await show(b, id, 'past')
  await b.page.getByRole('button', { name: 'Keep how it is now' }).click()
  await b.page.getByRole('button', { name: 'letters/' }).click()
  await b.page.getByText('first.txt').waitFor()
  await writeFile(join(a.directory, 'letters', 'first.txt'), 'replaced')
  await until(
    'it came too',
    async () => (await readFile(join(b.directory, 'letters/first.txt'), 'utf8')) === 'replaced'
  )
  await b.page.getByRole('button', { name: 'Bring back first.txt' }).click()
  await b.page.getByText('1 item will be as on').waitFor()
  t.alike(await violations(b.page), [])
  await look(b.page, '12-past')
  await b.page.getByRole('button', { name: 'Bring back', exact: true }).click()
  await b.page.getByText('1 item brought back.').waitFor()
  await until(
    'it is everywhere',
    async () => (await readFile(join(a.directory, 'letters/first.txt'), 'utf8')) === 'first'
  )
  await b.page.getByRole('button', { name: 'Done' }).click()
  await b.page.getByRole('link', { name: 'History' }).click()
  await b.page.getByText('letters/first.txt').first().waitFor()
  t.alike(await violations(b.page), [])
  await look(b.page, '13-history')
})

test(
  'what lies on one device only is counted, and a file that was dropped is fetched',
  { timeout: 120_000 },
  async t => {
    const [a, b, id] = await makeMirror(t)
    await writeFile(join(a.directory, 'letter.txt'), 'letter')
    await until('it came', async () => (await readFile(join(b.directory, 'letter.txt'), 'utf8')) === 'letter')
    const { backer } = a.daemon.folders[0]!
    await until('both count', () => backer.status().copies?.fewest === 2 && backer.status().idle)
    const { dropped } = await backer.dropper.drop([undefined], { copies: 1, isDryRun: false })
    t.is(dropped, 1)
    await show(a, id, 'overview')
    await a.page.getByText('On other devices only').waitFor()
    await show(b, id, 'overview')
    await b.page.getByText('Only here').waitFor()
    await show(a, id, 'files')
    await a.page.getByText('on other devices only').waitFor()
    t.alike(await violations(a.page), [])
    await look(a.page, '14-dropped')
    await a.page.getByRole('button', { name: 'Get letter.txt' }).click()
    await a.page.getByText('here, as everywhere').waitFor()
    t.is(await readFile(join(a.directory, 'letter.txt'), 'utf8'), 'letter')
  }
)

test('deletes of many files are held, and rejected on the page', { timeout: 120_000 }, async t => {
  const [a, b, id] = await makeMirror(t)
  const names = Array.from({ length: MANY }, (_, i) => `file ${i}`)
  await mkdir(join(a.directory, 'many'))
  await Promise.all(names.map(name => writeFile(join(a.directory, 'many', name), name)))
  const count = async ({ directory }: Device): Promise<number> =>
    (await readdir(join(directory, 'many'))).filter(name => name.startsWith('file ')).length
  await until('they came', async () => (await count(b)) === MANY)
  await show(a, id, 'overview')
  // All of them at one moment.
  await rename(join(a.directory, 'many'), join(a.directory, '..', 'away'))
  await a.page.getByRole('heading', { name: 'Many files were deleted at once' }).waitFor()
  t.is(await count(b), MANY, 'nothing is deleted on the other device')
  t.alike(await violations(a.page), [])
  await look(a.page, '10-held-deletes')
  await a.page.getByRole('button', { name: 'Bring everything back' }).click()
  await until('they are back', async () => (await count(a)) === MANY)
  await a.page.getByRole('heading', { name: 'Many files were deleted at once' }).waitFor({ state: 'detached' })
})

test('rates and settings are kept for this device', { timeout: 60_000 }, async t => {
  const [{ page, daemon }] = await makeTwo(t)
  await page.getByRole('link', { name: 'This device' }).click()
  await page.getByLabel('Upload, KB/s').fill('512')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await until('it is kept', async () => (await daemon.limits()).up === 512_000)
  await page.getByLabel('Download, KB/s').fill('1')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('alert').waitFor()
  t.is((await daemon.limits()).down, undefined, 'a rate that is too low is refused, and said to be')
  await page.getByRole('textbox', { name: 'alarm-days' }).fill('never')
  await page.getByRole('button', { name: 'Save alarm-days' }).click()
  await page.getByText('is no number of days').waitFor()
  await page.getByRole('textbox', { name: 'alarm-days' }).fill('30')
  await page.getByRole('button', { name: 'Save alarm-days' }).click()
  await until('it is kept', () => daemon.settings['alarm-days'] === '30')
  t.alike(await violations(page), [])
  await look(page, '11-device')
})
