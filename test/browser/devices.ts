import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'brittle'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Role } from '../../lib/core/model/role.js'
import { runDhtNode } from '../../lib/net/dht-node.js'
import { Daemon } from '../../lib/daemon/daemon.js'
import { until } from '../make/backers.js'

/** Where Debian's package has it; CHROMIUM names another one. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]
const AXE = new URL('../../../node_modules/axe-core/axe.min.js', import.meta.url)
/** Where screenshots are kept; none are taken without. */
const SHOTS = process.env['SHOTS']

export interface Device {
  readonly daemon: Daemon
  readonly directory: string
  readonly page: Page
}

/** Two devices with a page each, on a DHT of their own. The directories lie in this user's home: only what lies there can be chosen. */
export async function makeTwo(t: Test): Promise<[Device, Device]> {
  const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
  t.teardown(() => node.close(), { order: 20 })
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  t.teardown(() => browser.close(), { order: 5 })
  const device = async (name: string): Promise<Device> => {
    const root = await mkdtemp(join(tmpdir(), `backer-page-${name}-`))
    t.teardown(() => rm(root, { recursive: true, force: true }), { order: 30 })
    const directory = join(root, 'Papers')
    await mkdir(directory)
    const daemon = await Daemon.open({ home: join(root, 'home'), bootstrap: [node] })
    t.teardown(() => daemon.close(), { order: 10 })
    return { daemon, directory, page: await openPage(browser, daemon) }
  }
  return [await device('a'), await device('b')]
}

/** Two devices that hold the same folder, in sync. `how`: what the second one does in it. */
export async function makeMirror(t: Test, how: { readonly role?: Role } = {}): Promise<[Device, Device, string]> {
  const [a, b] = await makeTwo(t)
  const { id, backer } = await a.daemon.add({ directory: a.directory, createDirectory: false })
  await b.daemon.add({ directory: b.directory, key: backer.key, createDirectory: false, ...how })
  await until('both are in sync', () => [a, b].every(({ daemon }) => daemon.folders[0]?.status().state === 'in-sync'))
  return [a, b, id]
}

/** Opens one tab of a folder's page. */
export async function show({ page }: Device, id: string, tab: string): Promise<void> {
  await page.goto(`${page.url().replace(/#.*/, '')}#/folders/${id}/${tab}`)
}

export async function openPage(browser: Browser, daemon: Daemon): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, reducedMotion: 'reduce' })
  const page = await context.newPage()
  await page.goto(daemon.status().page ?? '')
  return page
}

export async function look(page: Page, name: string): Promise<void> {
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true })
}

/** What axe finds wrong, in a line each. Source: axe-core, rules of WCAG 2.0 to 2.2, A and AA. */
export async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(AXE, 'utf8'))
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
    }
    const { violations: found } = await axe.run()
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
  })
}

export async function isWithinWidth(page: Page): Promise<boolean> {
  return page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth')
}
