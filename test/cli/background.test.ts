import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import test, { type Test } from 'brittle'
import { Client } from '../../lib/cli/client.js'
import { lockHolder } from '../../lib/home/lock.js'
import { documentOf, KEY, makeCliDevice, type CliDevice } from '../make/cli.js'

/** A device whose commands may start the background process; it is ended with the test. */
async function makeLazyDevice(t: Test): Promise<CliDevice> {
  const device = await makeCliDevice(t, { BACKER_NO_AUTOSTART: '' })
  t.teardown(() => endHolder(device.at('..', 'home', 'lock')), { order: -2 })
  await mkdir(device.at('docs'))
  return device
}

async function endHolder(lock: string): Promise<void> {
  const pid = await lockHolder(lock)
  if (pid !== undefined) process.kill(pid, 'SIGKILL')
}

interface Told {
  readonly pid: number
  readonly folders: readonly {
    readonly name: string
    readonly state: string
    readonly error?: { readonly code: string }
  }[]
}

async function tell(device: CliDevice): Promise<Told> {
  return (await documentOf(device, 'status')) as unknown as Told
}

test(
  'share hands its folder to the background and returns; stop ends that; a question starts it again',
  { timeout: 90_000 },
  async t => {
    const device = await makeLazyDevice(t)
    const shared = await device.run(['share', 'docs'], { env: { BACKER_KEY: 'backer-rw-secret' } })
    t.is(shared.code, 0, shared.stderr)
    const key = KEY.exec(shared.stdout)?.[0] ?? ''
    t.is(shared.stdout, `${key}\n`)
    const first = await tell(device)
    t.is(first.folders[0]?.name, 'docs')
    t.absent((await readFile(`/proc/${first.pid}/environ`, 'utf8').catch(() => '')).includes('backer-rw-secret'))
    t.is((await stat(device.at('..', 'home', 'daemon.log'))).mode & 0o777, 0o600)
    t.absent((await readFile(device.at('..', 'home', 'daemon.log'), 'utf8')).includes(key))

    const second = await device.run(['daemon', '--foreground'])
    t.is(second.code, 1)
    t.ok(second.stderr.includes(`running already, as process ${first.pid}`), second.stderr)

    t.is((await device.run(['stop'])).code, 0)
    t.is((await device.run(['status'], { env: { BACKER_NO_AUTOSTART: '1' } })).code, 5)
    t.is((await device.run(['stop'])).code, 0, 'twice is no error')
    const again = await tell(device)
    t.not(again.pid, first.pid)
    t.is(again.folders[0]?.name, 'docs')
  }
)

test(
  'after a kill -9 the next question starts it again, with all folders; one that is gone says so and comes back',
  { timeout: 90_000 },
  async t => {
    const device = await makeLazyDevice(t)
    await mkdir(device.at('more'))
    await device.run(['share', 'docs'])
    await device.run(['share', 'more'])
    process.kill((await tell(device)).pid, 'SIGKILL')
    await rename(device.at('more'), device.at('moved'))
    // What a disk looks like that is not mounted.
    await mkdir(device.at('more'))
    t.is((await device.run(['wait', 'docs', '--peers', '0', '--timeout', '30'])).code, 0)
    const more = await untilOpened(device, 'more')
    t.is(more?.state, 'stopped')
    t.is(more?.error?.code, 'MARKER')
    t.is(await stat(device.at('more', '.backer')).catch(() => 'nothing'), 'nothing', 'nothing was made there')
    t.is((await device.run(['wait', 'more', '--peers', '0', '--timeout', '5'])).code, 1)
  }
)

/** A folder, once it has been tried to be opened. */
async function untilOpened(device: CliDevice, name: string): Promise<Told['folders'][number] | undefined> {
  for (;;) {
    const folder = (await tell(device)).folders.find(found => found.name === name)
    if (folder?.state !== 'starting') return folder
  }
}

test('what keeps the background process from starting is told', { timeout: 60_000 }, async t => {
  const device = await makeLazyDevice(t)
  await mkdir(device.at('..', 'home'))
  await writeFile(device.at('..', 'home', 'device.key'), 'damaged')
  const ended = await device.run(['share', 'docs'])
  t.is(ended.code, 1)
  t.ok(/device's key .* is damaged/.test(ended.stderr), ended.stderr)
  t.is((await device.run(['share', 'docs'], { env: { BACKER_NO_AUTOSTART: '1' } })).code, 5)
})

test('events prints what happens until it is told to end', { timeout: 60_000 }, async t => {
  const device = await makeLazyDevice(t)
  await device.run(['share', 'docs'])
  const listening = device.start(['events', 'docs'])
  let count = 0
  do await writeFile(device.at('docs', `${++count}.txt`), 'text')
  while (!(await device.run(['wait', '--peers', '0']).then(() => listening.stdout)).includes('"item"'))
  const [line = ''] = await listening.says(/^\{.*"type":"item".*\}$/m)
  t.is((JSON.parse(line) as { action: string }).action, 'created')
  t.is((await listening.stop('SIGTERM')).code, 0)
})

test('two questions at once start one process', { timeout: 60_000 }, async t => {
  const device = await makeLazyDevice(t)
  await device.run(['share', 'docs'])
  await device.run(['stop'])
  const [one, other] = await Promise.all([tell(device), tell(device)])
  t.is(one.pid, other.pid)
  t.is((await new Client(device.at('..', 'home')).status()).pid, one.pid)
})
