import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import test from 'brittle'
import { managerFor } from '../../lib/cli/service/manager.js'
import { launchdPlist, systemdUnit } from '../../lib/cli/service/unit.js'
import { documentOf, makeCliDevice, type CliDevice } from '../make/cli.js'

const JOB = {
  name: 'backer',
  command: ['/opt/no"de', '/srv/50% of $HOME/backer.js', 'daemon'],
  variables: { BACKER_HOME: '/srv/50% of $HOME\\<&>' },
  output: '/srv/daemon.log'
}

test('what stands in a path is taken as it is by systemd and by launchd', t => {
  const unit = systemdUnit(JOB)
  t.ok(unit.includes('ExecStart="/opt/no\\"de" "/srv/50%% of $$HOME/backer.js" "daemon"\n'), unit)
  t.ok(unit.includes('Environment="BACKER_HOME=/srv/50%% of $HOME\\\\<&>"\n'), unit)
  const plist = launchdPlist(JOB)
  t.ok(plist.includes('<string>/srv/50% of $HOME\\&lt;&amp;&gt;</string>'), plist)
  t.ok(plist.includes('<string>/srv/50% of $HOME/backer.js</string>'))
})

test('each home has a service of its own, in the place where the system looks', async t => {
  const HOME = '/home/eva'
  t.is(managerFor('linux', { HOME }, '/x').file, '/home/eva/.config/systemd/user/backer.service')
  t.is(managerFor('darwin', { HOME }, '/x').file, '/home/eva/Library/LaunchAgents/backer.plist')
  const other = managerFor('linux', { HOME, XDG_CONFIG_HOME: '/etc/eva', BACKER_HOME: '/x' }, '/x')
  t.ok(/^\/etc\/eva\/systemd\/user\/backer-[0-9a-f]{8}\.service$/.test(other.file), other.file)
  await t.exception(() => managerFor('win32', { HOME }, '/x'), /win32/)
})

/** A device with a systemd that does nothing but write down what it is told; `fails`: words at which it ends with 1. */
async function makeServed(
  device: CliDevice,
  fails: string
): Promise<{ env: { PATH: string }; told: () => Promise<string[]> }> {
  const bin = device.at('..', 'bin')
  const said = device.at('..', 'told')
  await mkdir(bin, { recursive: true })
  const script = `#!/bin/sh\necho "$*" >> '${said}'\ncase "$*" in *${fails}*) echo "no bus" >&2; exit 1;; esac\n`
  await writeFile(`${bin}/systemctl`, script, { mode: 0o755 })
  await symlink(process.execPath, `${bin}/node`).catch(() => undefined)
  return {
    env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    told: async () => (await readFile(said, 'utf8')).trimEnd().split('\n')
  }
}

test(
  'a service is written down, started, asked for and taken away; the log is shown',
  { skip: process.platform !== 'linux' },
  async t => {
    const device = await makeCliDevice(t)
    const { env, told } = await makeServed(device, 'nothing')
    t.is((await device.run(['service', 'status'], { env })).code, 5)
    const dry = await documentOf(device, 'service', 'install', '--dry-run')
    t.absent((await readdir(device.at('..'))).includes('.config'), 'nothing is written')
    t.is((await device.run(['service', 'install'], { env })).code, 0)
    const unit = await readFile(String(dry['file']), 'utf8')
    t.is(unit, dry['text'])
    t.ok(unit.includes(`"BACKER_HOME=${device.at('..', 'home')}"`))
    t.absent(unit.includes('BACKER_KEY'))
    t.is((await device.run(['service'], { env })).code, 0)
    t.is((await device.run(['service', 'uninstall'], { env })).code, 0)
    const name = /backer-[0-9a-f]{8}\.service/.exec(String(dry['file']))?.[0] ?? ''
    t.alike(await told(), [
      '--user daemon-reload',
      `--user enable --now ${name}`,
      `--user is-active --quiet ${name}`,
      `--user disable --now ${name}`,
      '--user daemon-reload'
    ])
    t.is(await stat(String(dry['file'])).catch(() => 'gone'), 'gone')
    t.is((await device.run(['service', 'logs'])).code, 7)
    await mkdir(device.at('..', 'home'), { recursive: true })
    await writeFile(device.at('..', 'home', 'backer.log'), 'one\ntwo\nthree\nhalf')
    t.is((await device.run(['service', 'logs', '-n', '2'])).stdout, 'two\nthree\n')
  }
)

test('where the system does not take it nothing is left behind', { skip: process.platform !== 'linux' }, async t => {
  const device = await makeCliDevice(t)
  const { env } = await makeServed(device, 'enable')
  const ended = await device.run(['service', 'install'], { env: { ...env, BACKER_KEY: 'backer-rw-secret' } })
  t.is(ended.code, 1)
  t.ok(ended.stderr.includes('no bus'), ended.stderr)
  t.alike(await readdir(device.at('..', '.config', 'systemd', 'user')), [])
})
