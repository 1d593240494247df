import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { BackerError } from '../../core/error.js'
import { systemCode } from '../../home/private-file.js'
import { launchdPlist, systemdUnit, type ServiceJob } from './unit.js'

type Environment = Readonly<Record<string, string | undefined>>

/** How one system starts programs for a user, by the service that is called `name`. */
export interface Manager {
  readonly name: string
  /** The file that says what to start. */
  readonly file: string
  readonly text: (job: ServiceJob) => string
  /** Commands that have the system take the file in and start what it says. */
  readonly install: readonly Command[]
  /** Commands that have the system end it and forget the file, before and after this is removed. */
  readonly uninstall: { readonly before: readonly Command[]; readonly after: readonly Command[] }
  /** Ends with 0 where the service runs. */
  readonly isRunning: Command
  /** What a person should know. */
  readonly hint: string
}

export type Command = readonly [program: string, ...words: string[]]

/** How long the system may take to do what it is told. */
const COMMAND_DEADLINE_MS = 30_000

/** The service for the home `home`. Throws UNSUPPORTED on systems that backer knows no way for. */
export function managerFor(platform: NodeJS.Platform, env: Environment, home: string): Manager {
  const name = serviceName(env, home)
  if (platform === 'linux') return systemd(name, env)
  if (platform === 'darwin') return launchd(name, env)
  throw new BackerError('UNSUPPORTED', `backer can't make itself a service on ${platform}`, {
    hint: 'Have the system run at login: backer daemon'
  })
}

/** Two homes are two services. */
function serviceName(env: Environment, home: string): string {
  if ((env['BACKER_HOME'] ?? '') === '') return 'backer'
  return `backer-${createHash('sha256').update(home).digest('hex').slice(0, 8)}`
}

function systemd(name: string, env: Environment): Manager {
  const unit = `${name}.service`
  const config = env['XDG_CONFIG_HOME']
  const directory = config === undefined || config === '' ? join(homeOf(env), '.config') : resolve(config)
  const systemctl = (...words: string[]): Command => ['systemctl', '--user', ...words]
  return {
    name,
    file: join(directory, 'systemd', 'user', unit),
    text: systemdUnit,
    install: [systemctl('daemon-reload'), systemctl('enable', '--now', unit)],
    uninstall: { before: [systemctl('disable', '--now', unit)], after: [systemctl('daemon-reload')] },
    isRunning: systemctl('is-active', '--quiet', unit),
    hint: 'It runs while you are logged in. On a server, to have it run from the start of the machine: loginctl enable-linger'
  }
}

function launchd(name: string, env: Environment): Manager {
  const file = join(homeOf(env), 'Library', 'LaunchAgents', `${name}.plist`)
  const domain = `gui/${process.getuid?.() ?? 0}`
  return {
    name,
    file,
    text: launchdPlist,
    install: [['launchctl', 'bootstrap', domain, file]],
    uninstall: { before: [['launchctl', 'bootout', `${domain}/${name}`]], after: [] },
    isRunning: ['launchctl', 'print', `${domain}/${name}`],
    hint: 'It runs while you are logged in.'
  }
}

function homeOf(env: Environment): string {
  const { HOME = '' } = env
  return HOME === '' ? homedir() : HOME
}

/** Runs one command of a manager: what it ends with, and what it says. Throws UNSUPPORTED where there is no such program. */
export async function runCommand(
  [program, ...words]: Command,
  env: Environment
): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((done, fail) => {
    const options = { env: { ...env }, timeout: COMMAND_DEADLINE_MS }
    const child = execFile(program, words, options, (error, stdout, stderr) => {
      if (systemCode(error) === 'ENOENT') fail(noManager(program, error))
      else done({ code: error === null ? 0 : (child.exitCode ?? 1), said: `${stdout}${stderr}`.trim() })
    })
  })
}

function noManager(program: string, cause: unknown): BackerError {
  return new BackerError('UNSUPPORTED', `this system has no ${program}`, {
    hint: 'Have the system run at login, or at the start of the machine: backer daemon --foreground',
    cause
  })
}
