import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Contender, Place, Program } from './contender.js'
import { RunByHand } from './run-by-hand.js'
import { startSyncthings } from './syncthing.js'

const SSHD = '/usr/sbin/sshd'
const STARTS_MAX = 100
/** Times are compared to the nanosecond. */
const RSYNC = ['-a', '--delete', '--modify-window=-1', '--exclude=/.backer']

/** What people use instead. */
export const PEERS: readonly Program[] = [
  {
    name: 'Syncthing',
    isEncrypted: true,
    isLive: true,
    isThere: () => has('syncthing'),
    start: startSyncthings
  },
  {
    name: 'rsync over ssh',
    isEncrypted: true,
    isLive: false,
    isThere: () => has('rsync') && has('ssh') && existsSync(SSHD) && hasUser('sshd'),
    start: startRsyncOverSsh
  },
  { name: 'rsync', isEncrypted: false, isLive: false, isThere: () => has('rsync'), start: startRsync },
  { name: 'Unison', isEncrypted: false, isLive: false, isThere: () => has('unison'), start: startUnison }
]

function has(program: string): boolean {
  return spawnSync('which', [program], { stdio: 'ignore' }).status === 0
}

/** sshd, as the superuser's, needs one of its own. */
function hasUser(name: string): boolean {
  return spawnSync('id', [name], { stdio: 'ignore' }).status === 0
}

/** With its own daemon over loopback. */
async function startRsync({ place, a, b, port }: Place): Promise<Contender> {
  const config = join(place, 'rsyncd.conf')
  writeFileSync(config, `use chroot = no\nlog file = /dev/null\n${asMyself()}[b]\npath = ${b}\nread only = no\n`)
  const args = ['--daemon', '--no-detach', '--address=127.0.0.1', `--port=${port}`, `--config=${config}`]
  const server = spawn('rsync', args, { stdio: 'ignore' })
  await answers(port)
  return new RunByHand({
    name: 'rsync',
    program: 'rsync',
    args: [...RSYNC, `${a}/`, `rsync://127.0.0.1:${port}/b/`],
    server
  })
}

/** With an sshd and keys of this bench's, and the cipher that both choose. */
async function startRsyncOverSsh({ place, a, b, port }: Place): Promise<Contender> {
  const [host, user, config] = [join(place, 'host-key'), join(place, 'user-key'), join(place, 'sshd.conf')]
  for (const key of [host, user]) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
  const lines = [`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${host}`, `AuthorizedKeysFile ${user}.pub`]
  writeFileSync(config, [...lines, 'StrictModes no', 'PidFile none', 'UsePAM no', ''].join('\n'))
  const server = spawn(SSHD, ['-D', '-f', config], { stdio: 'ignore' })
  await answers(port)
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'].map(one => `-o ${one}`)
  const ssh = `ssh -F /dev/null -p ${port} -i ${user} ${options.join(' ')}`
  return new RunByHand({
    name: 'rsync over ssh',
    program: 'rsync',
    args: [...RSYNC, '-e', ssh, `${a}/`, `127.0.0.1:${b}/`],
    server
  })
}

/** In socket mode. */
async function startUnison({ place, a, b, port }: Place): Promise<Contender> {
  const env = { UNISON: join(place, 'unison'), UNISONLOCALHOSTNAME: 'bench' }
  mkdirSync(env.UNISON)
  const server = spawn('unison', ['-socket', String(port)], { stdio: 'ignore', env: { ...process.env, ...env } })
  await answers(port)
  return new RunByHand({
    name: 'Unison',
    program: 'unison',
    args: [
      a,
      `socket://127.0.0.1:${port}/${b}`,
      '-batch',
      '-auto',
      '-times',
      '-perms',
      '-1',
      '-ignore',
      'Path .backer'
    ],
    env,
    server,
    timeStepNs: 1_000_000n
  })
}

/** A daemon of the superuser's would write as nobody. */
function asMyself(): string {
  const [user, group] = [process.getuid?.(), process.getgid?.()]
  return user === 0 && group !== undefined ? `uid = ${user}\ngid = ${group}\n` : ''
}

async function answers(port: number): Promise<void> {
  for (let i = 0; i < STARTS_MAX; i++) {
    if (await connects(port)) return
    await wait(20)
  }
  throw new Error(`nothing answers on port ${port}`)
}

function connects(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
