import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'brittle'
import type { Page } from 'playwright-core'
import { until } from '../make/backers.js'
import { makeTwo, openPage, type Device } from './devices.js'

const FILES = 10_000

/** Begins to watch how long the frames of a page take. */
async function watchFrames(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(`globalThis.worst = 0
    let last = performance.now()
    const frame = () => { const now = performance.now(); globalThis.worst = Math.max(globalThis.worst, now - last); last = now; requestAnimationFrame(frame) }
    requestAnimationFrame(frame)`)
  return () => page.evaluate<number>('globalThis.worst')
}

/** The page once more, in a window of its own: the frames of a hidden one are held back by the browser. */
async function openAgain({ daemon, page }: Device): Promise<Page> {
  const browser = page.context().browser()
  if (browser === null) throw new Error('the browser is gone')
  return openPage(browser, daemon)
}

test('ten thousand files arrive while the page follows', { timeout: 240_000 }, async t => {
  const [a, b] = await makeTwo(t)
  for (let i = 0; i < FILES; i++) {
    if (i % 100 === 0) await mkdir(join(a.directory, `directory ${i / 100}`))
    await writeFile(join(a.directory, `directory ${Math.floor(i / 100)}`, `file ${i}`), `content of ${i}`)
  }
  const { id, backer } = await a.daemon.add({ directory: a.directory, createDirectory: false })
  const [overview, files] = [b.page, await openAgain(b)]
  const address = b.page.url().replace(/#.*/, '')
  await b.daemon.add({ directory: b.directory, key: backer.key, createDirectory: false })
  await overview.goto(`${address}#/folders/${id}/overview`)
  await files.goto(`${address}#/folders/${id}/files`)
  const worst = await Promise.all([watchFrames(overview), watchFrames(files)])
  const joined = b.daemon.folders[0]
  await until('all have come', () => joined?.status().state === 'in-sync' && joined.status().files === FILES, 200_000)
  await overview.getByText('10,000 files').waitFor({ timeout: 2000 })
  await overview.getByText('In sync').first().waitFor({ timeout: 2000 })
  const [first = NaN, second = NaN] = await Promise.all(worst.map(read => read()))
  t.comment(`the longest frames took ${first.toFixed(0)} and ${second.toFixed(0)} ms`)
  t.ok(first < 200 && second < 200, 'the page was never stuck')
  await rm(join(a.directory, 'directory 7'), { recursive: true })
  await files.getByText('directory 7/', { exact: true }).waitFor({ state: 'detached', timeout: 10_000 })
})
