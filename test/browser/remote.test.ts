import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'brittle'
import { chromium } from 'playwright-core'
import { Daemon } from '../../lib/daemon/daemon.js'
import { setPassword } from '../../lib/daemon/page-password.js'
import { CHROMIUM, FLAGS, isWithinWidth, look, makeMirror, show, violations } from './devices.js'

test('on another machine the password opens the page, which then works as ever', { timeout: 120_000 }, async t => {
  const root = await mkdtemp(join(tmpdir(), 'backer-page-remote-'))
  t.teardown(() => rm(root, { recursive: true, force: true }), { order: 30 })
  const [home, directory] = [join(root, 'home'), join(root, 'Papers')]
  await mkdir(directory)
  await setPassword(home, 'a long password')
  const pageListen = { address: '127.0.0.2', port: 0 }
  const daemon = await Daemon.open({ home, bootstrap: [{ host: '127.0.0.1', port: 9 }], lan: false, pageListen })
  t.teardown(() => daemon.close(), { order: 10 })
  await daemon.add({ directory, createDirectory: false })
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  t.teardown(() => browser.close(), { order: 5 })
  // The certificate is one that nobody has signed for.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, reducedMotion: 'reduce' })
  const page = await context.newPage()
  await page.setViewportSize({ width: 320, height: 640 })
  await page.goto(daemon.status().remotePage?.addresses[0] ?? '')
  await page.getByRole('heading', { name: 'Who is there?' }).waitFor()
  t.ok(await isWithinWidth(page))
  t.alike(await violations(page), [])
  await look(page, '9-password')
  await page.getByLabel('The password of this backer').fill('a wrong password')
  await page.getByRole('button', { name: 'Open' }).click()
  await page.getByText('the password is wrong').waitFor()
  await page.getByLabel('The password of this backer').fill('a long password')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Papers' }).waitFor()
  await writeFile(join(directory, 'letter.txt'), 'letter')
  await page.getByText('1 file').first().waitFor()
  t.alike(await violations(page), [])
  await look(page, '9-remote')
  await page.getByRole('button', { name: 'Leave this page' }).click()
  await page.getByRole('heading', { name: 'Who is there?' }).waitFor()
})

test('the page says what another device does not have, and why', { timeout: 120_000 }, async t => {
  const [a, , id] = await makeMirror(t, { role: 'send-only' })
  await writeFile(join(a.directory, '<b>mine.txt'), 'mine')
  await show(a, id, 'overview')
  await a.page.getByRole('heading', { name: 'What others do not have' }).waitFor()
  await a.page.getByText('it takes nothing over: it is send-only').waitFor()
  await a.page.getByText('<b>mine.txt').waitFor()
  t.alike(await violations(a.page), [])
  for (const width of [320, 1920]) {
    await a.page.setViewportSize({ width, height: 800 })
    t.ok(await isWithinWidth(a.page), `${width} pixels`)
    await look(a.page, `10-lacking-${width}`)
  }
})
