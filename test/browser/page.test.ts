import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import { Daemon } from '../../lib/daemon/daemon.js'
import { until } from '../make/backers.js'
import { isWithinWidth, look, makeTwo, violations } from './devices.js'

test('a folder is shared and joined, followed, paused, and a conflict is resolved', { timeout: 120_000 }, async t => {
  const [a, b] = await makeTwo(t)
  await a.page.getByRole('heading', { name: 'Three steps to a shared folder' }).waitFor()
  t.absent(a.page.url().includes('token'), 'the token does not stay in the address')
  t.alike(await violations(a.page), [])
  await look(a.page, '1-welcome')

  await writeFile(join(a.directory, 'letter.txt'), 'Dear all')
  await writeFile(join(a.directory, '<img src=x onerror=alert(1)>.txt'), 'markup')
  await a.page.getByRole('button', { name: 'Share a folder' }).first().click()
  await a.page.getByLabel('Directory on this device').fill(a.directory)
  await look(a.page, '2-share')
  await a.page.getByRole('button', { name: 'Share', exact: true }).click()
  await a.page.getByRole('button', { name: 'Show the keys' }).click()
  const key = await a.page.getByLabel('Key to read and write', { exact: true }).inputValue()
  t.ok(key.startsWith('backer-rw-'))
  await a.page.getByRole('img', { name: 'Key to read and write, as a QR code' }).waitFor()
  t.alike(await violations(a.page), [])
  await look(a.page, '3-keys')

  await b.page.getByRole('button', { name: 'Join a folder' }).first().click()
  await b.page.getByLabel('Key').fill('backer-rw-mistyped')
  await b.page.getByLabel('Directory on this device').fill(b.directory)
  await b.page.getByRole('button', { name: 'Join', exact: true }).click()
  await b.page.getByRole('alert').waitFor()
  t.is(b.daemon.folders.length, 0, 'a mistyped key is told, and nothing is made')
  await b.page.getByLabel('Key').fill(key)
  await b.page.getByRole('button', { name: 'Join', exact: true }).click()
  await b.page.getByText('In sync').first().waitFor()
  await look(b.page, '4-joined')
  t.alike(await violations(b.page), [])

  await b.page.getByRole('link', { name: 'Files' }).click()
  await b.page.getByText('letter.txt').waitFor()
  await b.page.getByText('<img src=x onerror=alert(1)>.txt').waitFor()
  t.is(await b.page.locator('img[src="x"]').count(), 0, 'names with markup are shown inert')
  t.alike(await violations(b.page), [])
  await look(b.page, '5-files')
  await writeFile(join(a.directory, 'later.txt'), 'later')
  await b.page.getByText('later.txt').waitFor({ timeout: 5000 })

  await b.page.getByRole('link', { name: 'Manage' }).click()
  await b.page.getByRole('button', { name: 'Pause', exact: true }).click()
  await b.page.getByText('Paused').first().waitFor()
  await writeFile(join(a.directory, 'letter.txt'), 'Dear all of you, from A')
  await writeFile(join(b.directory, 'letter.txt'), 'Dear all, from B')
  await b.page.getByRole('button', { name: 'Resume', exact: true }).click()
  await b.page.getByRole('link', { name: 'Conflicts' }).click()
  await b.page.getByRole('heading', { name: 'letter.txt', exact: true }).waitFor()
  await b.page.getByText('from A').waitFor()
  await b.page.getByText('from B').waitFor()
  t.alike(await violations(b.page), [])
  await look(b.page, '6-conflict')
  const chosen = await b.page.locator('pre').nth(1).innerText()
  await b.page.getByRole('button', { name: 'Keep the second' }).click()
  await b.page.getByText('No conflicts.').waitFor()
  await until('the choice is everywhere', async () =>
    (await Promise.all([a, b].map(one => readFile(join(one.directory, 'letter.txt'), 'utf8')))).every(
      text => text === chosen
    )
  )
})

test(
  'it fits a narrow and a wide screen, in light and dark, and goes by the keyboard',
  { timeout: 60_000 },
  async t => {
    const [a] = await makeTwo(t)
    await a.daemon.add({ directory: a.directory, createDirectory: false })
    await a.page.getByRole('heading', { name: 'Papers' }).waitFor()
    for (const width of [320, 768, 1920]) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await a.page.emulateMedia({ colorScheme })
        await a.page.setViewportSize({ width, height: 800 })
        t.ok(await isWithinWidth(a.page), `${width} pixels`)
        t.alike(await violations(a.page), [], `${width} pixels, ${colorScheme}`)
        await look(a.page, `7-folders-${width}-${colorScheme}`)
      }
    }
    const reached: string[] = []
    for (let i = 0; i < 8; i++) {
      await a.page.keyboard.press('Tab')
      reached.push(await a.page.evaluate('document.activeElement?.textContent ?? ""'))
    }
    for (const name of ['Papers', 'Pause', 'Share a folder'])
      t.ok(
        reached.some(text => text.includes(name)),
        name
      )
  }
)

test('fifty thousand files are listed without a freeze', { timeout: 180_000 }, async t => {
  const [a] = await makeTwo(t)
  for (let i = 0; i < 50_000; i++) await writeFile(join(a.directory, `file ${String(i).padStart(5, '0')}`), '')
  const folder = await a.daemon.add({ directory: a.directory, createDirectory: false })
  await until('all are seen', () => folder.status().files === 50_000, 120_000)
  await a.page.goto(`${a.page.url().replace(/#.*/, '')}#/folders/${folder.id}/files`)
  await a.page.getByText('file 00000').waitFor()
  await a.page.evaluate(`globalThis.worst = 0
    let last = performance.now()
    const frame = () => { const now = performance.now(); globalThis.worst = Math.max(globalThis.worst, now - last); last = now; requestAnimationFrame(frame) }
    requestAnimationFrame(frame)`)
  const list = a.page.getByRole('region', { name: 'Files' })
  for (let i = 0; i < 20; i++) {
    await list.press('End')
    await a.page.waitForTimeout(100)
  }
  t.ok((await a.page.locator('.virtual li').count()) < 100, 'only what is in sight is drawn')
  const worst = await a.page.evaluate<number>('globalThis.worst')
  t.comment(`the longest frame took ${worst.toFixed(0)} ms`)
  t.ok(worst < 1000)
})

test('an API that goes away is told, and followed again when it is back', { timeout: 60_000 }, async t => {
  const [{ daemon, page, directory }] = await makeTwo(t)
  await page.getByRole('heading', { name: 'Three steps to a shared folder' }).waitFor()
  const pagePort = Number(new URL(daemon.status().page ?? '').port)
  await daemon.close()
  await page.getByText('backer does not answer').waitFor()
  await look(page, '8-offline')
  const again = await Daemon.open({ home: daemon.home.directory, bootstrap: undefined, pagePort })
  t.teardown(() => again.close(), { order: 10 })
  await again.add({ directory, createDirectory: false })
  await page.getByRole('heading', { name: 'Papers' }).waitFor({ timeout: 20_000 })
  t.is(await page.getByText('backer does not answer').count(), 0)
})
