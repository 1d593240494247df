import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { chromium, type Browser } from 'playwright-core'
import { runDhtNode } from '../../lib/net/dht-node.js'
import { CHROMIUM, FLAGS } from './devices.js'

/**
 * Takes the pictures of README.md from real devices: `npm run pictures`. A terminal's picture is what a terminal shows of the bytes that the commands wrote to one
 * (`script` gives them a terminal, xterm.js draws it).
 */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const PICTURES = join(ROOT, 'docs/pictures')
const ENTRY = join(ROOT, 'dist/bin/backer.js')
const [COLUMNS, ROWS] = [96, 13]
const run = promisify(execFile)

const node = await runDhtNode({ host: '127.0.0.1', port: 0 })
const scratch = await mkdtemp(join(tmpdir(), 'backer-'))
const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
const laptop = await makeDevice('laptop')
const server = await makeDevice('server')
try {
  await mkdir(PICTURES, { recursive: true })
  await backer(laptop, 'config', 'set', 'name', 'laptop')
  await backer(server, 'config', 'set', 'name', 'server')
  await cp(join(ROOT, 'docs'), join(laptop.directory, 'docs'), { recursive: true })
  const { stdout } = await backer(laptop, 'share', laptop.directory)
  await backer(server, 'join', stdout.trim(), server.directory)
  await backer(server, 'wait', server.directory)
  await takeTerminal(browser)
  await takePage(browser)
} finally {
  await Promise.allSettled([backer(laptop, 'stop'), backer(server, 'stop')])
  await browser.close()
  await node.close()
  await rm(scratch, { recursive: true, force: true })
}

interface Device {
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
}

async function makeDevice(name: string): Promise<Device> {
  const directory = join(scratch, name, 'Documents')
  await mkdir(directory, { recursive: true })
  const BACKER_BOOTSTRAP = `${node.host}:${node.port}`
  return { directory, env: { ...process.env, BACKER_HOME: join(scratch, name, 'home'), BACKER_BOOTSTRAP } }
}

function backer({ env }: Device, ...words: readonly string[]): Promise<{ readonly stdout: string }> {
  return run(process.execPath, [ENTRY, ...words], { env })
}

/** The commands of a user who looks after a folder, and what they say. */
async function takeTerminal(on: Browser): Promise<void> {
  const commands = ['backer status', 'backer peers', 'backer wait && echo "both hold the same"']
  const lines = commands.map(command => `printf '\\033[1;32m$\\033[0m %s\\n' '${command}'; ${command}; echo`)
  const shell = `backer() { '${process.execPath}' '${ENTRY}' "$@"; }; stty cols ${COLUMNS} rows ${ROWS}; cd '${laptop.directory}'; ${lines.join('; ')}`
  const log = join(scratch, 'terminal')
  await run('script', ['--quiet', '--return', '--log-out', log, '--command', `bash -c ${quoted(shell)}`], {
    env: { ...laptop.env, TERM: 'xterm-256color' }
  })
  const page = await on.newPage({ viewport: { width: 900, height: 260 }, deviceScaleFactor: 2 })
  const module = join(ROOT, 'node_modules/@xterm/xterm')
  await page.addStyleTag({ content: await readFile(join(module, 'css/xterm.css'), 'utf8') })
  await page.addScriptTag({ content: await readFile(join(module, 'lib/xterm.js'), 'utf8') })
  const bytes = (await readFile(log, 'utf8')).replace(/^Script started.*\n|\nScript done[^]*$/g, '')
  await page.evaluate(
    ({ text, cols, rows }) => {
      const { Terminal, document } = globalThis as unknown as {
        Terminal: new (options: object) => { open(to: unknown): void; write(text: string, then: () => void): void }
        document: { body: { style: { cssText: string } } }
      }
      document.body.style.cssText = 'margin: 0; padding: 12px; background: #10151b'
      const terminal = new Terminal({ cols, rows, fontSize: 14, theme: { background: '#10151b' }, cursorStyle: 'bar' })
      terminal.open(document.body)
      return new Promise<void>(resolve => terminal.write(text, resolve))
    },
    { text: bytes, cols: COLUMNS, rows: ROWS }
  )
  await page.waitForTimeout(200)
  await page.screenshot({ path: join(PICTURES, 'terminal.png') })
  await page.close()
}

/** A folder on the page, and a file that was changed on both devices. */
async function takePage(on: Browser): Promise<void> {
  const { stdout } = await backer(laptop, 'status', '--json')
  const { page: address = '', folders } = JSON.parse(stdout) as { page?: string; folders: readonly { id: string }[] }
  const context = await on.newContext({ viewport: { width: 1000, height: 640 }, deviceScaleFactor: 2 })
  const page = await context.newPage()
  await page.goto(address)
  await page.getByRole('link', { name: 'Documents' }).first().click()
  await writeFile(join(server.directory, 'picture.bin'), Buffer.alloc(40_000_000, 'backer'))
  await page.waitForTimeout(4000)
  await page.screenshot({ path: join(PICTURES, 'page-overview.png') })
  await page.goto(`${page.url().replace(/#.*/, '')}#/folders/${folders[0]?.id ?? ''}/files`)
  await page.getByText('picture.bin').waitFor()
  await page.screenshot({ path: join(PICTURES, 'page-files.png') })
  await page.close()
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
