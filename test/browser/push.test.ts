import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import type { Page } from 'playwright-core'
import { makeMirror, show } from './devices.js'

/** By far more than it takes, on a machine that does much else. */
const GENEROUS_MS = 5000

/** Milliseconds from when `act` is done until a text is on the page. Throws after a time that is by far too long. */
async function untilShown(page: Page, text: string, act: () => Promise<unknown>): Promise<number> {
  await act()
  const begin = performance.now()
  await page.getByText(text).first().waitFor({ timeout: GENEROUS_MS })
  return performance.now() - begin
}

test('what happens is pushed to the page, which asks for nothing', { timeout: 120_000 }, async t => {
  const [a, b, id] = await makeMirror(t)
  await show(b, id, 'overview')
  await b.page.getByText('In sync').first().waitFor()
  await b.page.waitForLoadState('networkidle').catch(() => undefined)
  const asked: string[] = []
  b.page.on('request', request => asked.push(new URL(request.url()).pathname))

  const took = [
    await untilShown(b.page, '1 file', () => writeFile(join(a.directory, 'one.txt'), 'one')),
    await untilShown(b.page, 'Paused', () => b.daemon.setPaused(id, true)),
    await untilShown(b.page, 'In sync', () => b.daemon.setPaused(id, false)),
    await untilShown(b.page, 'Letters', () => b.daemon.rename(id, 'Letters')),
    await untilShown(b.page, 'No other device is connected', () => a.daemon.close())
  ]
  t.comment(`shown after ${took.map(ms => ms.toFixed(0)).join(', ')} ms`)
  t.alike(asked, [], 'the page has asked for nothing meanwhile')
})

test('a list of files is looked at anew when it has changed, and only then', { timeout: 120_000 }, async t => {
  const [a, b, id] = await makeMirror(t)
  await writeFile(join(a.directory, 'first.txt'), 'first')
  await show(b, id, 'files')
  await b.page.getByText('first.txt').waitFor()
  const asked: string[] = []
  b.page.on('request', request => asked.push(new URL(request.url()).pathname))
  await b.page.waitForTimeout(2500)
  t.alike(asked, [], 'nothing has happened, and nothing was asked for')
  const ms = await untilShown(b.page, 'second.txt', () => writeFile(join(a.directory, 'second.txt'), 'second'))
  t.comment(`shown after ${ms.toFixed(0)} ms`)
  t.alike([...new Set(asked)], [`/v1/folders/${id}/files`])
})
