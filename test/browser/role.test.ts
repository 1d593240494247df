import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { until } from '../make/backers.js'
import { isWithinWidth, look, makeMirror, show, violations } from './devices.js'

test('what was changed by hand on a device that only receives is shown, and undone', { timeout: 120_000 }, async t => {
  const [a, b, id] = await makeMirror(t, { role: 'receive-only' })
  await writeFile(join(a.directory, 'letter.txt'), 'as it should be')
  const letter = join(b.directory, 'letter.txt')
  await until('it came', async () => (await readFile(letter, 'utf8')) === 'as it should be')
  await writeFile(letter, 'changed by hand, on B')
  await show(b, id, 'overview')
  await b.page.getByRole('heading', { name: '1 item changed here by hand' }).waitFor()
  await b.page.getByText('receive-only').waitFor()
  t.alike(await violations(b.page), [])
  await look(b.page, '20-drift')
  await b.page.getByRole('button', { name: 'Undo them' }).click()
  await b.page.getByRole('button', { name: 'Undo 1 change' }).waitFor()
  t.alike(await violations(b.page), [])
  await b.page.getByRole('button', { name: 'Undo 1 change' }).click()
  await until('it is undone', async () => (await readFile(letter, 'utf8')) === 'as it should be')
  await b.page.getByRole('heading', { name: 'changed here by hand' }).waitFor({ state: 'detached' })
  t.is(await readFile(join(a.directory, 'letter.txt'), 'utf8'), 'as it should be')
})

test('a role is chosen, versions are kept here, and all files are verified', { timeout: 120_000 }, async t => {
  const [a, , id] = await makeMirror(t)
  await writeFile(join(a.directory, 'letter.txt'), 'Dear all')
  await show(a, id, 'manage')
  await a.page.getByLabel('Append only').check()
  await a.page.getByRole('button', { name: 'Change the role' }).click()
  await until('it is chosen', () => a.daemon.folders[0]?.document().role === 'append-only')
  await a.page.getByRole('button', { name: 'Keep it here as well' }).click()
  await a.page.getByRole('button', { name: 'Keep it no longer' }).waitFor()
  t.is(a.daemon.folders[0]?.document().keepLocal, true)
  await a.page.getByText('It was never done so far.').waitFor()
  await a.page.getByRole('button', { name: 'Verify now' }).click()
  await a.page.getByText(/^Last done/).waitFor()
  await a.page.getByRole('button', { name: 'Pause verifying' }).click()
  await a.page.getByRole('button', { name: 'Resume verifying' }).waitFor()
  t.is(a.daemon.folders[0]?.document().verify?.isPaused, true)
  for (const width of [320, 768, 1920])
    for (const colorScheme of ['light', 'dark'] as const) {
      await a.page.setViewportSize({ width, height: 900 })
      await a.page.emulateMedia({ colorScheme })
      t.alike(await violations(a.page), [], `${width} ${colorScheme}`)
      t.ok(await isWithinWidth(a.page), `${width}: nothing sticks out`)
      await look(a.page, `21-manage-${width}-${colorScheme}`)
    }
})

test('names that are markup, or would turn the text round, do nothing', { timeout: 120_000 }, async t => {
  const [a, b, id] = await makeMirror(t)
  const names = ['<b onclick=alert(1)>bold', 'tools\u202egpj.exe', 'two\nlines', '\u001b[31mred', '&lt;script&gt;']
  for (const name of names) await writeFile(join(a.directory, name), '')
  const shown = [
    '<b onclick=alert(1)>bold',
    'tools\\u202egpj.exe',
    'two\\u000alines',
    '\\u001b[31mred',
    '&lt;script&gt;'
  ]
  for (const tab of ['files', 'log']) {
    await show(b, id, tab)
    for (const name of shown) await b.page.getByText(name).first().waitFor()
    const text = await b.page.evaluate<string>('document.body.innerHTML')
    t.absent(/[\u202e\u001b]/.test(text), `${tab}: no such character is on the page`)
    t.is(await b.page.locator('b[onclick]').count(), 0, tab)
    await look(b.page, `22-names-${tab}`)
  }
})
