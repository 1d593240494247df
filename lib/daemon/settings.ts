import { isAbsolute, join } from 'node:path'
import { BackerError } from '../core/error.js'
import { readDocument } from '../home/damaged.js'
import { replacePrivateFile } from '../home/private-file.js'
import { parseBootstrap, parseLevel, parseListen, parsePort, parseRelays, type Config } from './config.js'
import { SCHEMA as DOCUMENT_SCHEMA, type SettingsDocument } from './document.js'
import { LOG_LEVELS } from './log-level.js'
import { readPassword } from './page-password.js'

/** What a user has set, by name: texts, as they were given. */
export type Settings = Readonly<Record<string, string>>

/** What a setting is. `check` throws USAGE for a value that makes no sense. */
export interface SettingKind {
  readonly name: string
  /** A sentence for people. */
  readonly description: string
  /** What holds where nothing is set. */
  readonly fallback: string
  /** The variable that goes before it. */
  readonly variable?: string
  /** Holds at once; the others from the next start on. */
  readonly isLive?: true
  /** Its value is run by the shell. */
  readonly runsCommands?: true
  /** It says who may reach the page. */
  readonly opensPage?: true
  readonly check: (value: string) => void
}

/** Events on which a command can be run. */
export const HOOK_EVENTS = [
  'changed',
  'conflict',
  'problem',
  'held',
  'in-sync',
  'stopped',
  'connected',
  'disconnected',
  'unseen'
] as const
export type HookEvent = (typeof HOOK_EVENTS)[number]

const SCHEMA = 1
const VALUE_CHARACTERS_MAX = 4096
const DEVICE_NAME_MAX = 64
const ALARM_DAYS = 7
const ALARM_DAYS_MAX = 3650

/** All settings that there are. */
export const SETTINGS: readonly SettingKind[] = [
  { name: 'name', description: 'what other devices call this one', fallback: "the host's name", check: checkName },
  {
    name: 'alarm-days',
    description: 'after how many days a device that is not seen is an alarm; 0: never',
    fallback: String(ALARM_DAYS),
    isLive: true,
    check: value => void checkDays(value)
  },
  {
    name: 'log',
    description: `how much is written to the log: ${LOG_LEVELS.join(', ')}`,
    fallback: 'info',
    variable: 'BACKER_LOG',
    check: value => void parseLevel(value, 'log')
  },
  {
    name: 'port',
    description: 'the TCP port to take connections at; 0: any',
    fallback: '49738, or any where that is taken',
    variable: 'BACKER_PORT',
    check: value => void parsePort('port', value)
  },
  {
    name: 'page-port',
    description: 'the port of the page on the loopback interface; 0: any',
    fallback: '8749, or any where that is taken',
    variable: 'BACKER_PAGE_PORT',
    check: value => void parsePort('page-port', value)
  },
  {
    name: 'page-listen',
    description: 'IP:PORT at which other machines reach the page, over TLS and with a password: see backer password',
    fallback: 'none',
    variable: 'BACKER_PAGE_LISTEN',
    opensPage: true,
    check: value => void parseListen('page-listen', value)
  },
  ...(['certificate', 'key'] as const).map((part): SettingKind => ({
    name: `page-${part}`,
    description: `a PEM file with the ${part === 'key' ? "certificate's key" : 'certificate'} of the page for other machines`,
    fallback: "backer's own",
    opensPage: true,
    check: checkAbsolute
  })),
  {
    name: 'lan',
    description: 'whether devices are looked for on the local network: on, off',
    fallback: 'on',
    variable: 'BACKER_NO_LAN',
    check: value => void parseSwitch(value)
  },
  {
    name: 'bootstrap',
    description: 'host:port,… of the DHT to use instead of the public one',
    fallback: 'the public DHT',
    variable: 'BACKER_BOOTSTRAP',
    check: value => void parseBootstrap(value, 'bootstrap')
  },
  {
    name: 'relays',
    description: 'public keys of relays, with commas between them',
    fallback: 'none',
    variable: 'BACKER_RELAY',
    check: value => void parseRelays(value, 'relays')
  },
  ...HOOK_EVENTS.map((event): SettingKind => ({
    name: `hook.${event}`,
    description: `a command for the shell, run on the event "${event}"`,
    fallback: 'none',
    isLive: true,
    runsCommands: true,
    check: () => undefined
  }))
]

/** Throws NO_PATH where there is no such setting. */
export function settingKind(name: string): SettingKind {
  const kind = SETTINGS.find(one => one.name === name)
  if (kind !== undefined) return kind
  throw new BackerError('NO_PATH', `there is no setting "${name}"`, { hint: 'See all of them with backer config.' })
}

/** What can be set, with what is. */
export function settingsDocument(settings: Settings): SettingsDocument {
  return {
    schema: DOCUMENT_SCHEMA,
    settings: SETTINGS.map(({ name, description, fallback, variable, isLive, runsCommands, opensPage }) => ({
      name,
      description,
      fallback,
      live: isLive === true,
      ...(runsCommands === true || opensPage === true ? { commandOnly: true as const } : {}),
      ...(variable === undefined ? {} : { variable }),
      ...(settings[name] === undefined ? {} : { value: settings[name] })
    }))
  }
}

/** Where a home's settings lie. */
export function settingsFile(home: string): string {
  return join(home, 'settings.json')
}

/** What the user has set. Throws MALFORMED once where the file is damaged (it is put aside), UNSUPPORTED where a newer backer wrote it. */
export async function readSettings(home: string): Promise<Settings> {
  const read = await readDocument(settingsFile(home), {
    what: 'the settings',
    schema: SCHEMA,
    hint: 'What was set there holds no more: look at that file, and set it again with backer config set.',
    parse: ({ settings }) => parseSettings(settings)
  })
  return read ?? {}
}

/** Sets values (undefined: back to what holds by itself), and gives all that is set then. Throws USAGE, and as `readSettings` does. */
export async function changeSettings(
  home: string,
  changes: Readonly<Record<string, string | null>>
): Promise<Settings> {
  if (typeof changes['page-listen'] === 'string') await requirePassword(home)
  const settings: Record<string, string> = { ...(await readSettings(home)) }
  for (const [name, value] of Object.entries(changes)) {
    const kind = settingKind(name)
    if (value === null) Reflect.deleteProperty(settings, name)
    else {
      checkValue(kind, value)
      settings[name] = value
    }
  }
  await replacePrivateFile(settingsFile(home), `${JSON.stringify({ schema: SCHEMA, settings }, undefined, 2)}\n`)
  return settings
}

/** What holds: what the environment says goes before what was set. Throws USAGE for a value that was written into the file by hand and makes no sense. */
export function withSettings(config: Config, settings: Settings): Config {
  for (const [name, value] of Object.entries(settings)) checkValue(settingKind(name), value)
  const { name, log, port, lan, bootstrap, relays } = settings
  return {
    ...config,
    deviceName: config.deviceName ?? name,
    logLevel: config.logLevel ?? parseLevel(log, 'log'),
    port: config.port ?? parsePort('port', port),
    pagePort: config.pagePort ?? parsePort('page-port', settings['page-port']),
    pageListen: config.pageListen ?? parseListen('page-listen', settings['page-listen']),
    pageCertificate: config.pageCertificate ?? settings['page-certificate'],
    pageKey: config.pageKey ?? settings['page-key'],
    lan: config.lan ?? (lan === undefined ? undefined : parseSwitch(lan)),
    bootstrap: config.bootstrap ?? parseBootstrap(bootstrap, 'bootstrap'),
    relays: config.relays ?? parseRelays(relays, 'relays')
  }
}

/** After how many days a device that is not seen is an alarm; Infinity: never. */
export function alarmDays(settings: Settings): number {
  const days = settings['alarm-days'] === undefined ? ALARM_DAYS : checkDays(settings['alarm-days'])
  return days === 0 ? Number.POSITIVE_INFINITY : days
}

function parseSettings(settings: unknown): Settings {
  if (typeof settings !== 'object' || settings === null) throw new TypeError('it has no settings')
  for (const value of Object.values(settings))
    if (typeof value !== 'string') throw new TypeError('a setting is no text')
  return settings as Settings
}

function checkValue(kind: SettingKind, value: string): void {
  if (value.length > VALUE_CHARACTERS_MAX || value.includes('\0') || value === '')
    throw new BackerError('USAGE', `the value of ${kind.name} is empty or too long`, {
      hint: `To take it back: backer config set ${kind.name} --unset`
    })
  kind.check(value)
}

/** Nothing is opened to other machines without a password. */
async function requirePassword(home: string): Promise<void> {
  if ((await readPassword(home)) !== undefined) return
  throw new BackerError('FORBIDDEN', 'the page is opened to other machines only with a password', {
    hint: 'Set one first: backer password'
  })
}

function checkAbsolute(value: string): void {
  if (!isAbsolute(value)) throw new BackerError('USAGE', `"${value}" is no absolute path`, { path: value })
}

function checkName(value: string): void {
  if (value.trim() === '' || Buffer.byteLength(value) > DEVICE_NAME_MAX)
    throw new BackerError('USAGE', `a device's name has 1 to ${DEVICE_NAME_MAX} bytes`)
}

function checkDays(value: string): number {
  if (/^\d{1,4}$/.test(value) && Number(value) <= ALARM_DAYS_MAX) return Number(value)
  throw new BackerError('USAGE', `"${value}" is no number of days`, {
    hint: `It is a number from 0 to ${ALARM_DAYS_MAX}.`
  })
}

function parseSwitch(value: string): boolean {
  if (value === 'on' || value === 'off') return value === 'on'
  throw new BackerError('USAGE', `"${value}" is neither on nor off`)
}
