import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import test from 'brittle'
import { documentOf, makeCliDevice, makeCliPair, shareDocs, type CliDevice } from '../make/cli.js'

interface Entry {
  readonly path: string
  readonly action: string
  readonly origin: string
  readonly deviceName?: string
  readonly viaName?: string
  readonly route?: string
}

async function entriesOf(device: CliDevice, ...words: string[]): Promise<readonly Entry[]> {
  return (await documentOf(device, 'log', ...words))['entries'] as readonly Entry[]
}

async function inSync(...devices: readonly CliDevice[]): Promise<void> {
  for (const device of devices) {
    const ended = await device.run(['wait', '--timeout', '30'])
    if (ended.code !== 0) throw new Error(ended.stderr)
  }
}

test(
  'log says who changed what and how it came here, after a restart too; conflicts are listed and decided',
  { timeout: 120_000 },
  async t => {
    const [laptop, nas] = await makeCliPair(t)
    await laptop.run(['config', 'set', 'name', 'laptop'])
    await nas.run(['config', 'set', 'name', 'nas'])
    const { key, running } = await shareDocs(laptop)
    const joined = nas.start(['join', key, 'docs', '--foreground'])
    await joined.says(/In sync with 1 device/, 'stderr')
    await writeFile(nas.at('docs', 'report.txt'), 'by the nas\n')
    await inSync(nas, laptop)
    const [last] = await entriesOf(laptop, 'docs/report.txt')
    t.alike(
      [last?.action, last?.origin, last?.deviceName, last?.viaName, last?.route],
      ['created', 'remote', 'nas', 'nas', 'lan']
    )
    t.alike((await entriesOf(laptop, 'docs/hello.txt'))[0]?.deviceName, 'this device')
    t.ok((await laptop.run(['log'], { cwd: laptop.at('docs') })).stdout.includes('report.txt  by nas'))

    await joined.stop()
    const status = await laptop.run(['status'])
    t.ok(/nas {2}[0-9a-f]{8} {2}offline .*last seen \d+ s ago/.test(status.stdout), status.stdout)
    const { away } = await documentOf(laptop, 'peers')
    t.is((away as { name: string; heldSame: boolean }[])[0]?.name, 'nas')
    await writeFile(laptop.at('docs', 'report.txt'), 'again, on the laptop\n')
    await writeFile(nas.at('docs', 'report.txt'), 'again, on the nas\n')
    await running.stop()
    t.ok(
      (await entriesOfRestarted(laptop)).some(entry => entry.deviceName === 'nas'),
      'it survives a restart'
    )

    const both = [laptop, nas].map(device => device.start(['daemon', '--foreground']))
    for (const one of both) await one.says(/Running/, 'stderr')
    await inSync(laptop, nas).catch((error: unknown) => {
      throw new Error(both.map(one => one.stderr).join('----'), { cause: error })
    })
    const { conflicts } = await documentOf(laptop, 'conflicts')
    const [conflict] = conflicts as { path: string; copy: string }[]
    t.is(conflict?.path, 'report.txt')
    t.is((await laptop.run(['conflicts', 'resolve', 'docs/report.txt'])).code, 2, 'nothing is decided without a word')
    t.is((await laptop.run(['conflicts', 'resolve', 'docs/hello.txt', '--keep', 'this'])).code, 7)
    const copy = await readFile(laptop.at('docs', conflict?.copy ?? ''), 'utf8')
    t.is((await laptop.run(['conflicts', 'resolve', 'docs/report.txt', '--keep', 'that'])).code, 0)
    await inSync(laptop, nas)
    t.is(await readFile(nas.at('docs', 'report.txt'), 'utf8'), copy)
    t.alike((await documentOf(nas, 'conflicts'))['conflicts'], [])
  }
)

/** Starts a process for one question. */
async function entriesOfRestarted(device: CliDevice): Promise<readonly Entry[]> {
  const running = device.start(['daemon', '--foreground'])
  await running.says(/Running/, 'stderr')
  const entries = await entriesOf(device)
  await running.stop()
  return entries
}

test(
  'patterns are shown, added and checked; a folder is paused and left; settings hold, and a hook is run',
  { timeout: 90_000 },
  async t => {
    const device = await makeCliDevice(t)
    await shareDocs(device)
    const cwd = device.at('docs')
    t.is((await device.run(['ignore', 'add', '*.iso'], { cwd })).code, 0)
    t.is((await device.run(['ignore', 'add', '['], { cwd })).code, 2)
    t.is((await device.run(['ignore'], { cwd })).stdout, '*.iso\n')
    t.is(await readFile(device.at('docs', '.backerignore'), 'utf8'), '*.iso\n')
    t.is((await device.run(['ignore', 'check', 'big.iso'], { cwd })).code, 0)
    t.is((await device.run(['ignore', 'check', 'hello.txt'], { cwd })).code, 1)

    const told = device.at('told')
    const command = `printf '%s|%s|' "$BACKER_EVENT" "$BACKER_PATH" >> '${told}'; cat >> '${told}'`
    t.is((await device.run(['config', 'set', 'hook.changed', command])).code, 0)
    t.is((await device.run(['config', 'set', 'alarm-days', 'soon'])).code, 2)
    t.is((await device.run(['config', 'set', 'page-listen', '0.0.0.0'])).code, 11, 'there is no password')
    t.is((await device.run(['password'], { input: 'short\n' })).code, 2)
    t.is((await device.run(['password'], { input: 'längeres Wort\n' })).code, 0)
    t.is((await device.run(['config', 'set', 'page-listen', '0.0.0.0'])).code, 0)
    t.is((await device.run(['password', '--remove'])).code, 0)
    t.is((await device.run(['config', 'set', 'page-listen', '--unset'])).code, 0)
    t.is((await device.run(['config', 'get', 'nothing'])).code, 7)
    t.is((await device.run(['config', 'get', 'alarm-days'])).stdout, '7\n')
    const name = '$(touch owned) `touch owned`; touch owned'
    await writeFile(device.at('docs', name), '')
    await device.run(['wait', '--peers', '0'])
    const hook = await untilThere(told)
    t.ok(hook.startsWith(`changed|${name}|{"time":`), hook)
    t.absent((await readdir(device.root)).includes('owned'), 'a name is never part of a command')
    t.absent((await readdir(cwd)).includes('owned'))

    t.is((await device.run(['pause', 'docs'])).code, 0)
    t.ok((await device.run(['status'])).stdout.includes('PAUSED'))
    t.is((await device.run(['resume', 'docs'])).code, 0)
    t.is((await device.run(['wait', '--peers', '0'])).code, 0)
    t.is((await device.run(['leave', 'docs'])).code, 2, 'nobody can be asked')
    t.is((await device.run(['leave', 'docs', '--dry-run'])).code, 0)
    t.is((await device.run(['leave', 'docs', '--yes'])).code, 0)
    t.is(await readFile(device.at('docs', 'hello.txt'), 'utf8'), 'hello\n')
    t.alike((await documentOf(device, 'status'))['folders'], [])
    t.absent((await readdir(device.at('..', 'home'))).some(file => file.startsWith('history-')))
  }
)

/** What a file says once a whole line is there. */
async function untilThere(file: string): Promise<string> {
  const end = Date.now() + 20_000
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith('\n') || Date.now() > end) return text
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

test(
  'settings that are damaged are put aside and named, for as long as they lie there',
  { timeout: 60_000 },
  async t => {
    const device = await makeCliDevice(t)
    const home = device.at('..', 'home')
    await mkdir(home, { mode: 0o700 })
    await writeFile(`${home}/settings.json`, '{ "schema": 1, "settings": { "lan": "off" ')
    await writeFile(`${home}/limits.json`, 'nonsense')
    const first = await device.run(['daemon', '--foreground'])
    t.is(first.code, 1)
    t.ok(first.stderr.includes('settings.json.damaged-'), first.stderr)
    await mkdir(device.at('docs'))
    const running = device.start(['share', '--foreground', 'docs'])
    await running.says(/^backer-rw-/m)
    const notices = (await documentOf(device, 'status'))['notices'] as { path: string }[]
    t.alike(
      notices.map(({ path }) => /[a-z]+\.json/.exec(path)?.[0]),
      ['limits.json', 'settings.json']
    )
    t.ok((await device.run(['status'])).stdout.startsWith('! limits.json was damaged'))
    for (const { path } of notices) t.ok((await stat(path)).size > 0)
  }
)
